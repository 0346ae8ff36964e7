"""Is the proxy named as the environment has it, and nothing of its password?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen_providers import connect
from imgen_providers.base import Account, ListsModels
from imgen_providers.errors import NotSent, Unreachable
from imgen_providers.proxies import proxy_for, way

if TYPE_CHECKING:
    from imgen_providers.client import Network

ORIGIN = "https://service.test"
DEAD = "http://me:pass-word@127.0.0.1:1/"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, ""),
        ({"HTTP_PROXY": DEAD}, ""),
        ({"HTTPS_PROXY": DEAD}, " through the proxy 127.0.0.1:1 (HTTPS_PROXY)"),
        ({"all_proxy": "127.0.0.1:1"}, " through the proxy 127.0.0.1:1 (ALL_PROXY)"),
        ({"HTTPS_PROXY": DEAD, "NO_PROXY": "service.test"}, ""),
    ],
)
def test_the_proxy_is_named(variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert way(ORIGIN) == told


@pytest.mark.parametrize(
    ("exempt", "url", "goes"),
    [
        ("service.test", ORIGIN, False),
        ("SERVICE.TEST", ORIGIN, False),
        (".test", ORIGIN, False),
        ("test", ORIGIN, False),
        ("*.test", ORIGIN, False),
        ("*", ORIGIN, False),
        ("service.test:443", "https://service.test:443", False),
        ("service.test:8443", "https://service.test:443", True),
        ("vice.test", ORIGIN, True),
        ("[::1]", ORIGIN, True),
        ("::1,[::1]:80,10.0.0.0/8,fe80::/10,[", ORIGIN, True),
        ("10.0.0.0/8", "https://10.1.2.3", False),
        ("10.0.0.0/8", "https://11.1.2.3", True),
        ("10.1.2.3", "https://10.1.2.3:8443", False),
        ("2001:db8::/32", "https://[2001:db8::1]", False),
        ("[2001:db8::1]", "https://[2001:db8::1]", False),
        ("", "https://127.0.0.2", False),
        ("", "https://app.localhost", False),
        ("", "https://[::1]:8000", False),
    ],
)
def test_no_proxy_is_read_in_every_form(exempt: str, url: str, goes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", exempt)

    assert (proxy_for(url) is not None) is goes


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:9", "gopher://me:pass-word@127.0.0.1:9"])
def test_only_the_proxy_that_an_address_takes_has_to_be_good(
    url: str, monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    monkeypatch.setenv("NO_PROXY", "[::1],10.0.0.0/8")

    network.new_client(ORIGIN).close()
    with pytest.raises(NotSent) as caught:
        network.new_client("http://service.test")

    assert caught.value.message.startswith("HTTP_PROXY names a proxy")
    assert "pass-word" not in caught.value.message


def test_a_service_behind_a_dead_proxy_is_told_with_it(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    monkeypatch.setenv("HTTPS_PROXY", DEAD)
    service = connect("gmicloud", Account(ORIGIN, "not-a-real-key"), network)
    assert isinstance(service, ListsModels)

    with pytest.raises(Unreachable) as caught:
        service.models()

    assert "could not be reached through the proxy 127.0.0.1:1 (HTTPS_PROXY)" in caught.value.message
    assert "pass-word" not in caught.value.message


def test_this_machine_is_reached_without_it(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    service = connect("gmicloud", Account("http://127.0.0.1:1", "not-a-real-key"), network)
    assert isinstance(service, ListsModels)

    with pytest.raises(Unreachable) as caught:
        service.models()

    assert "proxy" not in caught.value.message
