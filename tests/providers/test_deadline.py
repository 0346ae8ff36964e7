"""The end of a request by the clock, against hosts that send something for ever."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from imgen_providers.errors import Uncertain, Unreachable
from imgen_providers.network import Network
from providers.sending import api, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"
ENDLESS = {
    "interim answers": (INTERIM, INTERIM),
    "a header": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
}
SECONDS = 0.4
TRIES = 3  # of a question
GRACE = 5.0  # seconds, for a machine with much to do


@contextmanager
def endless(start: bytes, again: bytes, *, whole: int = 0) -> Iterator[str]:
    """A host that answers `whole` requests as usual, and from then on sends `again` for ever."""
    over = threading.Event()

    def converse(connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            for turn in range(whole + 1):
                head = b"".join(iter(stream.readline, b"\r\n")).lower()
                stream.read(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or 0))
                connection.sendall(WHOLE if turn < whole else start)
            while not over.wait(0.05):
                connection.sendall(again)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def hasty() -> Iterator[Network]:
    """Connections with little time for a question."""
    network = Network(user_agent="imgen-tests/1", question_seconds=SECONDS)
    yield network
    network.close()


@pytest.mark.parametrize("what", ENDLESS)
def test_a_question_ends_by_the_clock(hasty: Network, what: str) -> None:
    with endless(*ENDLESS[what]) as origin:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="came too slowly"):
            api(origin, hasty).get("/jobs")
        assert time.monotonic() - began < TRIES * SECONDS + GRACE


def test_a_connection_that_was_kept_open_is_left_by_the_clock_and_the_question_asked_on_another(hasty: Network) -> None:
    with endless(INTERIM, INTERIM, whole=1) as origin:
        service = api(origin, hasty)
        service.get("/jobs")
        began = time.monotonic()
        assert service.get("/jobs").body == b"{}"
        assert SECONDS <= time.monotonic() - began < SECONDS + GRACE


@pytest.mark.parametrize("what", ENDLESS)
def test_a_submit_without_an_end_of_its_answer_is_uncertain(hasty: Network, what: str) -> None:
    with endless(*ENDLESS[what]) as origin:
        service = api(origin, hasty)
        service.submit_seconds = SECONDS
        with pytest.raises(Uncertain, match="came too slowly"):
            service.post_once("/submit", {"prompt": "a fox"})


def test_an_upload_ends_by_the_clock(hasty: Network, tmp_path: Path) -> None:
    with endless(INTERIM, INTERIM) as origin:
        began = time.monotonic()
        with pytest.raises(Unreachable):
            api(origin, hasty).put_file(f"{origin}/place", picture(tmp_path, 1000))
        assert time.monotonic() - began < SECONDS + GRACE


def test_a_deadline_that_was_not_needed_leaves_no_thread_behind() -> None:
    patient = Network(user_agent="imgen-tests/1", question_seconds=600.0)
    with endless(INTERIM, INTERIM, whole=3) as origin:
        service = api(origin, patient)
        for _ in range(3):
            service.get("/jobs")
        patient.close()
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in timers:
        timer.join(GRACE)
    assert not any(timer.is_alive() for timer in timers)
