"""A laptop that sleeps in the middle of a wait, and clocks that are set: what is waited for, and what has died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0
DAY = 24 * HOUR


def test_a_night_in_the_middle_of_a_wait_uses_up_nothing_of_its_timeout(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=30.0) as bench:
        bench.clock.jump(at=12.0, seconds=8 * HOUR)

        report = bench.generate(timeout=60.0)

        assert report.exit_code is ExitCode.DONE
        assert bench.clock.monotonic() < 30.0
        assert len(bench.requests("POST")) == 1


def test_a_link_may_be_as_old_as_the_last_look_before_the_sleep(tmp_path: Path) -> None:
    """The job ended while this machine slept; nor is the night counted among the times that jobs like it take."""
    with Bench(tmp_path, seconds=30.0) as bench:
        bench.clock.jump(at=12.0, seconds=8 * HOUR)
        began = bench.clock.wall()

        report = bench.generate()

        (result,) = report.records[0].results
        assert result.expires_at is not None
        assert began < result.expires_at - DAY <= began + 12.0
        record = report.records[0]
        assert bench.session.ledger.jobs.seconds_taken(record.provider, record.request.model, "0.5K") == []


@pytest.mark.parametrize(
    ("faults", "hours", "fetches", "code"),
    [
        pytest.param("dead-link", 8, 2, ExitCode.DONE, id="the fresh link works"),
        pytest.param("", 25, 2, ExitCode.EXPIRED, id="the picture is gone"),
        pytest.param("dead-link*always", 8, 6, ExitCode.EXPIRED, id="it should have lived longer"),
    ],
)
def test_a_link_that_died_during_the_sleep_is_asked_for_anew(
    tmp_path: Path, faults: str, hours: int, fetches: int, code: ExitCode
) -> None:
    with Bench(tmp_path, faults=faults, seconds=30.0) as bench:
        bench.clock.jump(at=12.0, seconds=hours * HOUR)

        report = bench.generate(timeout=120.0)

        assert report.exit_code is code
        assert len(bench.requests("/sandbox/pictures/")) == fetches
        assert bench.clock.monotonic() < 120.0


def test_a_dead_link_is_asked_about_once(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=30.0) as bench:
        bench.clock.jump(at=12.0, seconds=2 * DAY)
        bench.generate()
        finished = next(place for place, line in enumerate(bench.log) if "/sandbox/pictures/" in line)

        after = ["picture" if "/sandbox/pictures/" in line else "question" for line in bench.log[finished:]]

        assert after == ["picture", "question", "picture"]


@pytest.mark.parametrize("seconds", [-20.0, 2 * HOUR])
def test_a_clock_that_is_set_in_the_middle_of_a_wait_ends_nothing(tmp_path: Path, seconds: float) -> None:
    with Bench(tmp_path, seconds=30.0) as bench:
        bench.clock.jump(at=12.0, seconds=seconds)

        report = bench.generate(timeout=120.0)

        assert report.exit_code is ExitCode.DONE
        (result,) = report.records[0].results
        assert result.expires_at is not None
        assert result.expires_at <= bench.clock.wall() + DAY
