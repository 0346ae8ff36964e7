"""PostgreSQL comes and goes, and no worker is killed: nothing is uncertain, and no living worker is taken for gone."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from imgen.ledger.postgres.leases import LEASE
from reliability.fleet.fleet import Fleet, count, fleet, until
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def owners(here: Fleet) -> set[str]:
    """The names under which workers live, by the ledger."""
    with closing(here.ledger()) as ledger:
        return {worker.name for worker in ledger.engine.workers() if worker.alive}


@pytest.mark.timeout(120)
def test_a_crash_of_the_database_leaves_nothing_uncertain(tmp_path: Path) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        here.order([f"fox {number}" for number in range(30)])
        worker = here.start("--concurrency", "4")
        until(lambda: len(here.far.arrivals()) > 6)
        here.restart("immediate")
        here.until_idle(100.0)
        found, jobs = count(here), here.jobs()
        assert worker.runs

    check(found, 30)
    assert found.uncertain == 0
    assert {job.remote_id for job in jobs} == here.far.ids()


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_six_restarts_and_an_absence_of_four_leases_leave_nothing_uncertain(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=2.0) as here:
        here.order([f"fox {number}" for number in range(240)])
        for _ in range(3):
            here.start("--concurrency", "12")
        until(lambda: len(owners(here)) == 3)  # one that starts while there is no database ends
        for mode in ("fast", "immediate", "kill", "immediate", "fast", "immediate"):
            time.sleep(2.5)
            here.restart(mode)
        time.sleep(2.0)
        assert here.open_jobs(), "all was over before the long absence"
        before = owners(here)
        here.server.control("-m", "immediate", "stop")
        time.sleep(4 * LEASE)
        here.start_server()
        here.until_idle()
        found, jobs, after = count(here), here.jobs(), owners(here)
        assert all(worker.runs for worker in here.workers), "a worker ended with the database"

    print_report("fleet", ("6 restarts, away for 4 leases", 0, asdict(found)))
    check(found, 240)
    assert found.uncertain == 0
    assert found.charged == 240
    assert {job.remote_id for job in jobs} == here.far.ids()
    assert len(before) == 3
    assert after == before, "a living worker was taken for gone"
