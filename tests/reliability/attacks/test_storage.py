"""The user's own object storage, which takes pictures before an order: it is no more trusted than a service."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.program import OFTEN, Program
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.sandbox.exchange import Reply
from reliability.attacks.attempt import COUNTS_MEMORY, MEGABYTE, attempt, measured, plain
from reliability.attacks.hostile import Endless, hostile
from reliability.attacks.test_links import listening
from reliability.port import Port, head, read

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from imgen_providers.sandbox.exchange import Call

PEAK = 300 * MEGABYTE
SECRET = "a-secret-that-opens-nothing"
FLOOD = Endless(b"HTTP/1.1 400 Bad\r\nContent-Length: 5000000000\r\n\r\n", bytes(8 * MEGABYTE))
INTERIM = Endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")
MISSING = Reply(404, b"")


@dataclass
class Storage:
    """A storage that speaks S3 as far as one picture needs it; `twist` gets what is asked and the honest answer.

    What is asked is "check", "put", "look" (by the reader of the link) or "remove".
    """

    twist: Callable[[str, Reply], Reply | Endless]
    held: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def resets(self, port: Port, stream: BinaryIO) -> bool:
        """No connection is reset."""
        return False

    def serve(self, port: Port, connection: socket.socket, stream: BinaryIO) -> bool:
        """One request and what becomes of it; whether the connection goes on."""
        call = read(stream, "")
        if call is None:
            return False
        asked, reply = self._honest(call)
        self.asked.append(asked)
        match self.twist(asked, reply):
            case Reply() as answer:
                connection.sendall(head(answer) + (b"" if call.method == "HEAD" else answer.body))
                return True
            case Endless(start, again):
                connection.sendall(start)
                while not self.over.wait(0.02):
                    connection.sendall(again)
        return False

    def _honest(self, call: Call) -> tuple[str, Reply]:
        held = self.held.get(call.path)
        match call.method:
            case "PUT":
                self.held[call.path] = call.body
                return "put", Reply(200, b"", headers={"ETag": '"1"'})
            case "DELETE":
                self.held.pop(call.path, None)
                return "remove", Reply(204, b"")
            case "POST":
                self.held.clear()
                return "remove", Reply(200, b"<DeleteResult/>", "application/xml")
            case _:
                asked = "look" if "put" in self.asked else "check"
                return asked, MISSING if held is None else Reply(200, held, "image/png", {"ETag": '"1"'})


@contextmanager
def storing(
    imgen: Program, origin: str, twist: Callable[[str, Reply], Reply | Endless]
) -> Iterator[tuple[Program, Storage]]:
    """The program with a picture to send, and this storage to send it through."""
    Image.new("RGB", (300, 300), "gold").save(imgen.cwd / "in.png")
    storage = Storage(twist)
    port = Port(storage)
    variables = {
        "IMGEN_UPLOAD": f"s3://bucket/references?endpoint={port.origin}",
        "AWS_ACCESS_KEY_ID": "unknown",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    there = imgen.at(origin)
    try:
        yield replace(there, variables={**there.variables, **variables}), storage
    finally:
        storage.over.set()
        port.close()


EDIT = ("edit", "at night", "-i", "in.png", "-p", "reapi", *OFTEN)


@COUNTS_MEMORY
@pytest.mark.parametrize(
    ("place", "code"),
    [
        pytest.param("check", ExitCode.KEY, marks=attempt(5, "a storage that answers a check without end", "not sent")),
        pytest.param("put", ExitCode.KEY, marks=attempt(5, "a storage that refuses a picture without end", "not sent")),
        pytest.param(
            "look", ExitCode.UNREACHABLE, marks=attempt(5, "a storage whose link answers without end", "not sent")
        ),
        pytest.param(
            "remove", ExitCode.DONE, marks=attempt(5, "a storage that refuses to forget without end", "all is saved")
        ),
    ],
)
def test_a_storage_does_not_fill_the_memory(imgen: Program, tmp_path: Path, place: str, code: ExitCode) -> None:
    with (
        hostile(tmp_path / "far side", seconds=0.05) as services,
        storing(imgen, services.services.origin, lambda asked, reply: FLOOD if asked == place else reply) as (here, _),
    ):
        found = measured(here, *EDIT, "--timeout", "15")

    assert (found.ended.code, plain(found.ended)) == (code, True), found.ended
    assert found.peak < PEAK
    assert SECRET not in found.ended.stderr
    assert services.counts["submit"] == (code == ExitCode.DONE)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=attempt(5, f"a storage that sends {what} on to this machine", "nothing goes there"))
        for place, what in (("check", "a check"), ("put", "a picture"), ("remove", "a removal"))
    ],
)
def test_a_storage_sends_nothing_on_to_another_place(imgen: Program, tmp_path: Path, place: str) -> None:
    with listening() as (port, visits):
        away = Reply(307, b"", headers={"Location": f"http://127.0.0.1:{port}/admin"})
        with (
            hostile(tmp_path / "far side", seconds=0.05) as services,
            storing(imgen, services.services.origin, lambda asked, reply: away if asked == place else reply) as (
                here,
                _,
            ),
        ):
            ended = here.run(*EDIT, "--timeout", "15")

    assert visits == []
    assert plain(ended), ended
    assert ended.code == (ExitCode.DONE if place == "remove" else ExitCode.KEY), ended
    assert services.counts["submit"] == (place == "remove")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=attempt(17, f"a storage that answers {place!r} with 1xx for ever", "the wait ends"))
        for place in ("check", "put", "look")
    ],
)
def test_a_storage_holds_no_order_beyond_its_timeout(imgen: Program, tmp_path: Path, place: str) -> None:
    with (
        hostile(tmp_path / "far side", seconds=0.05) as services,
        storing(imgen, services.services.origin, lambda asked, reply: INTERIM if asked == place else reply) as (
            here,
            _,
        ),
    ):
        began = time.monotonic()
        ended = here.run(*EDIT, "--timeout", "3")
        seconds = time.monotonic() - began
        later = here.run("status")

    assert seconds < 10
    assert all(map(plain, (ended, later))), ended
    assert services.counts["submit"] == 0
    assert [job.state for job in here.jobs()] == [State.CANCELLED], later
