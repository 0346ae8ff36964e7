"""What can go wrong between imgen and a service, and how that must end: the table of the faults.

Each fault meets every request of its kind until it is lifted, and then a person comes back with `imgen wait` (or, for
a picture, `imgen download`). The fault server charges for whatever a service could have charged for: every order that
arrived whole and was not plainly refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from imgen.errors import ExitCode
from imgen.records import State
from reliability.moments import LISTS_ITS_JOBS

Place = Literal["submit", "poll", "picture"]
PLACES: tuple[Place, ...] = ("submit", "poll", "picture")


@dataclass(frozen=True, slots=True)
class Ending:
    """How `imgen generate` ends under a fault, and what its job is once the fault is lifted.

    `most` bounds the faulty requests. `lasts` says that only the timeout ends it.
    """

    words: str
    code: ExitCode
    state: State
    charged: bool
    afterwards: State
    most: int
    lasts: bool = False


NOT_REACHED = Ending(
    "not sent", ExitCode.UNREACHABLE, State.CANCELLED, charged=False, afterwards=State.CANCELLED, most=4
)
REFUSED = Ending("refused", ExitCode.REFUSED, State.FAILED, charged=False, afterwards=State.FAILED, most=1)
NO_KEY = replace(REFUSED, code=ExitCode.KEY)
NO_CREDIT = replace(REFUSED, code=ExitCode.NO_CREDIT)
SLOWED = replace(NOT_REACHED, words="again later, not sent", most=8, lasts=True)
DOUBT = Ending("uncertain", ExitCode.UNCERTAIN, State.UNCERTAIN, charged=True, afterwards=State.UNCERTAIN, most=1)
SILENCE = replace(DOUBT, lasts=True)
PERHAPS = replace(DOUBT, words="uncertain (or 6 not sent)", charged=False, most=4)
FINE = Ending("saved", ExitCode.DONE, State.SAVED, charged=True, afterwards=State.SAVED, most=6)
POLLED = replace(FINE, most=40)  # as often as it takes until the job is done

ASKED_AGAIN = Ending(
    "polled again", ExitCode.UNFINISHED, State.QUEUED, charged=True, afterwards=State.SAVED, most=24, lasts=True
)
AT_ITS_PACE = replace(ASKED_AGAIN, most=100)
NOT_READ = replace(ASKED_AGAIN, code=ExitCode.BUG)
LOCKED_OUT = replace(ASKED_AGAIN, words="reported at once", code=ExitCode.KEY, most=1, lasts=False)

TRIED_AGAIN = Ending(
    "downloaded again", ExitCode.NOT_SAVED, State.READY, charged=True, afterwards=State.SAVED, most=5, lasts=True
)
KEPT = replace(TRIED_AGAIN, words="kept beside its place", most=1, lasts=False)
DEAD = replace(TRIED_AGAIN, words="a new link asked for")
GONE = replace(DEAD, code=ExitCode.EXPIRED, state=State.EXPIRED, most=2, lasts=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, of some class, and how that ends at each place."""

    name: str
    kind: str
    submit: Ending
    poll: Ending = ASKED_AGAIN
    picture: Ending = TRIED_AGAIN

    def at(self, place: Place, service: str) -> Ending:
        """How it ends at one service."""
        usual = {"submit": self.submit, "poll": self.poll, "picture": self.picture}[place]
        if usual is DOUBT and service in LISTS_ITS_JOBS:
            return replace(FINE, most=1)  # the lost job is found in the service's own list
        if usual is SILENCE and service in LISTS_ITS_JOBS:
            # Found as well, but only once the waiting is over.
            return replace(TRIED_AGAIN, words="found, not fetched yet", most=1)
        if usual is DEAD and service not in LINKS_LIVE:
            return GONE
        return usual


LINKS_LIVE = ("3daistudio", "reapi")
"""Services whose documents say how long a link lives: one that dies sooner is given more than one chance."""

FAULTS = (
    Fault("refuse", "no server there", NOT_REACHED),
    Fault("reset on accept", "hung up", PERHAPS),
    Fault("reset after read", "hung up", DOUBT),
    Fault("reset mid-body", "half an answer", DOUBT),
    Fault("hang", "silence", SILENCE),
    Fault("slow drip", "silence", SILENCE),
    Fault("truncate", "half an answer", DOUBT),
    Fault("wrong length", "half an answer", DOUBT, NOT_READ),
    Fault("garbage", "nonsense", DOUBT),
    Fault("HTML 200", "nonsense", DOUBT, NOT_READ),
    Fault("empty 200", "nonsense", DOUBT, NOT_READ),
    Fault("401", "key refused", NO_KEY, LOCKED_OUT),
    Fault("402", "no credit", NO_CREDIT),
    Fault("403", "key refused", NO_KEY, LOCKED_OUT, DEAD),
    Fault("404", "not there", REFUSED, ASKED_AGAIN, DEAD),
    Fault("408", "settles nothing", DOUBT),
    Fault("409", "settles nothing", DOUBT),
    Fault("422", "request refused", REFUSED),
    Fault("429 with seconds", "too fast", SLOWED),
    Fault("429 with date", "too fast", SLOWED),
    Fault("500", "broken service", DOUBT),
    Fault("502", "broken service", DOUBT),
    Fault("503", "broken service", DOUBT),
    Fault("504", "broken service", DOUBT),
    Fault("redirect same host", "sent elsewhere", REFUSED, NOT_READ, FINE),
    Fault("redirect other host", "sent elsewhere", REFUSED, NOT_READ, FINE),
    # A submit's answer is asked for nothing but the id; a picture has no state, and no fields but its headers.
    Fault("unknown state", "an unknown state", FINE, AT_ITS_PACE, FINE),
    Fault("missing fields", "not as documented", DOUBT, NOT_READ, FINE),
    Fault("wrong types", "not as documented", FINE, NOT_READ, FINE),
    Fault("429 with zero", "too fast", SLOWED),
    Fault("504 with the id", "broken service", DOUBT),
    # The fields that are needed are there, in another form.
    Fault("odd coding", "an odd form", FINE, POLLED, FINE),
    Fault("odd bytes", "an odd form", FINE, POLLED, FINE),
    Fault("id in a link", "an odd form", FINE, POLLED, FINE),
    Fault("inline", "an odd form", FINE, POLLED, FINE),
    Fault("no links", "finished without a link", FINE, AT_ITS_PACE, FINE),
    Fault("another format", "a format that was not ordered", FINE, POLLED, KEPT),
)
