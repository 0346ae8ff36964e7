"""Is the proxy named as the environment has it, and nothing of its password?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen_providers import connect
from imgen_providers.base import Account, ListsModels
from imgen_providers.errors import Unreachable
from imgen_providers.proxies import way

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
