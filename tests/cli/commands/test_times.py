"""One grammar of times behind every option that takes one."""

from __future__ import annotations

import pytest

from imgen.commands.times import length, moment, patience, span, window
from imgen.errors import UsageProblem

NOW = 1_793_521_800.0
HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
LENGTHS = {
    "90s": 90.0,
    "30m": HOUR / 2,
    "90m": 1.5 * HOUR,
    "6h": 6 * HOUR,
    "36h": 36 * HOUR,
    "2d": 2 * DAY,
    "1w": WEEK,
    "1h30m": 1.5 * HOUR,
    "1d6h59m": DAY + 6 * HOUR + 59 * 60,
    "2w3d": 2 * WEEK + 3 * DAY,
    " 7 D ": 7 * DAY,
}
NONE = ["", "7", "d", "soon", "-3d", "1.5h", "30s1m", "30m1h", "1h1h", "٣d", "9999999d"]


@pytest.mark.parametrize(("text", "seconds"), LENGTHS.items())
def test_every_option_reads_the_same_lengths(text: str, seconds: float) -> None:
    assert length(text) == window(text) == seconds
    assert moment("--since", text, NOW) == NOW - seconds
    assert span(text, None, NOW) == (NOW - seconds, None)
    assert span(None, text, NOW) == (None, NOW - seconds)


@pytest.mark.parametrize("text", NONE)
def test_every_option_refuses_the_same_words(text: str) -> None:
    assert length(text) is None
    with pytest.raises(UsageProblem, match="up to a year"):
        window(text)
    with pytest.raises(UsageProblem, match="--since takes a date or a length of time back"):
        moment("--since", text, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("0.5", 0.5), ("0", 0.0), ("5m", 300.0), ("1h30m", 5400.0)]
)
def test_a_wait_is_in_seconds_or_a_length_of_time(text: str, seconds: float) -> None:
    assert patience(text) == seconds


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "soon", "53w"])
def test_a_wait_that_no_clock_can_count_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="no time to wait"):
        patience(text)


@pytest.mark.parametrize("text", ["0m", "53w", "367d"])
def test_a_window_is_neither_empty_nor_over_a_year(text: str) -> None:
    with pytest.raises(UsageProblem, match="up to a year"):
        window(text)
