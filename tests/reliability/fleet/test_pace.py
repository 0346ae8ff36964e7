"""One rate limit for all workers: what arrives at the service in any window, and a 429 that stops them all."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from reliability.fleet.fleet import Fleet, count, fleet, until
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

ON_THE_WIRE = 1.0  # seconds from the answer to one worker until no other one has a submit under way


def most_within(moments: Sequence[float], window: float) -> int:
    """The most arrivals in any window."""
    ordered = sorted(moments)
    return max(sum(begin <= moment < begin + window for moment in ordered) for begin in ordered)


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_sixty_a_minute_from_eight_workers(tmp_path: Path, print_report: Callable[[str, object], None]) -> None:
    with fleet(tmp_path, seconds=0.5, IMGEN_SUBMITS_PER_MINUTE="60") as here:
        here.order([f"fox {number}" for number in range(200)])
        for _ in range(8):
            here.start("--concurrency", "25")
        here.until_idle()
        found, arrivals = count(here), [each[0] for each in here.far.arrivals().values()]
        senders = Counter(job.owner for job in here.jobs())

    most, minutes = most_within(arrivals, 60.0), (max(arrivals) - min(arrivals)) / 60
    what = f"60 a minute from {len(senders)} workers for {minutes:.1f} minutes: {most} at most in 60 s"
    print_report("fleet", (what, 0, asdict(found)))
    assert most <= 60
    assert most >= 55, "the limit was not used"
    assert minutes >= 3.0
    assert len(senders) == 8
    check(found, 200)


def pause(here: Fleet, workers: int, jobs: int, seconds: int) -> tuple[list[float], float]:
    """Let one submit of a steady stream be turned away for so long.

    Returns when the others arrived, and when that one did.
    """
    here.order([f"fox {number}" for number in range(jobs)])
    for _ in range(workers):
        here.start("--concurrency", "4")
    until(lambda: len(here.far.arrivals()) > jobs // 4)
    here.far.turn_away(seconds)
    here.until_idle(240.0)
    [turned_away] = here.far.turned_away()
    return [each[0] for each in here.far.arrivals().values()], turned_away


@pytest.mark.timeout(120)
def test_a_retry_after_of_one_worker_stops_the_other_one(tmp_path: Path) -> None:
    with fleet(tmp_path, seconds=0.2) as here:
        arrivals, turned_away = pause(here, 2, 60, 4)
        found = count(here)

    assert [at for at in arrivals if turned_away + ON_THE_WIRE < at < turned_away + 4] == []
    assert max(arrivals) > turned_away + 4, "work went on"
    check(found, 60)


@pytest.mark.fleet
@pytest.mark.timeout(400)
def test_a_retry_after_stops_every_worker(tmp_path: Path, print_report: Callable[[str, object], None]) -> None:
    seconds = 10
    with fleet(tmp_path, seconds=0.5) as here:
        arrivals, turned_away = pause(here, 4, 200, seconds)
        found, jobs = count(here), here.jobs()

    prompts = {job.request.prompt: job.owner for job in jobs}
    late = [at - turned_away for at in arrivals if turned_away < at < turned_away + seconds]
    what = f"a 429 for {seconds} s to one of 4 workers: {len(late)} more arrive, {max(late, default=0):.2f} s later"
    print_report("fleet", (what, 0, asdict(found)))
    assert max(late, default=0.0) <= ON_THE_WIRE
    assert most_within(arrivals, ON_THE_WIRE) > 1, "there was a stream to be stopped"
    assert len(set(prompts.values())) == 4, "all four submitted"
    check(found, 200)


@pytest.mark.fleet
@pytest.mark.timeout(400)
def test_a_service_that_turns_everything_away_is_left_alone_for_as_long_as_it_says(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    """Four workers come back together after each pause, with what passes before the first of them is turned away."""
    seconds, refusals = 3, 80
    with fleet(tmp_path, seconds=0.5) as here:
        here.order([f"fox {number}" for number in range(60)])
        for _ in range(refusals):
            here.far.turn_away(seconds)
        for _ in range(4):
            here.start()
        here.until_idle(240.0)
        turned_away, found = here.far.turned_away(), count(here)

    waves = in_waves(turned_away, seconds)
    what = (
        f"{refusals} times a 429 for {seconds} s to 4 workers: {len(waves)} times asked, {max(map(len, waves))} at most"
    )
    print_report("fleet", (what, 0, asdict(found)))
    assert [wave for wave in waves if wave[-1] - wave[0] > ON_THE_WIRE] == []
    assert len(waves) > 1
    check(found, 60)


def in_waves(moments: Sequence[float], pause: float) -> list[list[float]]:
    """Arrivals together with those less than a pause after the first of them."""
    waves: list[list[float]] = []
    for moment in sorted(moments):
        if waves and moment < waves[-1][0] + pause:
            waves[-1].append(moment)
        else:
            waves.append([moment])
    return waves
