"""A wire between a program and its database that a test cuts: before a commit arrives, or before its answer does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Cut(Enum):
    """When the wire is cut, once."""

    BEFORE_COMMIT = "the commit never arrives"
    BEFORE_ANSWER = "the commit arrives, and its answer is lost"


class Proxy:
    """Passes bytes on to a server on this machine, at `port`."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut: Cut | None = None
        """What happens at the next commit."""
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self._open += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(65536):
                # A query is the letter Q, its length, and a text that ends with a zero byte.
                if self.cut and piece.startswith(b"Q") and piece[5:].startswith(b"COMMIT"):
                    cut, self.cut = self.cut, None
                    _close(client)
                    if cut is Cut.BEFORE_ANSWER:
                        server.sendall(piece)
                        while server.recv(65536):  # to the server's own end of it
                            break
                    break
                server.sendall(piece)
        _close(client)
        _close(server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(65536):
                client.sendall(piece)
        _close(client)


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
