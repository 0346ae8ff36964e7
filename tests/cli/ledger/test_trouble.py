"""Is a ledger in trouble named as such, and shared by threads and processes without loss?"""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.sqlite import connection_of
from cli.states import JOB, bring_to, save
from imgen.errors import LedgerUnusable
from imgen.records import ResultState, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Children
    from imgen.ledger.ledger import Ledger


def break_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP VIEW job_with_state")
        connection.execute("ALTER TABLE job RENAME TO gone")


USES: dict[str, Callable[[Ledger], object]] = {
    "plan": lambda ledger: ledger.jobs.plan([draft("new")], "me", resubmit=False),
    "submitting": lambda ledger: ledger.jobs.submitting(JOB),
    "accepted": lambda ledger: ledger.jobs.accepted(JOB, taken("remote")),
    "job": lambda ledger: ledger.jobs.get(JOB),
    "open jobs": lambda ledger: ledger.jobs.open(),
    "past times": lambda ledger: ledger.jobs.seconds_taken("3daistudio", "m", "1K"),
}


@pytest.mark.parametrize("use", USES)
def test_a_ledger_that_breaks_in_use_is_said_with_its_path(sqlite_ledger: Ledger, ledger_path: Path, use: str) -> None:
    ledger = sqlite_ledger  # it is about the file
    bring_to(ledger, State.PLANNED)
    break_tables(ledger_path)

    with pytest.raises(LedgerUnusable, match="cannot be used") as broken:
        USES[use](ledger)

    assert str(ledger_path) in broken.value.message


def test_an_interrupted_write_leaves_nothing_and_the_ledger_usable(ledger: Ledger) -> None:
    bring_to(ledger, State.READY)
    ledger.results.claim(JOB, 1, Path("/pictures/.part"), "other")

    def interrupted() -> None:
        with ledger._database.write() as write:
            write.execute("UPDATE result SET fetcher = 'me'")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert ledger.jobs.get(JOB).results[0].fetcher == "other"
    save(ledger, 1)
    assert ledger.jobs.get(JOB).results[0].state is ResultState.SAVED


def test_ctrl_c_while_another_process_writes_leaves_no_transaction_open(
    sqlite_ledger: Ledger, ledger_path: Path
) -> None:
    ledger = sqlite_ledger  # it is about the file
    bring_to(ledger, State.READY)
    database = ledger._database

    def write_and_interrupt(begun: threading.Event) -> None:
        with closing(sqlite3.connect(ledger_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun.set()
            time.sleep(0.2)  # the main thread waits inside of SQLite now
            signal.raise_signal(signal.SIGINT)
            other.execute("ROLLBACK")

    begun = threading.Event()
    thread = threading.Thread(target=write_and_interrupt, args=(begun,))
    thread.start()
    begun.wait(5.0)
    with pytest.raises(KeyboardInterrupt), database.write():
        pytest.fail("the transaction began in spite of the Ctrl-C")
    thread.join()

    assert not connection_of(ledger).in_transaction
    save(ledger, 1)
    assert ledger.jobs.get(JOB).results[0].state is ResultState.SAVED


def test_a_full_disk_is_said_and_nothing_is_half_recorded(sqlite_ledger: Ledger) -> None:
    """SQLite's own limit on the file stands for a disk without space."""
    ledger = sqlite_ledger  # it is about the file
    bring_to(ledger, State.PLANNED)
    connection = connection_of(ledger)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(LedgerUnusable, match="full"):
        ledger.jobs.plan([draft(f"job{n}", prompt="x" * 5_000) for n in range(20)], "me", resubmit=False)

    assert [job.id for job in ledger.jobs.open()] == [JOB]
    assert ledger.jobs.submitting(JOB)


def test_each_thread_has_its_own_connection_and_closes_only_that(ledger: Ledger) -> None:
    ledger.jobs.plan([draft(f"job{n}", prompt=str(n)) for n in range(8)], "me", resubmit=False)
    moved: list[bool] = []

    def submit(number: int) -> None:
        moved.extend(ledger.jobs.submitting(f"job{number}") for _ in range(2))
        ledger.close()

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moved) == [False] * 8 + [True] * 8

    assert len(ledger.jobs.open()) == 8, "a thread that closed its own left ours alone"


def test_eight_processes_write_at_once_and_nothing_is_lost(ledger: Ledger, ledger_place: str, child: Children) -> None:
    writers = [child("write", ledger_place, f"writer{n}", "10") for n in range(8)]

    assert [writer.wait(timeout=30) for writer in writers] == [0] * 8
    jobs = ledger.jobs.open()
    assert {job.id for job in jobs} == {f"writer{n}-{k}" for n in range(8) for k in range(10)}
    assert {job.state for job in jobs} == {State.QUEUED}
    assert all(job.remote_id == f"remote {job.id}" for job in jobs)
