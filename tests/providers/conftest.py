"""What the provider tests share: a network that is closed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen_providers.client import Network
from providers.sending import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def network() -> Iterator[Network]:
    """One process's HTTP, whose wall clock stands still."""
    network = Network(user_agent="imgen-tests/1", connect_seconds=5.0, read_seconds=5.0, now=lambda: NOW)
    yield network
    network.close()


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    """Questions are asked again at once, so that no test sleeps."""
    import stamina

    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)
