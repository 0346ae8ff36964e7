"""The main thread's loop: a heap of what is due, and an inbox of what other threads have done."""

from __future__ import annotations

import heapq
import itertools
from queue import SimpleQueue
from typing import TYPE_CHECKING

from imgen.jobs.workers import Action, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen.jobs.clock import Clock

_SUBMITS, _POLLS, _DOWNLOADS = 16, 8, 4  # threads, at most; a blocking submit holds one for minutes


class Loop:
    """Runs actions in the main thread when they are due, and tasks in threads of three kinds.

    `tick` is called after every change and at least every `interval` seconds; `on_close` by each thread that ends.
    """

    def __init__(self, clock: Clock, tick: Action, interval: float, on_close: Action) -> None:
        self._clock = clock
        self._tick = tick
        self._interval = interval
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._inbox: SimpleQueue[Action] = SimpleQueue()
        self.submits = Workers("submit", _SUBMITS, self._inbox, on_close)
        self.polls = Workers("poll", _POLLS, self._inbox, on_close)
        self.downloads = Workers("download", _DOWNLOADS, self._inbox, on_close)

    def after(self, delay: float, action: Action) -> None:
        """Run an action `delay` seconds from now."""
        heapq.heappush(self._due, (self._clock.monotonic() + delay, next(self._order), action))

    def run(self, done: Callable[[], bool], deadline: float) -> bool:
        """Go on until `done` says so; False when the clock reached `deadline` (monotonic seconds) before."""
        while not done():
            now = self._clock.monotonic()
            if now >= deadline:
                return False
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            self._tick()
            next_due = self._due[0][0] if self._due else deadline
            self._receive(min(next_due, deadline) - now)
        return True

    def finish(self, workers: Workers, grace: float) -> None:
        """Give what some threads have under way at most `grace` seconds to end; nothing that is due is begun."""
        end = self._clock.monotonic() + grace
        while workers.pending and (left := end - self._clock.monotonic()) > 0:
            self._receive(left)

    def close(self, grace: float) -> None:
        """Let the threads end, waiting `grace` seconds for each."""
        for workers in (self.submits, self.polls, self.downloads):
            workers.close(grace)

    def _receive(self, timeout: float) -> None:
        busy = any(workers.pending for workers in (self.submits, self.polls, self.downloads))
        action = self._clock.receive(self._inbox, min(timeout, self._interval), busy=busy)
        while action is not None:
            action()
            action = None if self._inbox.empty() else self._inbox.get()
