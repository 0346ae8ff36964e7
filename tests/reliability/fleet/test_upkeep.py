"""What workers do for the fleet is itself killed in the middle, or has not been done for an hour."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import psycopg
import pytest

from imgen.ledger.postgres.address import parse
from reliability.fleet.fleet import Fleet, count, fleet, until
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_AN_HOUR_AGO = (
    "UPDATE imgen.owner SET seen = seen - interval '1 hour';"
    " UPDATE imgen_engine.procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 hour'"
)
_FORGET = "DELETE FROM imgen_engine.procrastinate_jobs WHERE status = 'doing'"


def change(here: Fleet, statements: str) -> None:
    """Change rows behind the programs' back."""
    with psycopg.connect(parse(here.url, {}).conninfo, autocommit=True) as connection:
        connection.execute(f"SET search_path TO imgen_engine; {statements}".encode())


@pytest.mark.fleet
@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before the sweep", "after the sweep", "before the healing", "after the healing"])
def test_a_worker_is_killed_while_it_sweeps_or_heals(
    tmp_path: Path, moment: str, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=30.0) as here:
        here.order([f"fox {number}" for number in range(8)])
        first = here.start()
        until(lambda: all(job.remote_id for job in here.jobs()))
        first.kill()
        if "healing" in moment:
            change(here, _FORGET)
        change(here, _AN_HOUR_AGO)
        ending = here.start(until=("SIGKILL", moment))
        assert ending.process.wait(90.0) == -9
        ending.kill()
        change(here, _AN_HOUR_AGO)
        here.start()
        here.until_idle(200.0)
        found = count(here)

    print_report("fleet", (f"killed {moment}", 2, asdict(found)))
    check(found, 8)
    assert found.uncertain == 0


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_all_workers_are_killed_and_one_starts_an_hour_later(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=4.0) as here:
        here.order([f"fox {number}" for number in range(40)])
        for _ in range(3):
            here.start("--concurrency", "8")
        until(lambda: sum(job.remote_id is not None for job in here.jobs()) > 12)
        for worker in here.workers:
            worker.kill()
        change(here, _AN_HOUR_AGO)
        here.start()
        here.until_idle(300.0)
        found = count(here)

    print_report("fleet", ("all killed, one starts an hour later", 3, asdict(found)))
    check(found, 40)
