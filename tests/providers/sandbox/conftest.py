"""What the sandbox's tests share: servers that are closed afterwards, and a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen_providers.sandbox.faults import parse_faults
from imgen_providers.sandbox.server import SandboxServer
from providers.sandbox.asking import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def clock() -> Clock:
    """The time the servers of this test believe in."""
    return Clock()


@pytest.fixture
def start(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., SandboxServer]]:
    """Starts a server on this test's folder; `start("lost-reply", seconds=4)`."""
    servers: list[SandboxServer] = []

    def start(faults: str = "", seconds: float = 8.0, log: Callable[[str], None] | None = None) -> SandboxServer:
        server = SandboxServer(tmp_path / "sandbox", seconds=seconds, faults=parse_faults(faults), now=clock, log=log)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(start: Callable[..., SandboxServer]) -> SandboxServer:
    """A server without faults, whose jobs take eight seconds of the test's clock."""
    return start()
