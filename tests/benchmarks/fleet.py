"""A fleet at rest and at work: what 1,000 waiting jobs cost the database, how soon a job is sent, and taken over."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from benchmarks.measure import Figure
from imgen.ledger.postgres.address import parse
from reliability.fleet.fleet import Fleet, fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WAITING = 1_000
_WINDOW = 20.0  # seconds over which the database is watched
_PATIENCE = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")
_TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
_TAKEN = "SELECT count(*) FROM imgen_engine.procrastinate_jobs WHERE status = 'doing' AND worker_id > %s"
_LATEST = "SELECT max(id) FROM imgen_engine.procrastinate_workers"


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Each with a PostgreSQL of its own."""
    try:
        yield _sent(folder / "sent", runs)
        yield _taken_over(folder / "taken over")
        yield from _at_rest(folder / "at rest")
    except BaseException as error:
        if type(error).__name__ != "Skipped":
            raise
        yield Figure("fleet", None, "", str(error))


def _sent(folder: Path, runs: int) -> Figure:
    """From the commit that queues a job to its submit, on a fleet that has nothing else to do."""
    folder.mkdir()
    took = []
    with fleet(folder, seconds=0.2) as here:
        here.start()
        _until(lambda: bool(_ask(here, _LATEST)))
        for number in range(max(15, runs)):
            here.order([f"fox {number}"], name=f"{number}.toml")
            _until(lambda: not here.open_jobs())
        arrived = here.far.arrivals()
        took = [1000.0 * (arrived[job.request.prompt][0] - job.created_at) for job in here.jobs()]
    note = f"p50 of {len(took)}; the slowest {max(took):.0f} ms"
    return Figure("fleet: commit to submit", statistics.median(took), "ms", note, most=30.0)


def _taken_over(folder: Path) -> Figure:
    """From the kill of a worker to the moment when another one has all its jobs in hand."""
    folder.mkdir()
    with fleet(folder, seconds=300.0) as here:
        here.order([f"fox {number}" for number in range(20)])
        first = here.start()
        _until(lambda: all(job.remote_id for job in here.jobs()))
        dead = _ask(here, _LATEST)
        here.start()
        _until(lambda: _ask(here, _LATEST) != dead)
        first.kill()
        began = time.monotonic()
        _until(lambda: _ask(here, _TAKEN, dead) == 20)
        took = time.monotonic() - began
    return Figure("fleet: a killed worker's jobs taken up", took, "s", "20 jobs that wait at the service", most=20.0)


def _at_rest(folder: Path) -> Iterator[Figure]:
    """What jobs that wait at their service cost the database."""
    folder.mkdir()
    with fleet(folder, seconds=3_600.0) as here:
        here.order([f"fox {number}" for number in range(_WAITING)])
        for _ in range(2):
            here.start("--concurrency", "600", "--poll-every", "10")
        _until(lambda: all(job.remote_id for job in here.jobs()))
        time.sleep(5.0)
        before, cpu = _ask(here, _TRANSACTIONS), _cpu_seconds(here)
        time.sleep(_WINDOW)
        after, used = _ask(here, _TRANSACTIONS), _cpu_seconds(here) - cpu
    note = f"{_WAITING:,} jobs at 2 workers, each polled every 10 s"
    yield Figure("fleet: waiting, transactions", (after - before) / _WINDOW, "a second", note, most=20.0)
    yield Figure("fleet: waiting, PostgreSQL", 100.0 * used / _WINDOW, "% of a core", note, most=1.0)


def _ask(here: Fleet, statement: str, *values: object) -> int:
    """One number from the database."""
    with psycopg.connect(parse(here.url, {}).conninfo, autocommit=True) as connection:
        found = connection.execute(statement.encode(), values).fetchone()
    return int(found[0] or 0) if found else 0


def _cpu_seconds(here: Fleet) -> float:
    """What all processes of the server have used so far, those that have ended among them."""
    assert here.server.folder
    main = (here.server.folder / "data" / "postmaster.pid").read_text().split()[0]
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if stat.parent.name == main or fields[1] == main:
            total += sum(map(int, fields[11:15] if stat.parent.name == main else fields[11:13])) / _TICKS
    return total


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the fleet did not get there")
        time.sleep(0.1)
