"""A runner is cancelled as GitHub does it: SIGINT, after 7.5 s SIGTERM, after 2.5 s more it is killed."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from imgen.records import State
from reliability.fleet.fleet import Fleet, count, fleet, until
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def taken(here: Fleet) -> tuple[int, int]:
    """How many jobs wait in the queue, and how many a worker has in hand."""
    ledger = here.ledger()
    try:
        counts = ledger.engine.counts()
    finally:
        ledger.close()
    return sum(each.waiting for each in counts), sum(each.taken for each in counts)


def cancelled(here: Fleet, jobs: int) -> float:
    """Cancel a runner that follows so many jobs; returns in how many seconds all were in the queue again."""
    here.order([f"fox {number}" for number in range(jobs)])
    runner = here.start("--until-idle")
    until(lambda: all(job.remote_id for job in here.jobs()), 120.0)
    assert taken(here) == (0, jobs)
    began = time.monotonic()
    runner.signal(signal.SIGINT)
    until(lambda: taken(here) == (jobs, 0), 7.5)
    took = time.monotonic() - began
    try:
        runner.process.wait(max(0.0, 7.5 - took))
    except subprocess.TimeoutExpired:
        runner.signal(signal.SIGTERM)
        runner.process.wait(2.5)
    assert [job.state for job in here.jobs() if job.state is State.UNCERTAIN] == []
    here.start("--until-idle")
    here.until_idle(200.0)
    return took


@pytest.mark.timeout(120)
def test_a_cancelled_runner_gives_its_jobs_back(tmp_path: Path) -> None:
    with fleet(tmp_path, seconds=8.0) as here:
        cancelled(here, 8)
        found = count(here)

    check(found, 8)
    assert found.uncertain == 0


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_a_cancelled_runner_gives_a_hundred_jobs_back(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=60.0) as here:
        took = cancelled(here, 100)
        found = count(here)

    print_report("fleet", (f"100 waiting jobs given back in {took:.1f} s", 0, asdict(found)))
    assert took <= 5.0
    check(found, 100)
    assert found.uncertain == 0
