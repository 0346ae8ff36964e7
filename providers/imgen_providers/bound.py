"""A bound on the whole time of an HTTP exchange, whatever comes through its connection.

httpx knows timeouts between two reads only: a byte every now and then, or 1xx answers without end, hold a request for
ever. So the connection itself is shut down when the time is over, which httpx reports as a broken read.
"""

from __future__ import annotations

import socket
import threading
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
        self._timer: threading.Timer | None = None
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
        self.end()
        if seconds is not None and not self.over:
            self._timer = threading.Timer(seconds, self._shut)
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """The exchange is over, or has no bound any more."""
        if self._timer:
            self._timer.cancel()

    def _shut(self) -> None:
        self.over = True
        for stream in list(self._streams):
            with suppress(OSError, AttributeError):  # closed meanwhile
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
