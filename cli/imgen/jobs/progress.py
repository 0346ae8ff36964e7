"""How a followed job looks and how far it is: what any display, from a live bar to a log line, is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.errors import Problem
    from imgen.records import Draft, JobRecord


ENOUGH = 3
"""Own past jobs, before they are trusted more than the documentation."""

_NEVER_PAST = 0.95  # an estimate never claims to be done


class Progress(NamedTuple):
    """How far a job is, from 0 to 1, and by which source.

    `basis` is "service" for the service's own number, "estimate" for one from past times (`samples` of this
    user's own, or 0 where only the documented duration is known). `remaining` is in seconds.
    """

    fraction: float
    basis: Literal["service", "estimate"]
    samples: int = 0
    remaining: float | None = None


def estimate(past: Sequence[float], documented: float | None, elapsed: float) -> Progress | None:
    """Progress after `elapsed` seconds, from own past times or the documented duration; None where neither is known."""
    if len(past) >= ENOUGH:
        from statistics import median  # 3 ms

        expected, samples = median(past), len(past)
    elif documented:
        expected, samples = documented, 0
    else:
        return None
    fraction = min(_NEVER_PAST, elapsed / expected) if expected > 0 else _NEVER_PAST
    return Progress(fraction, "estimate", samples, remaining=max(0.0, expected - elapsed) or None)


def reported(fraction: float, elapsed: float) -> Progress:
    """Progress as the service reports it; the time to go follows from it once there is enough to go by."""
    fraction = min(1.0, max(0.0, fraction))
    remaining = elapsed * (1 - fraction) / fraction if fraction >= 0.1 else None
    return Progress(fraction, "service", remaining=remaining)


@dataclass(frozen=True, slots=True)
class JobView:
    """One job at one moment. `elapsed` is in seconds since the service accepted it; `received` in bytes.

    `watched` is whether this process saw it accepted: otherwise, how long the service took is not known. `was_saved` is
    whether it was saved before this process began to follow it.

    `position` is the place in the service's queue. `activity` is a short word beyond the state, such as
    "waiting 20 s, rate limited" or "state FOO is not documented". `saved` are the files in place so far, or their URLs
    in a storage, and `record` is the job as the ledger has it.
    """

    id: str
    provider: str
    model: str
    prompt: str
    state: State
    remote_id: str | None
    elapsed: float
    progress: Progress | None = None
    position: int | None = None
    activity: str | None = None
    received: int = 0
    saved: tuple[Path | str, ...] = ()
    differences: tuple[str, ...] = ()
    problem: Problem | None = None
    done: bool = False
    record: JobRecord | None = None
    watched: bool = True
    was_saved: bool = False

    @classmethod
    def of_draft(cls, draft: Draft) -> JobView:
        """A job that is about to be recorded: it can be shown while its service is still being connected to."""
        request = draft.request
        return cls(draft.id, draft.provider, request.model, request.prompt, State.PLANNED, None, 0.0)


class Display(Protocol):
    """What shows jobs to the user; it decides nothing."""

    @property
    def interval(self) -> float:
        """How often `show` wants to be called while nothing changes, in seconds; infinite: only at the end."""
        ...

    def show(self, jobs: Sequence[JobView]) -> None:
        """Show how all followed jobs stand now; called after changes and every `interval`, and at the end."""
        ...

    def say(self, text: str) -> None:
        """Show one sentence, once."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was before."""
        ...
