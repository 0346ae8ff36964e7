"""What happens to jobs, as events for a program while it happens: one JSON object a line, each a class here.

The classes are its schema: a field here is a field there, in this order. The last line is the envelope (`Ended`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from imgen.records import ResultState, State
from imgen.screen.batch import AssetEntry, asset_entry
from imgen.screen.console import out
from imgen.screen.envelope import (
    CostEntry,
    Envelope,
    ErrorEntry,
    FileEntry,
    cost_entry,
    error_entry,
    file_entry,
    line,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgen.batch.report import AssetResult
    from imgen.jobs.progress import Display, JobView
    from imgen.records import JobRecord

_ENDED_BADLY = (State.FAILED, State.CANCELLED, State.EXPIRED, State.UNCERTAIN)
_STEP = 0.01  # of the whole way: less is no news
_PACE = 1.0  # seconds from one word on a job's progress to the next


@dataclass(frozen=True, slots=True)
class Submitted:
    """The service has accepted a job: from here on it may cost money, and `remote_id` is its name there."""

    event: Literal["submitted"]
    time: str
    job: str
    provider: str
    remote_id: str
    model: str
    prompt: str
    sandbox: bool
    cost: CostEntry


@dataclass(frozen=True, slots=True)
class Changed:
    """A job is in another state than before, or in another place of the queue; `before` is null at first sight."""

    event: Literal["changed"]
    time: str
    job: str
    before: State | None
    state: State
    position: int | None


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a job is, at most once a second: `fraction` from 0 to 1, seconds `elapsed` and `remaining`.

    `basis` says whose number that is: the service's own, or an estimate from `samples` earlier jobs of this user
    (0: from the documented duration). `received` counts the bytes of its pictures that came so far.
    """

    event: Literal["progress"]
    time: str
    job: str
    state: State
    fraction: float | None
    basis: Literal["service", "estimate"] | None
    samples: int
    elapsed: float
    remaining: float | None
    received: int


@dataclass(frozen=True, slots=True)
class Saved:
    """One picture of a job is checked and in place."""

    event: Literal["saved"]
    time: str
    job: str
    file: FileEntry


@dataclass(frozen=True, slots=True)
class Failed:
    """A job is over without all its pictures, or left where it is; `state` is which, `error` why."""

    event: Literal["failed"]
    time: str
    job: str
    state: State
    error: ErrorEntry | None


@dataclass(frozen=True, slots=True)
class AssetEnded:
    """An asset of `imgen batch` is as it will be after this run."""

    event: Literal["asset"]
    time: str
    asset: AssetEntry


@dataclass(frozen=True, slots=True)
class Ended(Envelope):
    """The last line: what `--json` would have answered."""

    event: Literal["ended"]
    time: str


Event = Submitted | Changed | Progressed | Saved | Failed | AssetEnded | Ended
"""Any line of `--events`."""


def asset_ended(result: AssetResult, wall: float) -> None:
    """Write that an asset ended; `wall` is seconds since 1970."""
    out(line(asdict(AssetEnded("asset", timestamp(wall), asset_entry(result)))))


class EventDisplay:
    """Writes events to stdout, and lets another display show the same jobs to a person.

    `find` reads a job from the ledger, so that no event reports what is not on disk. `wall` is the time of day in
    seconds since 1970.
    """

    def __init__(self, beside: Display, find: Callable[[str], JobRecord], wall: Callable[[], float]) -> None:
        self._beside = beside
        self._find = find
        self._wall = wall
        self._last: dict[str, JobView] = {}
        self._progress: dict[str, JobView] = {}
        self._saved: set[tuple[str, int]] = set()

    @property
    def interval(self) -> float:
        """Often enough for both, in seconds."""
        return min(_PACE, self._beside.interval)

    def show(self, jobs: Sequence[JobView]) -> None:
        """Write what is new of each job."""
        for job in jobs:
            for event in self._news(self._last.get(job.id), job):
                out(line(asdict(event)))
            self._last[job.id] = job
        self._beside.show(jobs)

    def say(self, text: str) -> None:
        """That is for the person."""
        self._beside.say(text)

    def close(self) -> None:
        """The person's display has a terminal to leave."""
        self._beside.close()

    def _news(self, before: JobView | None, now: JobView) -> Iterator[Event]:
        time = timestamp(self._wall())
        if now.remote_id is not None and before is not None and before.remote_id is None:
            yield self._submitted(now.id, now.remote_id, time)
        if before is None or before.saved != now.saved:
            yield from self._newly_saved(now.id, time)
        if before is None or (before.state, before.position) != (now.state, now.position):
            state = before.state if before else None
            yield Changed("changed", time, now.id, state, now.state, now.position)
        if self._has_moved(now):
            self._progress[now.id] = now
            yield _progressed(now, time)
        left = now.done and (now.problem is not None or now.state in _ENDED_BADLY)
        if left and not (before and before.done):
            yield Failed("failed", time, now.id, now.state, error_entry(now.problem))

    def _submitted(self, job_id: str, remote_id: str, time: str) -> Submitted:
        record = self._find(job_id)
        return Submitted(
            event="submitted",
            time=time,
            job=record.id,
            provider=record.provider,
            remote_id=remote_id,
            model=record.request.model,
            prompt=record.request.prompt,
            sandbox=record.sandbox,
            cost=cost_entry(record.cost),
        )

    def _newly_saved(self, job_id: str, time: str) -> Iterator[Saved]:
        for result in self._find(job_id).results:
            if result.state is ResultState.SAVED and (job_id, result.index) not in self._saved:
                self._saved.add((job_id, result.index))
                yield Saved("saved", time, job_id, file_entry(result))

    def _has_moved(self, now: JobView) -> bool:
        if now.progress is None and not now.received:
            return False
        last = self._progress.get(now.id)
        if last is None:
            return True
        moved = abs(_fraction(now) - _fraction(last)) >= _STEP or now.received != last.received
        return moved and now.elapsed - last.elapsed >= _PACE


def _fraction(job: JobView) -> float:
    return job.progress.fraction if job.progress else 0.0


def _progressed(job: JobView, time: str) -> Progressed:
    progress = job.progress
    return Progressed(
        event="progress",
        time=time,
        job=job.id,
        state=job.state,
        fraction=round(progress.fraction, 4) if progress else None,
        basis=progress.basis if progress else None,
        samples=progress.samples if progress else 0,
        elapsed=round(job.elapsed, 3),
        remaining=round(progress.remaining, 3) if progress and progress.remaining is not None else None,
        received=job.received,
    )
