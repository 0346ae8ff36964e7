"""A clock whose time passes only when nothing is left to do."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from queue import SimpleQueue

Item = TypeVar("Item")

_START = 1_800_000_000.0  # a moment in January 2027
_PATIENCE = 5.0  # real seconds for a thread that is about to answer


class FakeClock:
    """An `imgen.jobs.clock.Clock` that a test moves, or that moves itself while the loop is idle."""

    def __init__(self) -> None:
        self.time = 0.0
        self._jumps: list[tuple[float, float]] = []

    def jump(self, at: float, seconds: float) -> None:
        """After `at` awake seconds the wall clock is `seconds` further: the laptop slept, or its clock was set."""
        self._jumps.append((at, seconds))

    def monotonic(self) -> float:
        """Awake seconds that have passed since this clock was made."""
        return self.time

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        return _START + self.time + sum(seconds for at, seconds in self._jumps if self.time >= at)

    def receive(self, inbox: SimpleQueue[Item], timeout: float, *, busy: bool) -> Item | None:
        """The next item; with none under way, None, and `timeout` seconds have passed at once."""
        try:
            return inbox.get(timeout=_PATIENCE) if busy else inbox.get_nowait()
        except queue.Empty:
            self.time += max(0.0, timeout)
            return None
