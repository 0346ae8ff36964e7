"""Is the proxy named as the environment has it, and nothing of its password?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen_providers import connect
from imgen_providers.base import Account, ListsModels
from imgen_providers.errors import NotSent, Unreachable
from imgen_providers.proxies import proxy_of, way
from imgen_providers.testing.wire import WireServer, reply
from providers.sending import api, ended

if TYPE_CHECKING:
    from imgen_providers.client import Network

ORIGIN = "https://service.test"
DEAD = "http://me:pass-word@127.0.0.1:1/"


@pytest.mark.parametrize(
    ("variables", "answer"),
    [
        ({}, ""),
        ({"HTTP_PROXY": DEAD}, ""),
        ({"HTTPS_PROXY": DEAD}, " through the proxy 127.0.0.1:1 (HTTPS_PROXY)"),
        ({"all_proxy": "127.0.0.1:1"}, " through the proxy 127.0.0.1:1 (ALL_PROXY)"),
        ({"HTTPS_PROXY": DEAD, "NO_PROXY": "service.test"}, ""),
        ({"HTTPS_PROXY": DEAD, "NO_PROXY": "[::1],10.0.0.0/8,*.test"}, ""),
        (
            {"HTTPS_PROXY": DEAD, "NO_PROXY": "service.test:1"},
            " through the proxy 127.0.0.1:1 (HTTPS_PROXY)",
        ),
        ({"HTTPS_PROXY": DEAD, "NO_PROXY": "vice.test"}, " through the proxy 127.0.0.1:1 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": DEAD, "NO_PROXY": "*"}, ""),
        ({"HTTPS_PROXY": DEAD, "ALL_PROXY": "socks://127.0.0.1:2"}, " through the proxy 127.0.0.1:1 (HTTPS_PROXY)"),
    ],
)
def test_the_proxy_is_named(variables: dict[str, str], answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert way(ORIGIN) == answer


def test_a_service_behind_a_dead_proxy_is_said_with_it(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
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


@pytest.mark.parametrize(
    ("url", "exceptions", "taken"),
    [
        ("https://10.1.2.3/x", "10.0.0.0/8", False),
        ("https://10.1.2.3/x", "[::1],11.0.0.0/8", True),
        ("https://[2001:db8::1]/x", "[2001:db8::1]", False),
        ("https://[2001:db8::1]/x", "2001:db8::/32", False),
        ("https://service.test:8443/x", "service.test:8443", False),
        ("https://127.0.0.2/x", "", False),
        ("https://app.localhost/x", "", False),
        ("https://[::1]:8000/x", "", False),
    ],
)
def test_what_no_proxy_names_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, url: str, exceptions: str, taken: bool
) -> None:
    monkeypatch.setenv("ALL_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", exceptions)

    assert (proxy_of(url) is not None) is taken


@pytest.mark.parametrize(
    "variables",
    [
        {"NO_PROXY": "[::1]"},
        {"NO_PROXY": "10.0.0.0/8,[fe80::1%25eth0]"},
        {"ALL_PROXY": "socks://127.0.0.1:1", "HTTPS_PROXY": "gopher://x"},
        {"SSLKEYLOGFILE": "/nowhere/at/all"},
        {"SSL_CERT_FILE": "/nowhere/at/all"},
    ],
    ids=str,
)
def test_loopback_takes_nothing_from_the_environment(
    network: Network, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with WireServer(reply({"ok": True})) as server:
        assert api(server.origin, network).get("/models").json() == {"ok": True}


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ALL_PROXY": "socks://me:secret@127.0.0.1:1"}, "ALL_PROXY names a proxy"),
        ({"HTTPS_PROXY": "gopher://127.0.0.1:1", "ALL_PROXY": DEAD}, "HTTPS_PROXY names a proxy"),
        ({"SSLKEYLOGFILE": "/nowhere/at/all"}, "The file that SSLKEYLOGFILE names cannot be written"),
    ],
)
def test_what_blocks_a_service_is_named(
    network: Network, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    error = ended(ORIGIN, network)

    assert type(error) is NotSent
    assert named in error.message
    assert "secret" not in error.message
