"""One job while this process follows it, and what may come next of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from imgen.jobs.problems import comes_back
from imgen.jobs.progress import JobView, Progress, estimate, reported
from imgen.jobs.report import Goal
from imgen.records import JobRecord, ResultState, State
from imgen_providers.base import Job, Queued, Running, Status
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from imgen.errors import Problem
    from imgen.jobs.clock import Clock
    from imgen.jobs.connections import Connection
    from imgen.ledger.ledger import Ledger

_CLOCKS_AGREE = 5.0  # seconds; where they differ by more, the machine slept or its clock was set


class Phase(Enum):
    """What is done with a job; `START` chooses by what the ledger has of it, `RESUME` after it was read again."""

    START = "start"
    RESUME = "resume"
    SUBMIT = "submit"
    RECONCILE = "reconcile"
    POLL = "poll"
    SAVE = "save"


class Go(NamedTuple):
    """The job enters a phase, after `delay` seconds."""

    phase: Phase
    delay: float = 0.0


class Done(NamedTuple):
    """The job is followed no further; `problem` is why it is not where it was to go."""

    problem: Problem | None = None


class Pending:
    """Other pictures of the job are still being saved; the last of them decides."""


class Unrecorded(NamedTuple):
    """The ledger failed at this job; the problem names the remote id, where there is one."""

    problem: Problem


Next = Go | Done | Pending | Unrecorded


@dataclass(slots=True, eq=False, repr=False)
class Tracked:
    """What the ledger does not keep of a job, because it matters only while the job is followed.

    `goal` is how far it is followed. `since` is the monotonic time the service accepted it, or we began; `watched`
    means that we saw it happen.
    `unfinished_at` is when it was last seen not to have ended, in seconds since 1970; `no_links_since` the monotonic
    time at which it was first reported finished without links. `past` are earlier jobs' seconds and `documented` the
    usual ones, for an estimate. `looks` counts how often a list of the service was looked at again. Of its pictures, by
    number: `saving` are under way, `save_tries` counts attempts, `expired_links` counts links that did not work,
    `given_up` are not tried again; `received` counts bytes.
    `stopped` ends the downloads under way; `crashed` means that a bug of ours was met once. `was_saved` means that it
    was saved before it was followed here. `read_at` is the ledger's
    version that `record` is of, None where it is not as the ledger has it.
    """

    record: JobRecord
    goal: Goal
    connection: Connection
    since: float
    watched: bool
    past: Sequence[float]
    documented: float | None
    job: Job | None = None
    unfinished_at: float | None = None
    no_links_since: float | None = None
    submit_tries: int = 0
    looks: int = 0
    unanswered: int = 0
    saving: set[int] = field(default_factory=set)
    save_tries: Counter[int] = field(default_factory=Counter)
    expired_links: Counter[int] = field(default_factory=Counter)
    given_up: set[int] = field(default_factory=set)
    received: dict[int, int] = field(default_factory=dict)
    save_delay: float = 0.0
    activity: str | None = None
    problem: Problem | None = None
    done: bool = False
    stopped: bool = False
    crashed: bool = False
    read_at: tuple[float, int] | None = None
    was_saved: bool = False

    def refresh(self, ledger: Ledger) -> None:
        """Read the job's record again, where the ledger has changed since it was read."""
        version = ledger.version
        if version != self.read_at:
            self.record, self.read_at = ledger.jobs.get(self.record.id), version

    def age(self, now: float) -> float:
        """Seconds since the service accepted the job."""
        return now - self.since

    def took(self, now: float, wall: float) -> float | None:
        """Seconds since acceptance where this process saw all of them; None where it, or the machine, was away."""
        if not self.watched or self.record.accepted_at is None:
            return None
        age = self.age(now)
        return age if abs(wall - self.record.accepted_at - age) < _CLOCKS_AGREE else None

    def unsaved(self) -> list[int]:
        """The pictures that are still to be saved, and worth trying."""
        return [
            result.index
            for result in self.record.results
            if result.state is ResultState.READY and result.index not in self.given_up
        ]

    def remote(self) -> Job:
        """The job as the service knows it."""
        if self.job is None:
            self.job = remote_job(self.record)
        return self.job

    def view(self, now: float) -> JobView:
        """How the job looks at this moment."""
        record = self.record
        status: Status | None = self.job.status if self.job else None
        return JobView(
            id=record.id,
            provider=record.provider,
            model=record.family or record.request.model,
            prompt=record.request.prompt,
            state=record.state,
            remote_id=record.remote_id,
            elapsed=self.age(now),
            progress=self._progress(now),
            position=status.position if isinstance(status, Queued) else None,
            activity=self.activity,
            received=sum(self.received.values()),
            saved=tuple(
                place for r in record.results if r.state is ResultState.SAVED and (place := r.path or r.object)
            ),
            differences=record.differences,
            problem=self.problem or record.problem,
            done=self.done,
            record=record,
            watched=self.watched or record.accepted_at is None,
            was_saved=self.was_saved,
        )

    def _progress(self, now: float) -> Progress | None:
        if self.record.state not in (State.QUEUED, State.RUNNING):
            return None
        if self.job and isinstance(self.job.status, Running) and self.job.status.progress is not None:
            return reported(self.job.status.progress, self.age(now))
        return estimate(self.past, self.documented, self.age(now))


def remote_job(record: JobRecord) -> Job:
    """An accepted job as its service knows it, before it is polled."""
    assert record.remote_id is not None
    return Job(record.provider, record.remote_id, Queued(), record.handle)


def tracked(ledger: Ledger, connection: Connection, clock: Clock, record: JobRecord, goal: Goal) -> Tracked:
    """A job as it is when this process begins to follow it."""
    request = record.request
    model = SERVICES[record.provider].model(request.model)
    typical = model.typical_seconds(request.resolution) if model else None
    past = ledger.jobs.seconds_taken(record.provider, request.model, request.resolution)
    age = 0.0 if record.accepted_at is None else max(0.0, clock.wall() - record.accepted_at)
    return Tracked(
        record=record,
        goal=goal,
        connection=connection,
        since=clock.monotonic() - age,
        watched=False,
        past=[] if record.sandbox else past,
        documented=typical and typical * connection.pace,
        was_saved=record.state is State.SAVED,
    )


def usual_timeout(jobs: Collection[Tracked]) -> float:
    """Five times the documented duration of what is waited for, at least ten minutes; in seconds."""
    waited_for = (job for job in jobs if job.goal is Goal.PICTURES)
    usual = (5 * job.documented for job in waited_for if job.documented)
    once = (SERVICES[job.record.provider] for job in jobs if not comes_back(job.record))
    return max([600.0, *usual, *(entry.submit_seconds for entry in once)])


def answers_once(jobs: Collection[Tracked]) -> float:
    """How many seconds the answers under way may take that bring pictures and come once; 0 where there is none."""
    under_way = [job.record for job in jobs if job.record.state is State.SUBMITTING]
    once = [SERVICES[record.provider] for record in under_way if not comes_back(record)]
    return max((entry.submit_seconds for entry in once), default=0.0)
