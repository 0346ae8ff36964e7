"""How late a finished job is seen, and with how many polls: the learned placement beside each service's cadence.

A simulation in virtual time: durations are drawn, polls are placed by the program's own code, and nothing waits. At
its end the same once in real time, with real requests, as a check of the simulation: that takes two minutes.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.best_placement import best_lateness
from benchmarks.instant_service import instant_service
from benchmarks.measure import Figure, environment
from imgen.jobs.poll_placement import ENOUGH, placement
from imgen.jobs.schedule import Schedule, schedule
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TESTS = Path(__file__).parents[1]
_JOBS = 200  # measured jobs of each case
_REAL_JOBS = 100
_PASTS = 3  # different pasts, over which a figure is the mean
_LEARNED_FROM = 20  # the goal is for a person with so many jobs behind them
_KEPT = 50  # durations that the ledger gives


@dataclass(frozen=True, slots=True)
class Seen:
    """One job: polls made, seconds between its end and the poll that saw it, and how many seconds it took."""

    polls: int
    lateness: float
    took: float


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Lateness as a share of the cadence's, with the polls beside it, for every service and kind of durations."""
    for name, entry in SERVICES.items():
        if not entry.models[0].comes_back:  # the answer to the submit is the end: there is nothing to place
            continue
        rhythm = schedule(entry.cadence, pace=1.0, every=None, loopback=False)
        for kind, draw, goal in _cases():
            yield from _compared(f"{name}, {kind}", rhythm, draw, goal)
    for every in (2.0, 5.0):
        fixed = Schedule(every, ((0.0, every),), 1.0, every)
        yield from _compared(f"fixed {every:.0f} s, documented", fixed, _cases()[0][1], 0.5)
    yield from _real(folder)


def _real(folder: Path) -> Iterator[Figure]:
    """Jobs at a service on loopback that takes 30 to 60 s for each, beside the simulation of the same."""
    rhythm = schedule(SERVICES["reapi"].cadence, pace=1.0, every=None, loopback=True)
    learned, usual = (_simulated(rhythm, _cases()[0][1], _JOBS, learns=learns) for learns in (True, False))
    expected = {
        name: {
            "polls": statistics.fmean(one.polls for one in seen),
            "late": statistics.fmean(one.lateness for one in seen),
        }
        for name, seen in (("learned", learned), ("cadence", usual))
    }
    with instant_service(seconds=30.0, longest=60.0, quiet=True) as service:
        environ = environment(
            {
                "IMGEN_HOME": str(folder / "home"),
                "IMGEN_SUBMITS_PER_MINUTE": "0",
                "REAPI_API_KEY": "a-key-of-the-benchmark",
                "REAPI_BASE_URL": service.origin,
            }
        )
        command = [sys.executable, "-m", "benchmarks.seeing_it_done_side", str(_REAL_JOBS), str(folder)]
        ended = subprocess.run(command, cwd=_TESTS, env=environ, capture_output=True, check=True)
    found = json.loads(ended.stdout)
    for name, case in (("learned", "placed by the past"), ("cadence", "by the cadence")):
        note = "; ".join(
            f"{where}: {each['polls']:.1f} polls, {each['late']:.1f} s late"
            for where, each in (("real", found[name]), ("simulated", expected[name]))
        )
        ratio = found[name]["late"] / expected[name]["late"]
        yield Figure(f"seen done, real: {case}", ratio, "x the simulation", note)
    ratio = found["learned"]["late"] / found["cadence"]["late"]
    yield Figure("seen done, real: lateness", ratio, "x the cadence's", f"{_REAL_JOBS} jobs each", most=0.5)


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
    if goal < 1:
        best = best_lateness([seen.took for seen in usual], floor=rhythm.floor, polls=polls[1])
        note += f"; {best / statistics.fmean(seen.lateness for seen in usual):.2f} x were it known how long jobs take"
    yield Figure(f"seen done: {case}", mean, "x the cadence's", note, most=goal)


def _simulated(
    rhythm: Schedule, draw: Callable[[random.Random, int], float], measured: int, *, learns: bool
) -> list[Seen]:
    return [seen for number in range(_PASTS) for seen in _after(number, rhythm, draw, measured, learns=learns)]


def _after(
    past_number: int, rhythm: Schedule, draw: Callable[[random.Random, int], float], measured: int, *, learns: bool
) -> Iterator[Seen]:
    chance = random.Random(past_number)
    past: list[float] = []
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
            yield Seen(polls, age - took, took)
