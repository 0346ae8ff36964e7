"""A network between one worker and the database that can lose every packet, and keep the connections open."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_PIECE = 65_536


class Gate:
    """A port that leads to one of this machine; while it is `shut`, nothing comes through, and nothing ends.

    It is a port of this machine too, unless a `listener` is given.
    """

    def __init__(self, to: int, listener: socket.socket | None = None) -> None:
        self._to = to
        self._open = threading.Event()
        self._open.set()
        self._ends: list[socket.socket] = []
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """From now on every byte waits."""
        self._open.clear()

    def open(self) -> None:
        """What waited goes on."""
        self._open.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open()
        self._listener.close()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                try:
                    there = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # it has ended
                    here.close()
                    continue
                self._ends += (here, there)
                for source, sink in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                self._open.wait()
                sink.sendall(piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
