"""Where a run is killed, and what `imgen wait` makes of it: the table of the deaths.

A service that lists its jobs (GMI Cloud) tells what became of a lost request, so there doubt ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgen.jobs.records import State

LISTS_ITS_JOBS = ("gmicloud",)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a run. `states` are those its job may end in, empty where there is no job at all."""

    name: str
    charged: bool
    states: tuple[State, ...]
    seen_by: str = "itself"

    def states_at(self, service: str) -> tuple[State, ...]:
        """The same for one service."""
        found = self.charged and State.UNCERTAIN in self.states and service in LISTS_ITS_JOBS
        return (State.SAVED,) if found else self.states


_NEVER_SENT = (State.CANCELLED,)
_IN_DOUBT = (State.UNCERTAIN,)
_SAVED = (State.SAVED,)
_EITHER = (State.UNCERTAIN, State.SAVED)  # the client may or may not have written down what it had just read

MOMENTS = (
    Moment("before the commit of plan", charged=False, states=()),
    Moment("after the commit of plan", charged=False, states=_NEVER_SENT),
    Moment("before the commit of submitting", charged=False, states=_NEVER_SENT),
    Moment("after the commit of submitting", charged=False, states=_IN_DOUBT),
    Moment("bytes left", charged=False, states=_IN_DOUBT, seen_by="the service"),
    Moment("request read", charged=True, states=_IN_DOUBT, seen_by="the service"),
    Moment("reply sent", charged=True, states=_EITHER, seen_by="the service"),
    Moment("before the commit of remote id", charged=True, states=_IN_DOUBT),
    Moment("after the commit of remote id", charged=True, states=_SAVED),
    Moment("question asked", charged=True, states=_SAVED, seen_by="the service"),
    Moment("before the commit of links", charged=True, states=_SAVED),
    Moment("after the commit of links", charged=True, states=_SAVED),
    Moment("picture half way", charged=True, states=_SAVED, seen_by="the service"),
    Moment("before the rename", charged=True, states=_SAVED),
    Moment("after the rename", charged=True, states=_SAVED),
    Moment("before the commit of saved", charged=True, states=_SAVED),
    Moment("after the commit of saved", charged=True, states=_SAVED),
)


def outcome(moment: Moment) -> str:
    """What comes of it, in words."""
    if not moment.states:
        return "nothing: no job was made"
    words = " or ".join(state.value for state in moment.states)
    return f"{words}; saved where the service lists it" if State.UNCERTAIN in moment.states and moment.charged else words
