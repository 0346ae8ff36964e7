"""The main thread's loop: a heap of what is due, an inbox of what threads have done, and the threads that do HTTP.

They are daemon threads, so that Ctrl-C never waits for a request. (A ThreadPoolExecutor holds the process after Ctrl-C
until its longest request has ended.)
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imgen.errors import LedgerUnusable

if TYPE_CHECKING:
    from imgen.jobs.clock import Clock


class Threads(NamedTuple):
    """How many threads of each kind there are, at most; a submit that blocks holds one for minutes."""

    submits: int = 16
    polls: int = 8
    downloads: int = 4


FEW = Threads(4, 4, 4)
"""For a worker of a fleet: each has its own connection to the ledger, and a worker that is killed leaves as many
uncertain jobs as it had submits on their way."""

Outcome = TypeVar("Outcome")
Action = Callable[[], None]


class Inbox:
    """What threads have done, for the main thread, which deals with each before it lets go of it.

    A Ctrl-C may come at any instruction. An outcome that was taken out first would be gone then, and it may be the
    only copy of a paid job's remote id; left where it is, it is met once more.
    """

    def __init__(self) -> None:
        self._outcomes: deque[Action] = deque()
        self._arrived: SimpleQueue[str] = SimpleQueue()

    def __len__(self) -> int:
        return len(self._outcomes)

    def put(self, outcome: Action) -> None:
        """Hand over an outcome, from any thread."""
        self._outcomes.append(outcome)
        self._arrived.put("an outcome")

    def wait(self, clock: Clock, timeout: float, *, busy: bool) -> None:
        """Return once there is an outcome, or after `timeout` seconds. `busy`: some thread is about to put one in."""
        if not self._outcomes:
            clock.receive(self._arrived, timeout, busy=busy)

    def deal_with_next(self) -> None:
        """Deal with the oldest outcome, then let go of it; one that a Ctrl-C cut short stays."""
        try:
            self._outcomes[0]()
        except Exception:
            self._outcomes.popleft()
            raise
        self._outcomes.popleft()
        with suppress(Empty):
            self._arrived.get_nowait()


class Workers:
    """At most `limit` daemon threads; what comes of their tasks is handed to the main thread through `inbox`.

    Each thread calls `on_close` when it ends, to close what is its own.
    """

    def __init__(self, name: str, limit: int, inbox: Inbox, on_close: Action) -> None:
        self._name = name
        self._limit = limit
        self._inbox = inbox
        self._close_connections = on_close
        self._tasks: SimpleQueue[tuple[object, Action] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way: set[object] = set()

    @property
    def pending(self) -> int:
        """How many tasks are not dealt with yet."""
        return len(self._under_way)

    def start(
        self,
        task: Callable[[], Outcome],
        then: Callable[[Outcome], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run `task` in a thread as soon as one is free; then, in the main thread, `then` with what came of it.

        An exception that the task raises goes to `failed` in the main thread; what is none, such as
        `KeyboardInterrupt`, is raised there.
        """

        token = object()  # names the task; a function that names itself would be garbage, with all that it holds

        def work() -> None:
            try:
                outcome = task()
            except Exception as error:  # noqa: BLE001  the outermost edge of a thread
                self._inbox.put(lambda error=error: self._end(token, lambda: failed(error)))  # type: ignore[misc]
            except BaseException as error:  # noqa: BLE001  the same
                self._inbox.put(lambda error=error: self._raise(token, error))  # type: ignore[misc]
            else:
                self._inbox.put(lambda: self._end(token, lambda: then(outcome)))

        self._under_way.add(token)
        if self.pending > len(self._threads) < self._limit:
            thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put((token, work))

    def withdraw(self) -> None:
        """Take back the tasks that no thread has begun: nothing comes of them."""
        while not self._tasks.empty():
            try:
                task = self._tasks.get_nowait()
            except Empty:
                break  # a thread took it meanwhile
            if task:
                self._under_way.discard(task[0])

    def close(self, grace: float) -> None:
        """Begin no further task and let the threads end, waiting `grace` seconds for each.

        A thread in a request is left to the process's end.
        """
        self.withdraw()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(grace)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task[1]()
            del task  # while it waits for the next one, nothing is held
        self._close_connections()

    def _end(self, token: object, action: Action) -> None:
        self._under_way.discard(token)
        action()

    def _raise(self, token: object, error: BaseException) -> None:
        """Raise what ended a task, once: it may be met again after a Ctrl-C."""
        if token in self._under_way:
            self._under_way.discard(token)
            raise error


class Loop:
    """Runs actions in the main thread when they are due, and tasks in threads of three kinds.

    `tick` is called after every change and at least every `interval` seconds; `on_close` by each thread that ends.
    Whatever is put into the `inbox` wakes it.
    """

    def __init__(
        self,
        clock: Clock,
        tick: Action,
        interval: float,
        on_close: Action,
        inbox: Inbox,
        threads: Threads = Threads(),  # noqa: B008  (it cannot be changed)
    ) -> None:
        self._clock = clock
        self._tick = tick
        self._interval = interval
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._inbox = inbox
        self.submits = Workers("submit", threads.submits, self._inbox, on_close)
        self.polls = Workers("poll", threads.polls, self._inbox, on_close)
        self.downloads = Workers("download", threads.downloads, self._inbox, on_close)

    def after(self, delay: float, action: Action) -> None:
        """Run an action `delay` seconds from now."""
        heapq.heappush(self._due, (self._clock.monotonic() + delay, next(self._order), action))

    def run(self, done: Callable[[], bool], deadline: float) -> bool:
        """Run until `done` returns True; False when the clock reached `deadline` (monotonic seconds) before."""
        while not done():
            now = self._clock.monotonic()
            if now >= deadline:
                return False
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            self._tick()
            if done():  # by what was due: nothing more will come to be received
                break
            next_due = self._due[0][0] if self._due else deadline
            self._receive(min(next_due, deadline) - now, deadline)
        return True

    def finish(self, workers: Workers, grace: float) -> None:
        """Give what some threads have under way at most `grace` seconds to end; nothing that is due is begun.

        An outcome that a Ctrl-C cut short is dealt with too, though its task has ended. Where the ledger fails at
        one, the others are dealt with first, and the first `LedgerUnusable` is raised then.
        """
        end = self._clock.monotonic() + grace
        failure: LedgerUnusable | None = None
        while (workers.pending or self._inbox) and (left := end - self._clock.monotonic()) > 0:
            try:
                self._receive(left, end)
            except LedgerUnusable as error:
                failure = failure or error
        if failure:
            raise failure

    def close(self, grace: float) -> None:
        """Let the threads end, waiting `grace` seconds for each."""
        for workers in (self.submits, self.polls, self.downloads):
            workers.close(grace)

    def _receive(self, timeout: float, deadline: float) -> None:
        """Take what threads have done, however much it is only until the deadline."""
        busy = any(workers.pending for workers in (self.submits, self.polls, self.downloads))
        self._inbox.wait(self._clock, min(timeout, self._interval), busy=busy)
        while self._inbox:
            self._inbox.deal_with_next()
            if self._clock.monotonic() >= deadline:
                break
