"""The jobs that the queue hands to one worker, as the feed of its follower."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from imgen.fleet.engine import Again
from imgen.jobs.report import Goal, exit_code
from imgen.records import OPEN, JobRecord, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.errors import ExitCode, Problem
    from imgen.ledger.postgres.ledger import PostgresLedger

_BUSY = 5.0  # seconds until a job is taken again that another process has in hand
_TROUBLED = 30.0  # the same for one that could not be sent or saved

_NOT_HERE = ("key_missing", "configuration", "key_refused", "disk_full")


class QueueFeed:
    """Jobs from the queue, each followed by one follower until it is over, or given back.

    `wake` makes the follower ask for more; `say` prints a sentence.
    """

    def __init__(
        self, ledger: PostgresLedger, owner: str, wake: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        self.codes: set[ExitCode] = set()
        """What the jobs that ended here came to."""
        self.given_back: dict[str, ExitCode] = {}
        """Jobs that this worker brings no further: it has no key for them, or cannot save what came of them."""
        self.over = False
        self._ledger = ledger
        self._owner = owner
        self._wake = wake
        self._say = say
        self._lock = threading.Lock()
        self._arrived: deque[str] = deque()
        self._held: dict[str, list[Future[None]]] = {}

    def take(self, job_id: str) -> Future[None]:
        """A job comes from the queue, in its thread; the future is done once this worker has no more to do for it."""
        future: Future[None] = Future()
        with self._lock:
            if self.over:
                future.set_exception(Again(0.0))
                return future
            is_new = job_id not in self._held
            self._held.setdefault(job_id, []).append(future)
            if is_new:
                self._arrived.append(job_id)
        if is_new:
            self._wake()
        return future

    @property
    def holds(self) -> int:
        """How many jobs this worker has in hand."""
        return len(self._held)

    def close(self) -> None:
        """Give every job back: this worker ends, or begins anew."""
        with self._lock:
            self._arrived.clear()
            held, self._held = self._held, {}
        for futures in held.values():
            _end(futures, Again(0.0))

    # The feed ---------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether none can come until the queue hands one over, which wakes the follower."""
        return not self._arrived

    def more(self, room: int) -> Sequence[JobRecord]:
        """The next jobs from the queue that there is something to do for."""
        records = []
        while room and self._arrived:
            job_id = self._arrived[0]
            is_mine = self._ledger.queue.take(job_id, self._owner)
            record = self._ledger.jobs.get(job_id)
            if record.state not in OPEN or record.forgotten_at is not None:
                self._done(job_id)
            elif not (is_mine and self._may_go_on(record)):
                self._again(job_id, _BUSY)
            else:
                records.append(record)
                room -= 1
            self._arrived.popleft()
        return records

    def _may_go_on(self, record: JobRecord) -> bool:
        match record.state:
            case State.SUBMITTING:  # maybe a thread of ours still waits for the answer
                return False
            case State.PLANNED:  # a server that crashed may have forgotten that it is ours
                return record.owner == self._owner
            case _:
                return True

    def goal(self, record: JobRecord) -> Goal:  # noqa: ARG002  (of every one)
        """Every job is followed to its pictures."""
        return Goal.PICTURES

    def ended(self, record: JobRecord, problem: Problem | None) -> None:
        """A job is followed no further here: it is over, or another try comes later, maybe elsewhere."""
        if record.state not in OPEN:
            self.given_back.pop(record.id, None)
            self.codes.add(exit_code(record, problem))
            self._done(record.id)
            return
        if problem and (problem.code in _NOT_HERE or record.state is State.READY):
            if record.id not in self.given_back:
                self._say(f"{record.id} is given back to the queue: {problem.message}")
            self.given_back[record.id] = exit_code(record, problem)
        self._ledger.insist(lambda: self._ledger.queue.give_back(record.id, self._owner))
        self._again(record.id, _TROUBLED)

    def _done(self, job_id: str) -> None:
        with self._lock:
            futures = self._held.pop(job_id, [])
        _end(futures, None)

    def _again(self, job_id: str, seconds: float) -> None:
        with self._lock:
            futures = self._held.pop(job_id, [])
        _end(futures, Again(seconds))


def _end(futures: Sequence[Future[None]], again: Again | None) -> None:
    for future in futures:
        if future.set_running_or_notify_cancel():
            if again:
                future.set_exception(again)
            else:
                future.set_result(None)
