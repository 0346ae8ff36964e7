"""Is an estimate never more than an estimate?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen.jobs.progress import Progress, estimate, reported


def test_the_persons_own_past_counts_more_than_the_documentation() -> None:
    assert estimate([20.0, 100.0, 40.0], 90.0, 10.0) == Progress(0.25, "estimate", 3, remaining=30.0)


def test_two_past_jobs_are_too_few_to_go_by() -> None:
    assert estimate([20.0, 40.0], 100.0, 10.0) == Progress(0.1, "estimate", 0, remaining=90.0)


@pytest.mark.parametrize("documented", [None, 0.0])
def test_where_nothing_is_known_nothing_is_shown(documented: float | None) -> None:
    assert estimate([20.0, 40.0], documented, 10.0) is None


def test_an_estimate_never_claims_to_be_done() -> None:
    late = estimate([], 60.0, 600.0)

    assert late is not None
    assert late.fraction < 1.0
    assert late.remaining is None


def test_jobs_that_took_no_time_divide_by_nothing() -> None:
    quick = estimate([0.0, 0.0, 0.0], None, 1.0)

    assert quick is not None
    assert 0.0 < quick.fraction < 1.0


def test_the_services_own_number_is_shown_as_such() -> None:
    assert reported(0.25, 30.0) == Progress(0.25, "service", remaining=90.0)


def test_the_time_to_go_is_not_guessed_from_a_first_percent() -> None:
    assert reported(0.01, 30.0).remaining is None


@pytest.mark.parametrize(("polled", "shown"), [(-0.5, 0.0), (1.7, 1.0)])
def test_a_number_beyond_the_scale_is_brought_back(polled: float, shown: float) -> None:
    assert reported(polled, 10.0).fraction == shown


@given(st.lists(st.floats(0, 1e5), max_size=9), st.none() | st.floats(0, 1e5), st.floats(0, 1e6))
def test_every_estimate_lies_on_the_scale(past: list[float], documented: float | None, elapsed: float) -> None:
    guess = estimate(past, documented, elapsed)

    assert guess is None or (0.0 <= guess.fraction <= 0.95 and (guess.remaining is None or guess.remaining > 0))
