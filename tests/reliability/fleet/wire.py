"""A network between one process and PostgreSQL that reads along, and loses the commit or the answer that a test names.

It understands as much of the protocol as that takes: messages, and the text of a simple query
(https://www.postgresql.org/docs/current/protocol-message-formats.html, read 2026-11-26).
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

_PIECE = 65_536
_LATE = 2.0  # seconds
_PATIENCE = 30.0  # seconds for a server to answer a commit


class Loss(Enum):
    """What is lost of a commit; the client sees the same each time: its connection has ended."""

    COMMIT = "it never arrives"
    ANSWER = "it is made, and its answer is lost"
    LATE = "it arrives once the client has given the connection up"


class Wire:
    """A port of this machine that leads to a server at another one; `lose` is asked at each commit.

    It is given the statements of the transaction, and returns what is lost of the commit, if anything. `lost` counts.
    """

    def __init__(self, to: int, lose: Callable[[str], Loss | None]) -> None:
        self.lost = 0
        self._to = to
        self._lose = lose
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for end in self._ends:
            _end(end)

    def through(self, url: str) -> str:
        """The URL of a database on the server, by way of this wire; encrypted, it could not be read."""
        mark = "&" if "?" in url else "?"
        return f"{url.replace(f':{self._to}/', f':{self.port}/')}{mark}sslmode=disable"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # it is away
                    _end(client)
                    continue
                self._ends += (client, server)
                answered = threading.Event()
                deaf = threading.Event()
                threading.Thread(target=_answers, args=(server, client, deaf, answered), daemon=True).start()
                threading.Thread(target=self._carry, args=(client, server, deaf, answered), daemon=True).start()

    def _carry(
        self, client: socket.socket, server: socket.socket, deaf: threading.Event, answered: threading.Event
    ) -> None:
        """From the client to the server, message by message."""
        said = ""
        with suppress(OSError):
            for message in _messages(client):
                text = _query(message)
                if text.startswith("BEGIN"):
                    said = ""
                said += text
                loss = self._decide(said) if text == "COMMIT" else None
                if loss is None:
                    server.sendall(message)
                    continue
                if loss is not Loss.COMMIT:
                    self._commit_deaf(client, server, message, loss, deaf, answered)
                break
        _end(client)
        _end(server)

    def _decide(self, said: str) -> Loss | None:
        with self._lock:
            loss = self._lose(said)
            self.lost += loss is not None
            return loss

    def _commit_deaf(
        self,
        client: socket.socket,
        server: socket.socket,
        commit: bytes,
        loss: Loss,
        deaf: threading.Event,
        answered: threading.Event,
    ) -> None:
        """Let the server commit, and let its answer reach no one."""
        deaf.set()
        answered.clear()
        if loss is Loss.LATE:
            _end(client)
            time.sleep(_LATE)
        server.sendall(commit)
        answered.wait(_PATIENCE)


def _answers(server: socket.socket, client: socket.socket, deaf: threading.Event, answered: threading.Event) -> None:
    """From the server to the client, until the client is to hear nothing more."""
    with suppress(OSError):
        while piece := server.recv(_PIECE):
            if not deaf.is_set():
                client.sendall(piece)
            answered.set()
    answered.set()
    if not deaf.is_set():
        _end(client)


def _messages(client: socket.socket) -> Iterator[bytes]:
    """Each message that a client sends, whole; the first has no letter before its length."""
    kept, letter = b"", 0
    while piece := client.recv(_PIECE):
        kept += piece
        while len(kept) >= letter + 4:
            size = letter + int.from_bytes(kept[letter : letter + 4], "big")
            if len(kept) < size:
                break
            yield kept[:size]
            kept, letter = kept[size:], 1


def _query(message: bytes) -> str:
    """The text of a simple query, or of a statement that is prepared; of all else, nothing."""
    match message[:1]:
        case b"Q":
            return message[5:-1].decode()
        case b"P":
            return message[5:].split(b"\0")[1].decode()
        case _:
            return ""


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
