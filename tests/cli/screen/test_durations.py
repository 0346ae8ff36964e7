"""Spans of time in words."""

from __future__ import annotations

import pytest

from imgen.screen.durations import ago, clock, left, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (90, "90 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (86_400, "1 d"),
        (6 * 86_400 + 4 * 3600 + 59, "6 d 4 h"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_ages() -> None:
    assert [ago(0.2), ago(40), ago(7200)] == ["just now", "40 s ago", "2 h ago"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "time left unknown"),
        (-1, "expired"),
        (0, "expired"),
        (2400, "expires in 40 min"),
        (23 * 3600, "23 h left"),
        (6 * 86_400 + 4 * 3600, "6 d 4 h left"),
    ],
)
def test_what_is_left_of_a_link(seconds: float | None, words: str) -> None:
    assert left(seconds) == words


def test_a_stop_watch() -> None:
    assert [clock(-1), clock(41.9), clock(725), clock(3723)] == ["0:00", "0:41", "12:05", "1:02:03"]
