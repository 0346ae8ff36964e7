"""Is a service asked in its own rhythm, less often when it is in trouble, and never in a busy loop?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen.jobs.schedule import LONGEST_RETRY_AFTER, RateLimit, Schedule, schedule
from imgen.ledger.pacing import SubmitLimit
from imgen_providers.base import Balance, Job, Json, Request
from imgen_providers.catalog import SERVICES, Cadence

CADENCE = Cadence(first=30.0, steps=((0.0, 4.0), (180.0, 10.0), (600.0, 30.0)), floor=3.0, after_rate_limit=10.0)
USUAL = schedule(CADENCE, pace=1.0, every=None, loopback=False)


@pytest.mark.parametrize(
    ("age", "interval"),
    [(0.0, 4.0), (179.9, 4.0), (180.0, 10.0), (599.9, 10.0), (600.0, 30.0), (90_000.0, 30.0)],
)
def test_older_jobs_are_asked_about_less_often(age: float, interval: float) -> None:
    assert USUAL.interval(age, chance=0.5) == interval


def test_chance_spreads_the_questions_by_a_quarter_either_way() -> None:
    assert USUAL.interval(600.0, chance=0.0) == 22.5
    assert USUAL.interval(600.0, chance=1.0) == 37.5


def test_chance_never_goes_below_the_floor() -> None:
    assert schedule(CADENCE, pace=0.8, every=None, loopback=False).interval(0.0, chance=0.0) == 3.0


def test_a_job_younger_than_every_step_has_the_first() -> None:
    assert Schedule(0.0, ((10.0, 5.0),), 0.0, 1.0).interval(1.0, chance=0.5) == 5.0


def test_trouble_doubles_the_wait_up_to_a_minute() -> None:
    waits = [USUAL.after_trouble(failures, None, chance=0.5) for failures in range(1, 7)]

    assert waits == [8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_service_down_for_days_is_asked_once_a_minute() -> None:
    """2.0 ** 1024 is more than a float can hold."""
    assert USUAL.after_trouble(5_000, None, chance=0.5) == 60.0
    quick = schedule(CADENCE, pace=0.001, every=None, loopback=True)
    assert quick.after_trouble(5_000, None, chance=0.5) == 60.0


def test_the_service_may_ask_for_a_longer_wait_and_not_for_a_shorter() -> None:
    assert USUAL.after_trouble(1, 200.0, chance=0.5) == 200.0
    assert USUAL.after_trouble(1, 1.0, chance=0.5) == 8.0


def test_a_poll_waits_no_longer_for_a_retry_after_than_a_link_can_spare() -> None:
    assert USUAL.after_trouble(1, 10.0**9, chance=0.5) == LONGEST_RETRY_AFTER == 900.0


def test_a_service_that_is_slow_by_itself_is_not_asked_more_often_in_trouble() -> None:
    slow = schedule(CADENCE, pace=1.0, every=100.0, loopback=False)

    assert slow.after_trouble(3, None, chance=0.5) == 100.0


@pytest.mark.parametrize("asked", [0.0, 0.5])
def test_a_submit_that_is_turned_away_waits_longer_each_time_whatever_little_the_service_asks_for(asked: float) -> None:
    waits = [USUAL.after_turned_away(times, asked, chance=0.5) for times in range(1, 9)]

    assert waits == [1.25, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert USUAL.after_turned_away(5_000, asked, chance=1.0) == 75.0


def test_a_service_that_names_a_wait_is_given_it() -> None:
    assert USUAL.after_turned_away(1, 200.0, chance=1.0) == 200.0
    assert USUAL.after_turned_away(1, 2.0, chance=0.0) == 2.0
    assert USUAL.after_turned_away(1, None, chance=0.5) == 10.0


def test_the_persons_own_interval_replaces_the_rhythm_but_not_the_floor() -> None:
    own = schedule(CADENCE, pace=1.0, every=7.0, loopback=False)
    eager = schedule(CADENCE, pace=1.0, every=0.1, loopback=False)

    assert (own.first, own.interval(0.0, 0.5), own.interval(900.0, 0.5)) == (7.0, 7.0, 7.0)
    assert (eager.first, eager.interval(0.0, 0.0)) == (3.0, 3.0)


def test_our_own_machine_takes_any_rhythm_but_no_busy_loop() -> None:
    assert schedule(CADENCE, pace=1.0, every=0.5, loopback=True).interval(0.0, 0.5) == 0.5
    assert schedule(CADENCE, pace=1.0, every=0.0, loopback=True).interval(0.0, 0.0) > 0.0
    assert schedule(CADENCE, pace=0.0, every=None, loopback=True).interval(0.0, 0.0) > 0.0


def test_the_sandboxs_pace_shrinks_every_time() -> None:
    quick = schedule(CADENCE, pace=0.1, every=None, loopback=True)

    assert quick.first == 3.0
    assert quick.steps[1] == (18.0, 1.0)
    assert quick.after_rate_limit == 1.0


@given(
    name=st.sampled_from(sorted(SERVICES)),
    age=st.floats(0, 1e6),
    chance=st.floats(0, 1),
    failures=st.integers(1, 10_000),
    asked=st.none() | st.floats(0, 1e4),
)
def test_no_wait_is_shorter_than_the_services_floor(
    name: str, age: float, chance: float, failures: int, asked: float | None
) -> None:
    usual = schedule(SERVICES[name].cadence, pace=1.0, every=None, loopback=False)

    assert usual.interval(age, chance) >= SERVICES[name].cadence.floor
    assert usual.after_trouble(failures, asked, chance) >= max(
        usual.interval(0.0, chance), min(asked or 0.0, LONGEST_RETRY_AFTER)
    )


class Account:
    """A service whose account names its own rate limit."""

    def __init__(self, submits_per_minute: int | None) -> None:
        self._submits_per_minute = submits_per_minute

    def balance(self) -> Balance:
        return Balance("20", "credits", self._submits_per_minute)

    def submit(self, request: Request) -> Job:
        raise NotImplementedError

    def refresh(self, job: Job) -> Job:
        raise NotImplementedError

    def preview(self, request: Request) -> tuple[str, Json]:
        raise NotImplementedError


@pytest.mark.parametrize(("named", "holds"), [(30, 30), (3, 3), (None, 3), (0, 3), (-1, 3), (10**30, 3)])
def test_an_account_may_name_another_rate_limit_that_makes_sense(named: int | None, holds: int) -> None:
    limit = RateLimit(SubmitLimit(3, 60.0), fixed=False)

    assert limit.learn(Account(named)) is (holds != 3)
    assert limit.limit == SubmitLimit(holds, 60.0)
    assert not limit.learn(Account(7)), "it is asked once"


def test_a_rate_limit_that_the_user_set_holds() -> None:
    limit = RateLimit(SubmitLimit(3, 60.0), fixed=True)

    assert not limit.learn(Account(30))
    assert limit.limit == SubmitLimit(3, 60.0)
