"""What can go wrong between imgen and a service, and how that must end: the table of the faults.

Each fault meets every request of its kind until it is lifted, and then a person comes back with `imgen wait` (or, for
a picture, `imgen download`). The fault server charges for whatever a service could have charged for: every order that
arrived whole and was not plainly refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from imgen.errors import ExitCode
from imgen.records import State
from reliability.channels import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reliability.channels import Channel

Place = Literal["submit", "poll", "result", "picture"]
PLACES: tuple[Place, ...] = ("submit", "poll", "result", "picture")


@dataclass(frozen=True, slots=True)
class Ending:
    """How `imgen generate` ends under a fault, and what its job is once the fault is lifted.

    `most` bounds the faulty requests. `lasts` says that only the timeout ends it. `unverified` is how many files are
    kept beside their place.
    """

    words: str
    code: ExitCode
    state: State
    charged: bool
    afterwards: State
    most: int
    lasts: bool = False
    unverified: int = 0


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
KEPT = replace(TRIED_AGAIN, words="kept beside its place", most=1, lasts=False, unverified=1)
CUT = replace(KEPT, words="downloaded again, then kept beside its place", most=5)
KEPT_FOR_GOOD = replace(KEPT, afterwards=State.READY)
DEAD = replace(TRIED_AGAIN, words="a new link asked for")
GONE = replace(DEAD, code=ExitCode.EXPIRED, state=State.EXPIRED, most=2, lasts=False)


FAILED = Ending("failed, may be charged", ExitCode.FAILED, State.FAILED, charged=True, afterwards=State.FAILED, most=9)
BLOCKED = replace(FAILED, words="refused, may be charged", code=ExitCode.REFUSED)

NO_QUESTIONS = "the answer to the submit is all there is: nothing is polled, and no link is fetched"
NO_LINK = "the picture comes inside the answer to a poll"
NO_RESULT = "the answer to a poll has the result"
NO_PICTURE = "the answer to a poll has no picture: its result has"
NO_PATH_YET = "the connection ends before its question is known"
NO_ID = "the answer is the end of the job, and needs no id"
NOT_THE_POLL: Mapping[tuple[Place, str], Ending | str] = {("poll", "apart"): NO_PICTURE}
LINKED_ANYWAY: Mapping[tuple[Place, str], Ending | str] = dict.fromkeys(
    [(place, "link") for place in PLACES], "a picture is a link there anyway"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, of some class, and how that ends at each place.

    `elsewhere` is how it ends at a place where the answer comes "once", has the picture "inline" or a "link" to it, or
    has its result "apart"; a text says why there is no such thing.
    """

    name: str
    kind: str
    submit: Ending
    poll: Ending = ASKED_AGAIN
    picture: Ending = TRIED_AGAIN
    elsewhere: Mapping[tuple[Place, str], Ending | str] = field(default_factory=dict)

    def at(self, place: Place, channel: Channel) -> Ending | str:
        """How it ends at one channel; a text says why it cannot happen there."""
        if channel.once and place != "submit":
            return NO_QUESTIONS
        if place == "result" and not channel.result_apart:
            return NO_RESULT
        if place == "picture" and channel.inline:
            return NO_LINK
        forms = {
            "once": channel.once,
            "inline": channel.inline,
            "apart": channel.result_apart,
            "link": not channel.inline,
        }
        for form in (name for name, has_it in forms.items() if has_it):
            if other := self.elsewhere.get((place, form)):
                return other
        usual = {"submit": self.submit, "poll": self.poll, "result": self.poll, "picture": self.picture}[place]
        return _found(usual, channel) if place == "submit" else _renewed(usual, channel)


def _found(usual: Ending, channel: Channel) -> Ending:
    """The same where the service's own list may have the lost job."""
    if usual not in (DOUBT, SILENCE) or channel.lists == "nothing":
        return usual
    if usual is SILENCE:
        # Found as well, but only once the waiting is over.
        found = replace(TRIED_AGAIN, words="found, not fetched yet", most=1)
        known = channel.lists == "their states"
        return found if known else replace(found, code=ExitCode.UNFINISHED, state=State.QUEUED)
    return replace(DOUBT, afterwards=State.SAVED) if channel.lists == "what has ended" else replace(FINE, most=1)


def _renewed(usual: Ending, channel: Channel) -> Ending:
    """The same where no document says how long a link lives."""
    return GONE if usual is DEAD and not channel.link_lives else usual


