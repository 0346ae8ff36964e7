"""Where a run is killed, and what `imgen wait` makes of it: the table of the deaths.

A service that lists its jobs (GMI Cloud) tells what became of a lost request, so there doubt ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgen.records import State

LISTS_ITS_JOBS = ("gmicloud",)
LISTS_ENDED_JOBS = ("fal",)
"""A lost request stands in its list only once it has ended: found or not is chance."""

ANSWERS_ONCE = ("gemini", "openai", "openrouter")
"""The pictures come with the answer to the submit: a whole one is on our disk before it is read."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a run; `at_the_service` says who notices it, `once` whether only services whose
    answer comes once have it, or only the others; None: all.

    `states` are those its job may end in, empty where there is no job at all.
    """

    name: str
    charged: bool
    states: tuple[State, ...]
    at_the_service: bool = False
    once: bool | None = None

    def meets(self, service: str) -> bool:
        """Whether a run at the service has that moment."""
        return self.once is None or self.once == (service in ANSWERS_ONCE)

    def states_at(self, service: str) -> tuple[State, ...]:
        """The same for one service."""
        if service in ANSWERS_ONCE and self.name == "before the remote id is committed":
            return _SAVED
        if service in LISTS_ENDED_JOBS and self.charged and State.UNCERTAIN in self.states:
            return _EITHER
        found = self.charged and State.UNCERTAIN in self.states and service in LISTS_ITS_JOBS
        return (State.SAVED,) if found else self.states


_NEVER_SENT = (State.CANCELLED,)
_IN_DOUBT = (State.UNCERTAIN,)
_SAVED = (State.SAVED,)
_EITHER = (State.UNCERTAIN, State.SAVED)  # the client may or may not have written down what it had just read

MOMENTS = (
    Moment("before the plan is committed", charged=False, states=()),
    Moment("after the plan is committed", charged=False, states=_NEVER_SENT),
    Moment("before the submit's start is committed", charged=False, states=_NEVER_SENT),
    Moment("after the submit's start is committed", charged=False, states=_IN_DOUBT),
    Moment("when bytes have left", charged=False, states=_IN_DOUBT, at_the_service=True),
    Moment("when the service has read all", charged=True, states=_IN_DOUBT, at_the_service=True),
    Moment("when the reply has left", charged=True, states=_EITHER, at_the_service=True),
    Moment("in the middle of the answer", charged=True, states=_IN_DOUBT, at_the_service=True, once=True),
    Moment("before the remote id is committed", charged=True, states=_IN_DOUBT),
    Moment("after the remote id is committed", charged=True, states=_SAVED),
    Moment("at the first question", charged=True, states=_SAVED, at_the_service=True, once=False),
    Moment("before the links are committed", charged=True, states=_SAVED),
    Moment("after the links are committed", charged=True, states=_SAVED),
    Moment("in the middle of the picture", charged=True, states=_SAVED, at_the_service=True, once=False),
    Moment("before the rename", charged=True, states=_SAVED),
    Moment("after the rename", charged=True, states=_SAVED),
    Moment("before the end is committed", charged=True, states=_SAVED),
    Moment("after the end is committed", charged=True, states=_SAVED),
)
