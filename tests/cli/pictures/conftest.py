"""A server that says exactly what a test wants on the wire."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from cli.pictures.photos import Desk
from imgen_providers.client import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Answer = bytes | tuple[bytes, bytes] | None
"""What one connection is sent before it is closed; after None it stays open and silent.

Of a pair, the second is sent over and over, ten times a second, until the other side has gone.
"""


_STOP = b"that is all"


class WireServer:
    """Answers each connection with the next prepared answer, and keeps every byte that arrived."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        self.received: list[bytes] = []
        self._answers = list(answers)
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        request = b""
        while request != _STOP:
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                request = self._request(connection)
                if request != _STOP:
                    self.received.append(request)
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        answer = self._answers.pop(0) if self._answers else b""
        if isinstance(answer, tuple):
            connection.sendall(answer[0])
            while not self._over.wait(0.1):
                connection.sendall(answer[1])
            return
        connection.sendall(answer or b"")
        if answer is None:
            self._over.wait(10)

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data and (piece := connection.recv(4096)):
            data += piece
            if data[:1] == b"\x16":  # the beginning of a TLS handshake
                break
        return data

    def close(self) -> None:
        """Stop; everything that arrived until now is in `received` afterwards."""
        self._over.set()
        if self._thread.is_alive():
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                connection.sendall(_STOP)
            self._thread.join(10)
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., WireServer]]:
    """Starts servers: `serve(b"HTTP/1.1 200 OK...", ...)`."""
    servers: list[WireServer] = []

    def start(*answers: Answer) -> WireServer:
        servers.append(WireServer(answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may have a proxy; the tests bring their own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def network() -> Iterator[Network]:
    """The network of a process that waits at most a moment."""
    network = Network(user_agent="imgen-test", connect_seconds=5, read_seconds=0.5, now=lambda: 1_000_000_000.0)
    yield network
    network.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty one."""
    return Desk(tmp_path)