FAULTS = (
    Fault("refuse", "no server there", NOT_REACHED, elsewhere={("result", "apart"): NO_PATH_YET}),
    Fault("reset on accept", "hung up", PERHAPS, elsewhere={("result", "apart"): NO_PATH_YET}),
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
    Fault("redirect same host", "sent elsewhere", REFUSED, POLLED, FINE),
    Fault("redirect other host", "sent elsewhere", REFUSED, NOT_READ, FINE),
    # A submit's answer is asked for nothing but the id; a picture has no state, and no fields but its headers.
    Fault("unknown state", "an unknown state", FINE, AT_ITS_PACE, FINE, {("result", "apart"): POLLED}),
    Fault("missing fields", "not as documented", DOUBT, NOT_READ, FINE),
    Fault("wrong types", "not as documented", FINE, NOT_READ, FINE, {("submit", "once"): DOUBT}),
    Fault("429 with zero", "too fast", SLOWED),
    Fault("504 with the id", "broken service", DOUBT),
    # The fields that are needed are there, in another form.
    Fault("odd coding", "an odd form", FINE, POLLED, FINE),
    Fault("odd bytes", "an odd form", FINE, POLLED, FINE),
    Fault("id in a link", "an odd form", FINE, POLLED, FINE, {("submit", "once"): NO_ID}),
    Fault("inline", "an odd form", FINE, POLLED, FINE, NOT_THE_POLL),
    Fault("linked", "an odd form", FINE, POLLED, FINE, {**NOT_THE_POLL, **LINKED_ANYWAY}),
    Fault(
        "no links",
        "finished without a link",
        FINE,
        AT_ITS_PACE,
        FINE,
        {**NOT_THE_POLL, ("submit", "once"): FAILED, ("poll", "inline"): replace(FAILED, most=40)},
    ),
    Fault(
        "another format",
        "a format that was not ordered",
        FINE,
        POLLED,
        KEPT,
        {**NOT_THE_POLL, ("submit", "once"): KEPT_FOR_GOOD, ("poll", "inline"): replace(KEPT_FOR_GOOD, most=40)},
    ),
    Fault(
        "cut picture",
        "a damaged picture",
        FINE,
        POLLED,
        CUT,
        {**NOT_THE_POLL, ("submit", "once"): KEPT_FOR_GOOD, ("poll", "inline"): replace(KEPT, most=40)},
    ),
)


@dataclass(frozen=True, slots=True)
class OwnFault:
    """What one service answers and no other does, and how that ends there by its document (`why`)."""

    name: str
    channel: str
    place: Place
    ending: Ending
    why: str


_PLAIN = "a 4xx settles it: nothing was made"
OWN_FAULTS = (
    OwnFault("Google's 500", "gemini", "submit", SLOWED, "Google's billing page: 400 and 500 are not charged"),
    OwnFault("Google's 503", "gemini", "submit", SLOWED, "the same page, read as 5xx where it is a google.rpc.Status"),
    OwnFault("Google's 504", "gemini", "submit", DOUBT, "the same page does not name 504"),
    OwnFault("a wait in the body", "gemini", "submit", SLOWED, "RetryInfo names the wait, and no header does"),
    OwnFault("a limit of 0", "gemini", "submit", NO_CREDIT, "the free tier has no pictures: no wait helps"),
    OwnFault("a wrong key as 400", "gemini", "submit", NO_KEY, "Google refuses a key with 400"),
    OwnFault("no billing as 400", "gemini", "submit", NO_CREDIT, _PLAIN),
    OwnFault("a blocked prompt", "gemini", "submit", BLOCKED, "the tokens of the prompt are counted"),
    OwnFault("no image", "gemini", "submit", FAILED, "the tokens are counted"),
    OwnFault("no parts", "gemini", "submit", FAILED, "the tokens are counted"),
    OwnFault("Google's 500", "gemini-batch", "submit", SLOWED, "Google's billing page: 400 and 500 are not charged"),
    OwnFault("an expired batch", "gemini-batch", "poll", FAILED, "no document says what it costs"),
    OwnFault("a failed batch", "gemini-batch", "poll", FAILED, "no document says what it costs"),
    OwnFault("a failed request", "gemini-batch", "poll", FAILED, "charged by usage, and no usage is named"),
    OwnFault("no state yet", "gemini-batch", "poll", AT_ITS_PACE, "an operation that is not done is under way"),
    OwnFault("moderated before", "openai", "submit", REFUSED, _PLAIN),
    OwnFault("an empty quota as 429", "openai", "submit", NO_CREDIT, "no wait fills it"),
    OwnFault("no data", "openai", "submit", FAILED, "no document says that it is free"),
    OwnFault("no data", "openrouter", "submit", FAILED, "its own cost says what it was"),
    OwnFault("moderated by OpenRouter", "openrouter", "submit", REFUSED, _PLAIN),
    OwnFault("a 524", "openrouter", "submit", DOUBT, "the edge gave up; the provider may not have"),
    OwnFault("a 529", "openrouter", "submit", DOUBT, "no document says whether it is charged"),
    OwnFault("an exhausted balance", "fal", "submit", NO_CREDIT, _PLAIN),
    OwnFault("completed with an error", "fal", "poll", FAILED, "free by its document, and charged where unsure"),
    OwnFault("the refusal of a run", "fal", "result", BLOCKED, "of a refused input no document says it is free"),
    OwnFault("the failure of a run", "fal", "result", FAILED, "free by its document, and charged where unsure"),
    OwnFault("a gateway's 400", "fal", "result", ASKED_AGAIN, "not in the form of a run's own end"),
)


def cells() -> Iterator[tuple[Fault | OwnFault, Place, Channel, Ending]]:
    """Every fault at every place of every channel where it can happen."""
    for fault in FAULTS:
        for place in PLACES:
            for channel in CHANNELS.values():
                ending = fault.at(place, channel)
                if isinstance(ending, Ending):
                    yield fault, place, channel, ending
    for own in OWN_FAULTS:
        yield own, own.place, CHANNELS[own.channel], own.ending


def absent() -> dict[str, list[tuple[Fault, Place, Channel]]]:
    """The cells that there are not, by the reason."""
    found: dict[str, list[tuple[Fault, Place, Channel]]] = {}
    for fault in FAULTS:
        for place in PLACES:
            for channel in CHANNELS.values():
                reason = fault.at(place, channel)
                if isinstance(reason, str):
                    found.setdefault(reason, []).append((fault, place, channel))
    return found
