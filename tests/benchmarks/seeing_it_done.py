"""How late a finished job is seen, and with how many polls: the learned placement beside each service's cadence.

A simulation in virtual time: durations are drawn, polls are placed by the program's own code, and nothing waits.
"""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.measure import Figure
from imgen.jobs.poll_placement import ENOUGH, placement
from imgen.jobs.schedule import Schedule, schedule
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_JOBS = 400  # measured jobs of each case
_LEARNED_FROM = 20  # the goal is for a person with so many jobs behind them
_KEPT = 50  # durations that the ledger gives


@dataclass(frozen=True, slots=True)
class Seen:
    """One job: polls made, and seconds between its end and the poll that saw it."""

    polls: int
    lateness: float


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Lateness as a share of the cadence's, with the polls beside it, for every service and kind of durations."""
    for name, entry in SERVICES.items():
        rhythm = schedule(entry.cadence, pace=1.0, every=None, loopback=False)
        for kind, draw, goal in _cases():
            yield from _compared(f"{name}, {kind}", rhythm, draw, goal)
    for every in (2.0, 5.0):
        fixed = Schedule(every, ((0.0, every),), 1.0, every)
        yield from _compared(f"fixed {every:.0f} s, documented", fixed, _cases()[0][1], 0.5)


def _cases() -> list[tuple[str, Callable[[random.Random, int], float], float]]:
    return [
        ("documented", lambda chance, _: chance.uniform(30.0, 60.0), 0.5),
        ("heavy tail", lambda chance, _: 25.0 * chance.paretovariate(2.2), 0.5),
        (
            "changed speed",
            lambda chance, number: chance.uniform(30.0, 60.0) * (1.0 if number < _LEARNED_FROM else 0.3),
            1.1,
        ),
        (
            "slower since",
            lambda chance, number: chance.uniform(30.0, 60.0) * (1.0 if number < _LEARNED_FROM else 3.0),
            1.1,
        ),
    ]


def _compared(
    case: str, rhythm: Schedule, draw: Callable[[random.Random, int], float], goal: float
) -> Iterator[Figure]:
    measured = _JOBS if goal < 1 else 40  # a change is judged by the jobs right after it
    learned, usual = (_simulated(rhythm, draw, measured, learns=learns) for learns in (True, False))
    mean = statistics.fmean(seen.lateness for seen in learned) / statistics.fmean(seen.lateness for seen in usual)
    late = [statistics.quantiles([s.lateness for s in each], n=20)[-1] for each in (learned, usual)]
    polls = [statistics.fmean(seen.polls for seen in each) for each in (learned, usual)]
    note = f"polls {polls[0]:.1f} against {polls[1]:.1f}; 95 % within {late[0]:.1f} s against {late[1]:.1f} s"
    yield Figure(f"seen done: {case}", mean, "x the cadence's", note, most=goal)


def _simulated(
    rhythm: Schedule, draw: Callable[[random.Random, int], float], measured: int, *, learns: bool
) -> list[Seen]:
    chance = random.Random(20261126)
    past: list[float] = []
    seen = []
    for number in range(_LEARNED_FROM + measured):
        took = draw(chance, number)
        known = tuple(past[:_KEPT])
        age, polls = 0.0, 0
        while True:
            if learns and len(known) >= ENOUGH:
                age += placement(rhythm, known).delay(age, chance.random())
            else:
                age += rhythm.first if polls == 0 else rhythm.interval(age, chance.random())
            polls += 1
            if age >= took:
                break
        past.insert(0, age)  # what a follower learns is when it saw the end
        if number >= _LEARNED_FROM:
            seen.append(Seen(polls, age - took))
    return seen
