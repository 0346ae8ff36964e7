"""The four services on raw sockets of this process, whose answers an attempt changes on their way."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from PIL import Image

from imgen_providers.sandbox.desk import Desk
from imgen_providers.sandbox.exchange import Reply, json_reply
from imgen_providers.sandbox.faults import FaultScript
from imgen_providers.sandbox.store import JobStore
from reliability.port import Port, head, read

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imgen_providers.sandbox.exchange import Call

_PAUSE = 0.02  # seconds between two pieces of what never ends


@dataclass(frozen=True, slots=True)
class Endless:
    """Bytes, and then others again and again until the client leaves."""

    start: bytes
    again: bytes


Answer = Reply | bytes | Endless


class _Noted:
    """A stream that notes every byte that came, also of a request that was cut short."""

    def __init__(self, stream: BinaryIO, received: bytearray) -> None:
        self._stream = stream
        self._received = received

    def readline(self) -> bytes:
        line = self._stream.readline()
        self._received += line
        return line

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._received += data
        return data


class Hostile:
    """Services and their pictures at two origins. `twist` gets the place, the request and the honest answer.

    A place is "submit", "poll" (every other question), "picture" or "upload". `received` is every byte that came.
    """

    def __init__(self, folder: Path, twist: Callable[[str, Call, Reply], Answer], seconds: float) -> None:
        self.twist = twist
        self.calls: list[tuple[str, Call]] = []
        self.received = bytearray()
        self.over = threading.Event()
        self._desk = Desk(JobStore(folder), FaultScript(()), seconds=seconds, now=time.time, closing=self.over)
        self.services, self.pictures = Port(self), Port(self)

    @property
    def counts(self) -> Counter[str]:
        """How many requests came for each place."""
        return Counter(place for place, _ in self.calls)

    def submits(self) -> list[Any]:
        """What was ordered, in order."""
        return [json.loads(call.body) for place, call in self.calls if place == "submit"]

    def resets(self, port: Port, stream: BinaryIO) -> bool:
        """No connection is reset."""
        return False

    def serve(self, port: Port, connection: socket.socket, stream: BinaryIO) -> bool:
        """One request and what becomes of it; whether the connection goes on."""
        call = read(cast("BinaryIO", _Noted(stream, self.received)), self.pictures.origin)
        if call is None:
            return False
        place = self._place(call)
        self.calls.append((place, call))
        answer = self.twist(place, call, self._honest(place, call))
        match answer:
            case Reply():
                connection.sendall(head(answer) + answer.body)
                return True
            case bytes():
                connection.sendall(answer)
            case Endless(start, again):
                connection.sendall(start)
                while not self.over.wait(_PAUSE):
                    connection.sendall(again)
        return False

    def _place(self, call: Call) -> str:
        if self._desk.is_submit(call.method, call.path):
            return "submit"
        if call.path.startswith("/sandbox/pictures/"):
            return "picture"
        return "upload" if call.method == "PUT" else "poll"

    def _honest(self, place: str, call: Call) -> Reply:
        """The sandbox's own answer, but for the pictures: those are small, since none is looked at."""
        if place != "picture":
            reply = self._desk.answer(call)
            if not call.path.endswith("/upload-url"):
                return reply
            here = (self.pictures.origin.encode(), self.services.origin.encode())  # uploads go to the services' own
            return replace(reply, body=reply.body.replace(*here))
        kind = call.path.rpartition(".")[2]
        return Reply(200, picture(kind), f"image/{kind}")


@cache
def picture(kind: str) -> bytes:
    """A whole picture of a format."""
    held = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(held, kind)
    return held.getvalue()


def honest(place: str, call: Call, reply: Reply) -> Answer:
    """The answer as it is."""
    return reply


@contextmanager
def hostile(
    folder: Path, twist: Callable[[str, Call, Reply], Answer] = honest, *, seconds: float = 0.2
) -> Iterator[Hostile]:
    """Hostile services for as long as the block lasts; their jobs take so many seconds."""
    server = Hostile(folder, twist, seconds)
    try:
        yield server
    finally:
        server.over.set()
        server.services.close()
        server.pictures.close()


def first_of(place: str, change: Callable[[Reply], Answer]) -> Callable[[str, Call, Reply], Answer]:
    """A twist of everything that concerns the first job that was ordered, at one place."""
    lock = threading.Lock()
    first: list[str] = []

    def twist(at: str, call: Call, reply: Reply) -> Answer:
        if at == "submit":
            with lock:
                mine = not first
                first.extend([remote_id(reply)] if mine else [])
        else:
            mine = bool(first) and first[0] in call.path
        return change(reply) if mine and at == place else reply

    return twist


def remote_id(reply: Reply) -> str:
    """The id in the answer to a submit."""
    body = json.loads(reply.body)
    found = body.get("data", body)
    return str(next(found[name] for name in ("request_id", "task_id", "id") if name in found))


def edited(reply: Reply, change: Callable[[Any], object]) -> Reply:
    """The answer with another value in place of its JSON."""
    return replace(reply, body=json_reply(reply.status, change(json.loads(reply.body))).body)


def texts(reply: Reply, old: str, new: str) -> Reply:
    """The answer with every text that holds `old` replaced by `new`."""

    def changed(value: Any) -> object:
        match value:
            case str():
                return new if old in value else value
            case list():
                return [changed(item) for item in value]
            case dict():
                return {key: changed(item) for key, item in value.items()}
            case _:
                return value

    return edited(reply, changed)
