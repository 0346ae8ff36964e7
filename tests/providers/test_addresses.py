"""Which addresses count as the open internet."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen_providers.addresses import is_loopback_address, is_loopback_host, is_public, literal


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.0.10",
    "192.88.99.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%2",
    "fc00::1",
    "fd12::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "2001:0:1::1",
    "64:ff9b:1::1",
    "3fff::1",
    "5f00::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", [address for address in PRIVATE if ":" not in address])
def test_a_private_address_stays_private_inside_an_ipv6_one(address: str) -> None:
    packed = IPv4Address(address).packed
    first, second = packed[:2].hex(), packed[2:].hex()
    assert not is_public(ip_address(f"::ffff:{address}"))
    assert not is_public(ip_address(f"64:ff9b::{address}"))
    assert not is_public(ip_address(f"2002:{first}:{second}::1"))
    assert not is_public(ip_address(f"::{address}"))


@given(st.ip_addresses())
def test_an_address_is_never_public_and_this_machine(address: IPv4Address) -> None:
    assert not (is_public(address) and is_loopback_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.0.0.2",
        "127.255.255.254",
        "app.localhost",
        "App.LocalHost.",
        "[::1]",
        "127.1",
        "0x7f.1",
        "2130706433",
        "::1",
        "::ffff:127.0.0.1",
    ],
)
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "example.com", "localhost.example.com", "128.0.0.1", "::2", "notlocalhost", "127.0.0.1.example.com", "["],
)
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0xa.1", "10.0.0.1"),
        ("10.1", "10.0.0.1"),
        ("167772161", "10.0.0.1"),
        ("example.com", None),
        ("", None),
    ],
)
def test_a_host_may_spell_an_address_in_many_ways(host: str, address: str | None) -> None:
    assert literal(host) == (ip_address(address) if address else None)
