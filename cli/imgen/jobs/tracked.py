"""One job while this process follows it: what the ledger does not keep because it only matters now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgen.jobs.progress import JobView, Progress
from imgen.jobs.timings import estimate, reported
from imgen.records import JobRecord, ResultState, State
from imgen_providers.base import Job, Queued, Running, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.errors import Problem
    from imgen.jobs.connections import Connection
    from imgen_providers.base import Asset

_CLOCKS_AGREE = 5.0  # seconds; where they differ by more, the machine slept or its clock was set


@dataclass(slots=True)
class Tracked:
    """`since` is the monotonic time the service took the job, or we began; `watched` says we saw it happen.

    `unfinished_at` is when it was last seen not to have ended, in seconds since 1970; a laptop may sleep since.
    `past` are earlier jobs' seconds and `documented` the usual ones, for an estimate. `assets` are what the
    service last showed. Of its pictures, by number: `saving` are under way, `save_tries` counts attempts,
    `dead_links` counts links that did not work, `given_up` will not be tried again; `received` counts bytes.
    """

    record: JobRecord
    connection: Connection
    since: float
    watched: bool
    past: Sequence[float]
    documented: float | None
    job: Job | None = None
    unfinished_at: float | None = None
    submit_tries: int = 0
    unanswered: int = 0
    empty_answers: int = 0
    assets: Sequence[Asset | None] = ()
    saving: set[int] = field(default_factory=set)
    save_tries: Counter[int] = field(default_factory=Counter)
    dead_links: Counter[int] = field(default_factory=Counter)
    given_up: set[int] = field(default_factory=set)
    received: dict[int, int] = field(default_factory=dict)
    save_again_in: float | None = None
    activity: str | None = None
    problem: Problem | None = None
    done: bool = False

    def age(self, now: float) -> float:
        """Seconds since the service took the job."""
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
            assert self.record.remote_id is not None
            self.job = Job(self.record.provider, self.record.remote_id, Queued(), self.record.handle)
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
            saved=tuple(r.path for r in record.results if r.state is ResultState.SAVED and r.path),
            differences=record.differences,
            problem=self.problem or record.problem,
            done=self.done,
        )

    def _progress(self, now: float) -> Progress | None:
        if self.record.state not in (State.QUEUED, State.RUNNING):
            return None
        if self.job and isinstance(self.job.status, Running) and self.job.status.progress is not None:
            return reported(self.job.status.progress, self.age(now))
        return estimate(self.past, self.documented, self.age(now))
