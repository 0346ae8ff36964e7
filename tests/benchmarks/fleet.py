"""A fleet at rest and at work: what 1,000 waiting jobs cost the database, how soon a job is sent, and taken over."""

from __future__ import annotations

import os
import secrets
import statistics
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks.measure import Figure
from cli.drafts import draft
from imgen.fleet.engine import Engine, queue_of
from imgen.ledger.postgres.address import parse
from reliability.fleet.fleet import Fleet, fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WAITING = 1_000
_QUEUED = 10_000
_FETCHES = 200
_WINDOW = 20.0  # seconds over which the database is watched
_PATIENCE = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")
_SETTINGS = "track_commit_timestamp = on\nshared_preload_libraries = 'pg_stat_statements'\n"
_STATEMENTS = (
    "SELECT sum(calls) FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid"
    " WHERE datname = current_database()"
)
_TAKEN = "SELECT count(*) FROM imgen_engine.procrastinate_jobs WHERE status = 'doing' AND worker_id > %s"
_LATEST = "SELECT max(id) FROM imgen_engine.procrastinate_workers"
_NOTE_COMMITS = """
CREATE TABLE imgen.noted (job_id text);
CREATE FUNCTION imgen.note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO imgen.noted VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON imgen.job FOR EACH ROW EXECUTE FUNCTION imgen.note();
"""
_COMMITTED = (
    "SELECT prompt, CAST(extract(epoch FROM pg_xact_commit_timestamp(noted.xmin)) AS double precision)"
    " FROM imgen.noted JOIN imgen.job ON job.id = noted.job_id"
)
_FETCH = "SELECT id FROM imgen_engine.procrastinate_fetch_job_v2(%s::varchar[], %s)"


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Each with a PostgreSQL of its own."""
    try:
        yield _sent(folder / "sent", runs)
        yield _fetched(folder / "fetched")
        yield _taken_over(folder / "taken over")
        yield from _at_rest(folder / "at rest")
    except BaseException as error:
        if type(error).__name__ != "Skipped":
            raise
        yield Figure("fleet", None, "", str(error))


@contextmanager
def _watched(folder: Path, seconds: float) -> Iterator[Fleet]:
    """A fleet whose database counts statements and notes when each transaction was committed."""
    folder.mkdir()
    with fleet(folder, seconds=seconds) as here:
        assert here.server.folder
        with (here.server.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        here.restart("fast")
        _run(here, "CREATE EXTENSION pg_stat_statements")
        yield here


def _sent(folder: Path, runs: int) -> Figure:
    """From the commit that queues a job to the arrival of its submit, on a fleet that has nothing else to do."""
    with _watched(folder, 0.2) as here:
        _run(here, _NOTE_COMMITS)
        here.start()
        _until(lambda: bool(_ask(here, _LATEST)))
        for number in range(max(15, runs)):
            here.order([f"fox {number}"], name=f"{number}.toml")
            _until(lambda: not here.open_jobs())
        arrived = here.far.arrivals()
        took = [1000.0 * (arrived[prompt][0] - committed) for prompt, committed in _run(here, _COMMITTED)]
    note = f"p50 of {len(took)}, by the database's clock and the far side's; the slowest {max(took):.0f} ms"
    return Figure("fleet: commit to submit", statistics.median(took), "ms", note, most=30.0)


def _fetched(folder: Path) -> Figure:
    """How long a worker waits for its next job, where many are queued."""
    with _watched(folder, 1.0) as here, closing(here.ledger()) as ledger:
        drafts = [draft(secrets.token_hex(8), prompt=str(number)) for number in range(_QUEUED)]
        queue = queue_of(drafts[0].provider, drafts[0].origin)
        with ledger.write() as write:
            planned = ledger.jobs.plan(drafts, None, resubmit=False)
            ledger.queue.deferred(write, Engine(ledger.address).defer_all(write.raw, {queue: planned}))
        _run(here, "ANALYZE")
        took = []
        with closing(psycopg.connect(ledger.address.conninfo, autocommit=True, prepare_threshold=None)) as connection:
            connection.execute("SET search_path TO imgen_engine")
            [worker] = connection.execute("SELECT worker_id FROM procrastinate_register_worker_v1()").fetchone() or ()
            for _ in range(_FETCHES):
                began = time.perf_counter()
                assert connection.execute(_FETCH, ([queue], worker)).fetchone()
                took.append(1000.0 * (time.perf_counter() - began))
    note = f"p50 of {_FETCHES} with {_QUEUED:,} queued; the slowest {max(took):.1f} ms"
    return Figure("fleet: fetch of a job", statistics.median(took), "ms", note, most=5.0)


def _taken_over(folder: Path) -> Figure:
    """From the kill of a worker to the moment when another one has all its jobs in hand."""
    with _watched(folder, 300.0) as here:
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
    with _watched(folder, 3_600.0) as here:
        here.order([f"fox {number}" for number in range(_WAITING)])
        for _ in range(2):
            here.start("--concurrency", "600", "--poll-every", "10")
        _until(lambda: all(job.remote_id for job in here.jobs()))
        time.sleep(5.0)
        before, cpu = _ask(here, _STATEMENTS), _cpu_seconds(here)
        time.sleep(_WINDOW)
        after, used = _ask(here, _STATEMENTS), _cpu_seconds(here) - cpu
    note = f"{_WAITING:,} jobs at 2 workers, each polled every 10 s; BEGIN, SET and COMMIT count as well"
    yield Figure("fleet: waiting, statements", (after - before) / _WINDOW, "a second", note, most=20.0)
    yield Figure("fleet: waiting, PostgreSQL", 100.0 * used / _WINDOW, "% of a core", note, most=1.0)


def _run(here: Fleet, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What a statement brings from the database."""
    with psycopg.connect(parse(here.url, {}).conninfo, autocommit=True) as connection:
        found = connection.execute(statement.encode(), values or None)
        return found.fetchall() if found.description else []


def _ask(here: Fleet, statement: str, *values: object) -> int:
    """One number from the database."""
    [(number,)] = _run(here, statement, *values)
    return int(number or 0)


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
