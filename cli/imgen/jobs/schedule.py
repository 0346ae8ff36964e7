"""The poll schedule, the backoff after failures, and the rate limit of submits: a service's cadence, with jitter."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from imgen.ledger.pacing import SubmitLimit
from imgen_providers.base import ReportsBalance, Service
from imgen_providers.errors import ServiceError

if TYPE_CHECKING:
    from imgen_providers.catalog import Cadence

_MOST = 100_000  # submits a minute; a larger number in an answer is a mistake
_LONGEST_BACKOFF = 60.0  # seconds between two polls of a service that does not answer
LONGEST_RETRY_AFTER = 900.0
"""Seconds: a poll or a download costs nothing and waits no longer for a Retry-After, since links expire meanwhile."""
_LOOPBACK_FLOOR = 0.02  # seconds: our own machine takes any rate, but not a busy loop
_USERS_FLOOR = 0.005  # seconds: the same where the user set the interval
_JITTER = 0.25  # of an interval, either way
_DOUBLINGS = 14  # from the floor to past the longest backoff


class Schedule(NamedTuple):
    """A service's cadence as it holds here; all in seconds. `steps` are (age of the job, interval).

    `learns` allows the durations of past jobs to place the polls; an interval that the user set does not.
    """

    first: float
    steps: tuple[tuple[float, float], ...]
    floor: float
    after_rate_limit: float
    learns: bool = True

    def interval(self, age: float, chance: float) -> float:
        """The wait before the next poll of a job of this age; `chance` is from 0 to 1."""
        usual = next((interval for start, interval in reversed(self.steps) if age >= start), self.steps[0][1])
        return max(self.floor, usual * (1 - _JITTER + 2 * _JITTER * chance))

    def after_trouble(self, failures: int, asked_for: float | None, chance: float) -> float:
        """The backoff after `failures` failed polls in a row, at least the service's Retry-After (`asked_for`)."""
        usual = self.interval(0.0, chance)
        asked_for = min(asked_for or 0.0, LONGEST_RETRY_AFTER)
        return max(_doubled(usual, failures, max(usual, _LONGEST_BACKOFF)), asked_for)

    def after_turned_away(self, times: int, asked_for: float | None, chance: float) -> float:
        """The backoff after a submit was rejected (429, busy) for the `times`th time, at least its Retry-After.

        Our own wait grows from an eighth of what is usual here after a 429: a Retry-After of 0, or of a moment that
        is over, makes no busy loop.
        """
        own = _doubled(self.after_rate_limit / 8, times - 1, max(self.after_rate_limit, _LONGEST_BACKOFF))
        own *= 1 - _JITTER + 2 * _JITTER * chance
        return max(own, self.after_rate_limit if asked_for is None else asked_for)


def _doubled(first: float, times: int, longest: float) -> float:
    return min(first * 2.0 ** min(times, _DOUBLINGS), longest)


def schedule(cadence: Cadence, *, pace: float, every: float | None, loopback: bool) -> Schedule:
    """The cadence as it holds here.

    `pace` shrinks every time (the sandbox is quick); `every` is the user's own interval in seconds, which the
    service's floor limits except on loopback.
    """
    if every is not None:
        floor = _USERS_FLOOR if loopback else cadence.floor
        every = max(floor, every)
        return Schedule(every, ((0.0, every),), floor, cadence.after_rate_limit * pace, learns=False)
    floor = _LOOPBACK_FLOOR if loopback else cadence.floor
    return Schedule(
        cadence.first * pace,
        tuple((age * pace, interval * pace) for age, interval in cadence.steps),
        floor,
        cadence.after_rate_limit * pace,
    )


class RateLimit:
    """How many submits a minute a service takes: the catalogue's number, until the account itself names another.

    All processes keep to it together, through the ledger. `fixed` means that the user set it: then the account's own
    limit is not fetched.
    """

    def __init__(self, limit: SubmitLimit, *, fixed: bool) -> None:
        self._lock = threading.Lock()
        self._limit = limit
        self._learned = fixed

    @property
    def limit(self) -> SubmitLimit:
        """What holds now."""
        return self._limit

    def learn(self, service: Service) -> bool:
        """Fetch the account's own limit, at most once, and only when it matters; returns whether the limit changed."""
        with self._lock:
            if self._learned or not isinstance(service, ReportsBalance):
                return False
            self._learned = True
            try:
                most = service.balance().submits_per_minute
            except ServiceError:
                return False
            if most is None or not 0 < most <= _MOST or most == self._limit.most:
                return False
            self._limit = SubmitLimit(most, self._limit.window)
            return True
