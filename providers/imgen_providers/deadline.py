"""The end of a request by the clock: its connection is closed then, whatever still comes through it.

The timeouts of httpx start anew with each byte and with each interim answer (100 to 199; RFC 9110, 15.2), so a host
that sends either without end is waited for without end.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpcore import NetworkStream

_SLOWEST = 16 * 1024  # bytes a second that are sent at least


def sending(size: int) -> float:
    """Seconds that a body of so many bytes may take to leave."""
    return size / _SLOWEST


class Deadline:
    """A trace for httpx that closes the connection once `seconds` have passed since the block began; None: never.

    `trace` is called first. `kept` holds the connections that the client keeps open: the request may take one of
    them, which httpx does not report, and those it opens are added.
    """

    def __init__(
        self,
        seconds: float | None,
        trace: Callable[[str, dict[str, Any]], None] | None = None,
        kept: list[NetworkStream] | None = None,
    ) -> None:
        self.over = False
        self._trace = trace
        self._streams = [] if kept is None else kept
        self._timer = None if seconds is None else threading.Timer(seconds, self._end)

    def __enter__(self) -> Self:
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx for each thing that happens to a request."""
        if self._trace:
            self._trace(event, info)
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):  # a proxy has names of its own for them
            self._streams[:] = [stream for stream in self._streams if _is_open(stream)]
            self._streams.append(info["return_value"])
            if self.over:
                self._end()

    def _end(self) -> None:
        self.over = True
        for stream in list(self._streams):
            with suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def _is_open(stream: NetworkStream) -> bool:
    return bool(stream.get_extra_info("socket").fileno() != -1)
