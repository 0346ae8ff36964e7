"""Does an exchange end with its bound, and do many bounds share one thread?"""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from imgen_providers.bound import Bound, no_streams

if TYPE_CHECKING:
    from collections.abc import Iterator

import pytest

SOON, LATER = 0.02, 600.0  # seconds


class Stream:
    """What httpx names in its events: one end of a real connection."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def get_extra_info(self, info: str) -> socket.socket | None:
        return self.end if info == "socket" else None


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.settimeout(20.0)
        yield ours, theirs


def connected(bound: Bound, end: socket.socket) -> Stream:
    """The stream of a connection that was just made under the bound; the caller keeps it alive."""
    stream = Stream(end)
    bound("connection.connect_tcp.complete", {"return_value": stream})
    return stream


def test_the_connection_is_shut_down_when_the_time_is_over(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    with Bound(LATER) as bound:
        stream = connected(bound, ours)

        bound.restart(SOON)  # earlier than what the thread waits for

        assert theirs.recv(1) == b"", "the other end reads the end of it"
        assert bound.over
    assert stream.end is ours


def test_a_connection_that_is_made_after_the_time_is_shut_down_at_once(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    with Bound(LATER) as bound:
        bound.expire()

        stream = connected(bound, ours)

        assert theirs.recv(1) == b""
    assert stream.end is ours


def test_an_exchange_that_ended_is_left_alone(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    streams = no_streams()
    with Bound(SOON, streams=streams) as ended:
        stream = connected(ended, ours)
    another, far = socket.socketpair()
    far.settimeout(20.0)
    with closing(another), closing(far), Bound(2 * SOON) as bound:
        kept = connected(bound, another)
        assert far.recv(1) == b"", "by now the first one's time is over too"
        assert kept.end is another

    ours.sendall(b"!")
    assert theirs.recv(1) == b"!"
    assert not ended.over
    assert len(streams) == 1
    assert stream.end is ours


def test_a_thousand_bounds_take_one_thread() -> None:
    with Bound(LATER):
        before = threading.active_count()
        bounds = [Bound(LATER) for _ in range(1000)]

        assert threading.active_count() == before
        for bound in bounds:
            bound.end()
