"""Where to place the polls of a job: close together when jobs like it usually end, far apart when they do not.

A poll that comes often while the job is sure to go on is wasted; one that comes seldom when it is likely to end is
late. For a hazard h (the chance per second that a job of this age ends now) the fewest polls for a given mean
lateness are placed with the rate sqrt(h / 2c); c is set so that the expected number of polls is that of the service's
own cadence. Where the past does not reach, the cadence itself holds; and it is never left by more than `_STRETCH`,
because a service may have changed its speed since.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.jobs.schedule import Schedule

ENOUGH = 5
"""Own past jobs, before their durations place the polls."""

_STRETCH = 3.0  # times the documented interval, at most
_FADING = 0.9  # weight of a job against that of the next newer one
_UNKNOWN = 0.08  # share of jobs that may end at a time at which no past job ended
_SHORTEST = 0.1  # seconds; a job that took less counts as this
_NARROWEST = 0.02  # width of the smoothing: two per cent of a duration
_MIDDLE_HALF = 1.34  # its width in standard deviations, where durations are normal
_UNSPENT = 1.04  # the smoothed past reaches beyond the real one: of the polls planned so far, a few are never made
_POINTS = 400  # of the grid on which the hazard is held
_REACH = 1.3  # the grid ends at this multiple of the longest past duration
_BISECTIONS = 24
_JITTER = 0.05  # of a delay, either way


class Placement:
    """The poll times of jobs whose like took `past` seconds, the newest first; all in seconds since acceptance."""

    def __init__(self, schedule: Schedule, past: Sequence[float]) -> None:
        self._schedule = schedule
        self._end = max(_SHORTEST, *past) * _REACH
        self._step = self._end / _POINTS
        ages = [self._step * (number + 0.5) for number in range(_POINTS)]
        usual = [1 / schedule.interval(age, 0.5) for age in ages]
        alive, hazard = _survival(ages, self._step, past)
        earliest = min(schedule.first, 0.8 * min(past))
        # The cadence polls as soon as it begins, a placement once its first whole poll is due.
        begun = [rate if age >= schedule.first else 0.0 for age, rate in zip(ages, usual, strict=True)]
        budget = _UNSPENT * (1.0 + _expected(alive, begun))

        def rates(cost: float) -> list[float]:
            return [
                0.0
                if age < earliest
                else min(1 / schedule.floor, max(often / _STRETCH, math.sqrt(danger / (2 * cost))))
                for age, often, danger in zip(ages, usual, hazard, strict=True)
            ]

        # Cheaper polls than this would go to ages at which jobs do not end: near the peak the floor is reached.
        cheapest = max(hazard) * schedule.floor**2 / 40
        self._rates = rates(max(cheapest, _cost(lambda cost: _expected(alive, rates(cost)), budget)))

    def delay(self, age: float, chance: float) -> float:
        """How many seconds after this age the next poll comes, not below the service's floor.

        `chance` is from 0 to 1: a little jitter, so that jobs of one moment do not poll together.
        """
        return max(self._schedule.floor, self._until_due(age) * (1 - _JITTER + 2 * _JITTER * chance))

    def _until_due(self, age: float) -> float:
        """Seconds until one whole poll is due, by the rates from this age on."""
        owed, at = 1.0, age
        while at < self._end:
            number = min(_POINTS - 1, int(at / self._step))
            rest = (number + 1) * self._step - at
            rate = self._rates[number]
            if rate * rest >= owed:
                return at + owed / rate - age
            owed -= rate * rest
            at += max(rest, 1e-9)
        return at - age + owed * self._schedule.interval(at, 0.5)


@lru_cache(maxsize=64)
def placement(schedule: Schedule, past: tuple[float, ...]) -> Placement:
    """The placement for a schedule and a past, computed once for all jobs that share them."""
    return Placement(schedule, past)


def _survival(ages: Sequence[float], step: float, past: Sequence[float]) -> tuple[list[float], list[float]]:
    """At each age, the share of jobs that still go on, and the hazard, from a smoothed past and the unknown.

    It is smoothed in the logarithm, because a few jobs take several times as long as most; the width is Silverman's,
    and no less than a step of the grid.
    """
    known = [max(taken, _SHORTEST) for taken in past]
    logs = [math.log(taken) for taken in known]
    weights = [_FADING**number for number in range(len(past))]
    whole = sum(weights)
    usual = max(_NARROWEST, 0.9 * _spread(logs, weights) * len(past) ** -0.2)
    kernels = [
        (weight / whole, each, max(usual, step / taken))
        for weight, each, taken in zip(weights, logs, known, strict=True)
    ]
    alive, hazard = [], []
    left = 1.0
    flat = _UNKNOWN / (len(ages) * step)
    for age in ages:
        at = math.log(age)
        near = sum(share / width * math.exp(-0.5 * ((at - each) / width) ** 2) for share, each, width in kernels)
        density = (1 - _UNKNOWN) * near / (age * math.sqrt(2 * math.pi)) + flat
        alive.append(max(left, 1e-3) * step)
        hazard.append(density / max(left, 0.02))
        left -= density * step
    return alive, hazard


def _spread(values: Sequence[float], weights: Sequence[float]) -> float:
    """The standard deviation, or that of the middle half where it is less: a few far ones do not widen it."""
    whole = sum(weights)
    mean = sum(w * each for w, each in zip(weights, values, strict=True)) / whole
    deviation = math.sqrt(sum(w * (each - mean) ** 2 for w, each in zip(weights, values, strict=True)) / whole)
    ordered, quarter = sorted(values), len(values) // 4
    middle = (ordered[-1 - quarter] - ordered[quarter]) / _MIDDLE_HALF
    return min(deviation, middle) if middle else deviation


def _expected(alive: Sequence[float], rates: Sequence[float]) -> float:
    """How many polls a job meets."""
    return sum(share * rate for share, rate in zip(alive, rates, strict=True))


def _cost(polls: Callable[[float], float], budget: float) -> float:
    """The cost of a poll at which `budget` polls are expected; a higher cost gives fewer."""
    low, high = 1e-4, 1e4
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if polls(middle) > budget else (low, middle)
    return high
