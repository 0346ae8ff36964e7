"""Jobs as a log: one line per change, and a heartbeat while nothing changes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from imgen.records import State
from imgen.screen.console import err
from imgen.screen.durations import span
from imgen.screen.prices import made_text
from imgen.screen.states import state_word
from imgen.screen.text import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgen.jobs.progress import JobView

_HEARTBEAT = 30.0  # seconds without a line


class LineDisplay:
    """Writes what changed between two calls of `show` to stderr, for pipes, logs and CI.

    `clock` is monotonic, in seconds.
    """

    interval = 5.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[str, JobView] = {}
        self._wrote_at = clock()

    def show(self, jobs: Sequence[JobView]) -> None:
        """Write one line per change, or one line for all when nothing was written for 30 s."""
        for job in jobs:
            before = self._last.get(job.id)
            for line in changes(before, job):
                self.say(line)
            # An activity that comes and goes with each attempt is printed once.
            self._last[job.id] = replace(job, activity=job.activity or (before.activity if before else None))
        shown = {job.id for job in jobs}
        self._last = {job_id: view for job_id, view in self._last.items() if job_id in shown}
        if self._clock() - self._wrote_at >= _HEARTBEAT and not all(job.done for job in jobs):
            self.say(_heartbeat(jobs))

    def say(self, text: str) -> None:
        """Write one line."""
        err(for_log(text))
        self._wrote_at = self._clock()

    def close(self) -> None:
        """There is nothing to leave."""


def changes(before: JobView | None, now: JobView) -> Iterator[str]:
    """What a log says about a job that was `before` and is `now`, line by line."""
    accepted = now.remote_id is not None and (before is None or before.remote_id is None)
    if accepted:
        yield f"{now.id} {now.provider} {now.model}: accepted as {now.remote_id}"
    if _state_is_news(before, now, accepted=accepted):
        yield f"{now.id} {standing(now)}"
    if now.activity and _without_numbers(now.activity) != _without_numbers(before.activity if before else None):
        yield f"{now.id} {now.state}: {now.activity}"
    for place in now.saved:  # in the order of their numbers, in which they need not arrive
        if before is None or place not in before.saved:
            made = f" ({made_text(now.record)})" if now.record else ""
            yield f"{now.id} {'already saved' if now.was_saved else 'saved'} {place}{made}"
    for difference in dict.fromkeys(now.differences):
        if before is None or difference not in before.differences:
            yield f"{now.id} not as ordered: {difference}"
    if now.problem and now.problem != (before.problem if before else None):
        yield f"{now.id} {state_word(now.state, now.remote_id)}: {now.problem.message}"


def _state_is_news(before: JobView | None, now: JobView, *, accepted: bool) -> bool:
    if before and before.state is now.state:
        return False
    match now.state:
        case State.PLANNED | State.SUBMITTING | State.SAVED:
            return False  # acceptance and the saved paths have lines of their own
        case State.QUEUED:
            return not accepted or now.position is not None
        case State.FAILED | State.CANCELLED | State.EXPIRED | State.UNCERTAIN:
            # else the problem's line says it, unless that was written while there was still hope
            return now.problem is None or (before is not None and before.problem == now.problem)
        case State.RUNNING | State.READY:
            return True


def standing(job: JobView) -> str:
    """The state in words, with the place in the queue or the service's own number where there is one."""
    if job.state is State.QUEUED and job.position is not None:
        return f"queued, number {job.position} in line"
    if job.state is State.RUNNING and job.progress and job.progress.basis == "service":
        return f"running {job.progress.fraction * 100:.0f}%"
    return state_word(job.state, job.remote_id)


def _without_numbers(activity: str | None) -> str | None:
    """A countdown is one activity, not a new one each second."""
    return re.sub(r"\d+", "", activity) if activity else None


def _heartbeat(jobs: Sequence[JobView]) -> str:
    going_on_there = [job for job in jobs if not job.done]
    longest = max(job.elapsed for job in going_on_there)
    if len(going_on_there) > 1:
        return f"{tally(jobs)}, {span(longest)} so far"
    job = going_on_there[0]
    line = f"{job.id} {standing(job)}, {span(longest)} so far"
    if job.progress and job.progress.remaining is not None:
        basis = " (estimate)" if job.progress.basis == "estimate" else ""
        line += f", about {span(job.progress.remaining)} to go{basis}"
    return line


def tally(jobs: Sequence[JobView]) -> str:
    """How many jobs are in each state, in the order of a job's life: "2 saved, 1 failed, 5 running"."""
    counts = Counter(job.state for job in jobs)
    return ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
