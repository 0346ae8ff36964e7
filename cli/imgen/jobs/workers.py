"""Small sets of daemon threads that do the HTTP, so that Ctrl-C never waits for a request.

(A ThreadPoolExecutor holds the process after Ctrl-C until its longest request has ended.)
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Outcome = TypeVar("Outcome")
Action = Callable[[], None]


class Workers:
    """At most `limit` daemon threads; what comes of their tasks is handed to the main thread through `inbox`.

    Each thread calls `on_close` when it ends, to close what is its own.
    """

    def __init__(self, name: str, limit: int, inbox: queue.SimpleQueue[Action], on_close: Action) -> None:
        self._name = name
        self._limit = limit
        self._inbox = inbox
        self._close_connections = on_close
        self._tasks: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.pending = 0

    def start(self, task: Callable[[], Outcome], then: Callable[[Outcome], None]) -> None:
        """Run `task` in a thread as soon as one is free, and `then` in the main thread with what came of it.

        An error that the task raises is raised again in the main thread.
        """

        def work() -> None:
            try:
                outcome = task()
            except BaseException as error:  # noqa: BLE001  the outermost edge of a thread
                self._inbox.put(lambda error=error: self._fail(error))  # type: ignore[misc]
            else:
                self._inbox.put(lambda: self._hand_over(then, outcome))

        self.pending += 1
        if self.pending > len(self._threads) < self._limit:
            thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put(work)

    def close(self, grace: float) -> None:
        """Let idle threads end, waiting `grace` seconds for each; one in a request is left to the process's end."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(grace)

    def _run(self) -> None:
        while (work := self._tasks.get()) is not None:
            work()
        self._close_connections()

    def _hand_over(self, then: Callable[[Outcome], None], outcome: Outcome) -> None:
        self.pending -= 1
        then(outcome)

    def _fail(self, error: BaseException) -> None:
        self.pending -= 1
        raise error
