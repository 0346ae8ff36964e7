"""Where a run is killed, and what `imgen wait` makes of it: the table of the deaths.

A service that lists its jobs shows what became of a lost request, so there doubt ends by itself. Where the answer to
the submit is all there is, a whole one on disk is read; with half of one the job is uncertain, and says how much came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imgen.records import State

if TYPE_CHECKING:
    from reliability.channels import Channel

Where = Literal["everywhere", "once", "polled", "inline"]
"""Which channels have a moment: all; those whose answer comes once; those that are polled; those whose pictures come
inside an answer."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a run. `states` are those its job may end in, empty where there is no job at all.

    `at_the_service`: the service notices it and kills. `came` is how much of the answer's body has come: that share of
    it, and so many bytes more or less. Then the test kills, and the job says how much it was.
    """

    name: str
    charged: bool
    states: tuple[State, ...]
    at_the_service: bool = False
    where: Where = "everywhere"
    came: tuple[float, int] | None = None

    def meets(self, channel: Channel) -> bool:
        """Whether a run at the channel has that moment."""
        match self.where:
            case "everywhere":
                return True
            case "once":
                return channel.once
            case "polled":
                return not channel.once
            case "inline":
                return channel.inline

    def states_at(self, channel: Channel) -> tuple[State, ...]:
        """The states that its job may end in, at one channel."""
        if self.name == BEFORE_THE_ID and channel.once:
            return _SAVED  # the whole answer is on disk
        if self.charged and State.UNCERTAIN in self.states:
            match channel.lists:
                case "its jobs" | "their states":
                    return _SAVED
                case "what has ended":
                    return _EITHER  # it is found once it has ended, and `imgen wait` asks once
                case "nothing":
                    pass
        return self.states


def part_of(came: tuple[float, int], size: int) -> int:
    """How many bytes have come of an answer of that size."""
    share, beside = came
    return int(share * size) + beside


_NEVER_SENT = (State.CANCELLED,)
_IN_DOUBT = (State.UNCERTAIN,)
_SAVED = (State.SAVED,)
_EITHER = (State.UNCERTAIN, State.SAVED)  # the client may or may not have written down what it had just read
BEFORE_THE_ID = "before the remote id is committed"

MOMENTS = (
    Moment("before the plan is committed", charged=False, states=()),
    Moment("after the plan is committed", charged=False, states=_NEVER_SENT),
    Moment("before the submit's start is committed", charged=False, states=_NEVER_SENT),
    Moment("after the submit's start is committed", charged=False, states=_IN_DOUBT),
    Moment("when bytes have left", charged=False, states=_IN_DOUBT, at_the_service=True),
    Moment("when the service has read all", charged=True, states=_IN_DOUBT, at_the_service=True),
    Moment("when the head of the answer has come", charged=True, states=_IN_DOUBT, where="once", came=(0, 0)),
    Moment("after the first byte of the answer", charged=True, states=_IN_DOUBT, where="once", came=(0, 1)),
    Moment("in the middle of the answer", charged=True, states=_IN_DOUBT, where="once", came=(0.5, 0)),
    Moment("before the last byte of the answer", charged=True, states=_IN_DOUBT, where="once", came=(1, -1)),
    Moment("when the reply has left", charged=True, states=_EITHER, at_the_service=True),
    Moment("before the answer gets its name", charged=True, states=_SAVED, where="once"),
    Moment("after the answer has its name", charged=True, states=_SAVED, where="once"),
    Moment("before the picture in the answer is kept", charged=True, states=_SAVED, where="inline"),
    Moment("after the picture in the answer is kept", charged=True, states=_SAVED, where="inline"),
    Moment(BEFORE_THE_ID, charged=True, states=_IN_DOUBT),
    Moment("after the remote id is committed", charged=True, states=_SAVED),
    Moment("before the answer is removed", charged=True, states=_SAVED, where="once"),
    Moment("at the first question", charged=True, states=_SAVED, at_the_service=True, where="polled"),
    Moment("before the links are committed", charged=True, states=_SAVED, where="polled"),
    Moment("after the links are committed", charged=True, states=_SAVED, where="polled"),
    Moment("in the middle of the picture", charged=True, states=_SAVED, at_the_service=True, where="polled"),
    Moment("before the rename", charged=True, states=_SAVED),
    Moment("after the rename", charged=True, states=_SAVED),
    Moment("before the end is committed", charged=True, states=_SAVED),
    Moment("after the end is committed", charged=True, states=_SAVED),
    Moment("before the kept picture is removed", charged=True, states=_SAVED, where="inline"),
)
