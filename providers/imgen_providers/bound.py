"""A bound on the whole time of an HTTP exchange, whatever comes through its connection.

httpx knows timeouts between two reads only: a byte every now and then, or 1xx answers without end, hold a request for
ever. So the connection itself is shut down when the time is over, which httpx reports as a broken read.
"""

from __future__ import annotations

import math
import socket
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSet

    from httpcore import NetworkStream

    Streams = MutableSet[NetworkStream]


def no_streams() -> Streams:
    """A set for the connections of one client that is kept; a closed connection leaves it by itself."""
    return weakref.WeakSet()


class _Watch:
    """The one thread that shuts connections down when their time is over.

    A `threading.Timer` is a thread: two of them for every poll took as much CPU as the poll (2026-11-26).
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ends: dict[Bound, float] = {}  # monotonic seconds
        self._wakes_at = 0.0
        self._thread: threading.Thread | None = None

    def begin(self, bound: Bound, seconds: float) -> None:
        """Let a bound expire so many seconds from now, whatever was meant for it before."""
        end = time.monotonic() + seconds
        with self._changed:
            self._ends[bound] = end
            if self._thread is None or not self._thread.is_alive():  # a fork has no threads of its parent
                self._thread = threading.Thread(target=self._run, name="bounds", daemon=True)
                self._thread.start()
            elif end < self._wakes_at:
                self._changed.notify()

    def end(self, bound: Bound) -> None:
        """Let a bound never expire."""
        with self._changed:
            self._ends.pop(bound, None)

    def _run(self) -> None:
        while True:
            for bound in self._wait():
                bound.expire()

    def _wait(self) -> list[Bound]:
        """The bounds whose time is over, once there are some."""
        with self._changed:
            while True:
                now = time.monotonic()
                over = [bound for bound, end in self._ends.items() if end <= now]
                if over:
                    for bound in over:
                        del self._ends[bound]
                    return over
                self._wakes_at = min(self._ends.values(), default=math.inf)
                self._changed.wait(min(self._wakes_at - now, threading.TIMEOUT_MAX))


_watch = _Watch()


class Bound:
    """A trace for httpx that shuts the connection down once `seconds` have passed; None is no bound.

    Events go on to `trace`. A client that keeps its connections needs one set of `streams` for all its requests: of a
    connection that is used again, no event names the stream. Use as a context manager around the exchange.
    """

    def __init__(
        self,
        seconds: float | None,
        trace: Callable[[str, dict[str, Any]], None] | None = None,
        streams: Streams | None = None,
    ) -> None:
        self._trace = trace
        self._streams = no_streams() if streams is None else streams
        self.over = False
        self.restart(seconds)

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx for each thing that happens to a request."""
        if self._trace:
            self._trace(event, info)
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):  # a proxy has names of its own for them
            self._streams.add(info["return_value"])
            if self.over:
                self._shut()

    def __enter__(self) -> Bound:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def restart(self, seconds: float | None) -> None:
        """Count anew from here."""
        if seconds is None or self.over:
            self.end()
        else:
            _watch.begin(self, seconds)

    def end(self) -> None:
        """The exchange is over, or has no bound any more."""
        _watch.end(self)

    def expire(self) -> None:
        """Shut the connection down: the time is over."""
        self.over = True
        self._shut()

    def _shut(self) -> None:
        for stream in list(self._streams):
            with suppress(OSError, AttributeError):  # closed meanwhile
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
