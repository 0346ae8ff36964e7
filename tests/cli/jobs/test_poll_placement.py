"""Polls stand where jobs like this one usually end, within the service's floor and not far from its cadence."""

from __future__ import annotations

from itertools import pairwise

import pytest

from imgen.jobs.poll_placement import Placement
from imgen.jobs.schedule import Schedule

CADENCE = Schedule(first=5.0, steps=((0.0, 4.0), (120.0, 8.0)), floor=2.0, after_rate_limit=20.0)
PAST = (58.0, 61.0, 60.0, 59.5, 62.0, 60.5, 57.0, 63.0)


def polls(placement: Placement, until: float) -> list[float]:
    ages = [0.0]
    while ages[-1] < until:
        ages.append(ages[-1] + placement.delay(ages[-1], 0.5))
    return ages[1:]


def test_polls_are_close_together_where_jobs_ended_and_far_apart_before() -> None:
    ages = polls(Placement(CADENCE, PAST), 65.0)

    early = [age for age in ages if age < 50]
    near = [age for age in ages if 56 <= age <= 64]
    assert len(near) >= 3  # every 2 s, the floor
    assert len(early) <= 8  # the cadence polls 12 times in that time


def test_a_few_jobs_that_took_ten_times_as_long_do_not_spread_the_polls_for_the_others() -> None:
    ages = polls(Placement(CADENCE, (*PAST, 500.0, 300.0)), 65.0)

    assert len([age for age in ages if 56 <= age <= 64]) >= 3  # as without them
    assert len([age for age in ages if age < 50]) <= 8


def test_jobs_that_all_take_the_same_are_not_missed_between_two_steps_of_a_long_grid() -> None:
    past = (*(11.3 + 0.01 * (number % 5) for number in range(24)), 700.0)

    first = polls(Placement(Schedule(10.0, ((0.0, 10.0),), 2.0, 20.0), past), 14.0)

    assert len([age for age in first if 10.0 <= age <= 14.0]) >= 1
    assert first[-1] <= 16.0


def test_a_job_like_the_past_meets_no_more_polls_than_with_the_cadence() -> None:
    ages = polls(Placement(CADENCE, PAST), 60.0)

    assert len(ages) <= 1 + (60 - 5) / 4


@pytest.mark.parametrize("past", [PAST, (0.5,) * 6, (900.0, 1.0, 30.0, 2.0, 60.0), (0.001,) * 5, (0.0,) * 5])
def test_no_poll_comes_sooner_than_the_floor_nor_three_times_as_late_as_the_cadence(past: tuple[float, ...]) -> None:
    ages = [0.0, *polls(Placement(CADENCE, past), 400.0)]

    assert all(
        CADENCE.floor - 1e-9 <= later - earlier <= 3 * CADENCE.interval(earlier, 0.5) + CADENCE.first
        for earlier, later in pairwise(ages)
    )


def test_past_the_longest_known_duration_the_cadence_holds() -> None:
    placement = Placement(CADENCE, PAST)

    assert placement.delay(200.0, 0.5) == CADENCE.interval(200.0, 0.5)


def test_where_the_past_is_faster_than_the_first_documented_poll_the_first_comes_sooner() -> None:
    slow_start = Schedule(first=30.0, steps=((0.0, 4.0),), floor=3.0, after_rate_limit=10.0)

    first = Placement(slow_start, (12.0, 11.0, 12.5, 13.0, 12.0, 11.5)).delay(0.0, 0.5)

    assert 8.0 < first < 14.0
