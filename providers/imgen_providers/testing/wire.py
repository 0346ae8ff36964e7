"""A service's side of the wire for tests: a real TCP server that follows a script, faults included.

It counts every request that reached it whole, so a test can say "sent exactly once" and mean it.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from imgen_providers.base import Json


class Fault(Enum):
    """What a server can do to a request instead of answering it."""

    RESET_ON_ACCEPT = auto()  # before anything is read
    RESET_MID_BODY = auto()  # after the headers and a piece of the body
    RESET_AFTER_READ = auto()
    CLOSE_AFTER_READ = auto()
    HANG = auto()  # read everything, say nothing


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `missing` bytes of the announced length are never sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0


def reply(body: Json | str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with this text, or this value as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(status, text.encode(), headers or {})


class Received(NamedTuple):
    """One request as it arrived; `headers` have their names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """The body as JSON."""
        value: Json = json.loads(self.body)
        return value


class WireServer:
    """Answers each request with the next entry of its script, the last one again and again."""

    def __init__(self, *script: Reply | Fault) -> None:
        self.script = list(script) or [Reply()]
        self.requests: list[Received] = []
        self.connections = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        # accept() wakes up when the listener is shut down
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the other side hung up already
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _next(self) -> Reply | Fault:
        with self._lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            with connection.makefile("rb") as stream:
                while not self._stop.is_set() and self._exchange(connection, stream):
                    pass
        except OSError:
            pass  # the other side went away, which is its right
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _exchange(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """One request and what the script does to it; whether the connection goes on."""
        if self.script[0] is Fault.RESET_ON_ACCEPT:
            self._next()
            return _reset(connection)
        method, _, rest = stream.readline().decode().partition(" ")
        if not method:
            return False
        lines = iter(lambda: stream.readline().decode().strip(), "")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self.script[0] is Fault.RESET_MID_BODY:
            stream.read(1000)
            self._next()
            return _reset(connection)
        body = stream.read(int(headers.get("content-length", "0")))
        if len(body) < int(headers.get("content-length", "0")):
            return False
        with self._lock:
            self.requests.append(Received(method, rest.rpartition(" ")[0], headers, body))
        match self._next():
            case Reply() as answer:
                return _send(connection, answer)
            case Fault.HANG:
                self._stop.wait()
                return False
            case Fault.CLOSE_AFTER_READ:
                return False
            case _:
                return _reset(connection)


def _reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _send(connection: socket.socket, answer: Reply) -> bool:
    length = str(len(answer.body) + answer.missing)
    headers = {"Content-Type": "application/json", "Content-Length": length, **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + answer.body)
    return not answer.missing
