"""Time, as an argument: what waits here can be driven by a test's clock."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from queue import SimpleQueue

Item = TypeVar("Item")


def boot_seconds() -> float:
    """Seconds since this machine started, those in which it slept or this process was stopped among them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux alone has it
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Clock(Protocol):
    """What the follower knows of time; both readings are in seconds."""

    def monotonic(self) -> float:
        """Awake time since some moment: a sleeping laptop does not wait.

        So it is on Linux and macOS. On Windows Python has no such clock (PEP 418), and sleep counts: a wait may then
        end early, which costs nothing, because jobs go on.
        """
        ...

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def receive(self, inbox: SimpleQueue[Item], timeout: float, *, busy: bool) -> Item | None:
        """The next item, or None after `timeout` seconds. `busy`: some thread is about to put one in."""
        ...


class SystemClock:
    """The time of this machine."""

    def monotonic(self) -> float:
        """Awake time in seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def receive(self, inbox: SimpleQueue[Item], timeout: float, *, busy: bool) -> Item | None:  # noqa: ARG002
        """The next item, or None after `timeout` seconds, which may be infinite.

        First without waiting: until then a new queue's lock is free, and CPython (3.11, 2026-11-26) waits for ever
        where it takes a free lock, finds nothing, and the time is over before its second try.
        """
        with suppress(queue.Empty):
            return inbox.get_nowait()
        with suppress(queue.Empty):
            return inbox.get(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX))
        return None
