"""How a job looks while it is being followed: what any display, from a live bar to a log line, is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.errors import Problem
    from imgen.records import State


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, from 0 to 1, and who says so.

    `basis` is "service" for the service's own number, "estimate" for one from past times (`samples` of this
    user's own, or 0 where only the documented duration is known). `remaining` is in seconds.
    """

    fraction: float
    basis: Literal["service", "estimate"]
    samples: int = 0
    remaining: float | None = None


@dataclass(frozen=True, slots=True)
class JobView:
    """One job at one moment. `elapsed` is in seconds since we began with it here; `received` in bytes.

    `position` is the place in the service's queue. `activity` is a short word beyond the state, such as
    "waiting 20 s, rate limited" or "state FOO is not documented". `saved` are the files in place so far.
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
    saved: tuple[Path, ...] = ()
    differences: tuple[str, ...] = ()
    problem: Problem | None = None
    done: bool = False


class Display(Protocol):
    """Whatever shows jobs to a person; it never decides anything."""

    @property
    def interval(self) -> float:
        """How often `show` wants to be called while nothing changes, in seconds."""
        ...

    def show(self, jobs: Sequence[JobView]) -> None:
        """Show how all followed jobs stand now; called after every change and every `interval`."""
        ...

    def say(self, text: str) -> None:
        """Tell the person one thing, once."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was found."""
        ...
