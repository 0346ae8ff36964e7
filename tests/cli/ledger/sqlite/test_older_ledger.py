"""A ledger that the version before wrote opens, with its jobs as they were, and its open ones are finished.

`tests/fixtures/ledger-of-337f659` was made with that version by killing it: an IMGEN_HOME whose sandbox still has the
jobs. Its pictures go to /pictures, which a test moves into its own folder.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.program import Program
from imgen.ledger.ledger import Ledger
from imgen.ledger.sqlite.database import open_ledger
from imgen.ledger.sqlite.schema import MIGRATIONS
from imgen.records import State

if TYPE_CHECKING:
    from cli.clock import FakeClock

OLD = Path(__file__).parents[3] / "fixtures" / "ledger-of-337f659"

STATES = {
    "a saved fox": State.SAVED,
    "an expired owl": State.EXPIRED,
    "an uncertain cat": State.UNCERTAIN,
    "a failed hen": State.FAILED,
    "a ready bee": State.READY,
    "a queued dog": State.QUEUED,
    "a sent ant": State.SUBMITTING,
    "a planned elk": State.PLANNED,
}


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What follows is about SQLite's file."""
    return sqlite_ledger


def states(ledger: Ledger) -> dict[str, State]:
    return {job.request.prompt: job.state for job in ledger.jobs.find("")}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of that version's folder, whose pictures go to a folder of this test."""
    copy = shutil.copytree(OLD, tmp_path / "home")
    with closing(sqlite3.connect(copy / "ledger.sqlite3")) as connection, connection:
        pictures = str(tmp_path / "pictures").replace("\\", "\\\\")
        connection.execute("UPDATE job SET target = replace(target, '/pictures', ?)", (pictures,))
    return copy


def test_it_opens_with_its_jobs_as_they_were_and_orphans_are_closed(home: Path, clock: FakeClock) -> None:
    path = home / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
    with closing(Ledger(path, clock.wall)) as ledger:
        assert states(ledger) == STATES
        assert {len(job.id) for job in ledger.jobs.find("")} == {6}

        ledger.close_orphans()

        assert states(ledger) == {**STATES, "a sent ant": State.UNCERTAIN, "a planned elk": State.CANCELLED}
    with closing(open_ledger(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]


def test_its_tables_and_indexes_are_those_of_a_new_one(home: Path, tmp_path: Path) -> None:
    def schema(path: Path) -> set[tuple[str, str]]:
        with closing(open_ledger(path)) as connection:
            return {tuple(row) for row in connection.execute("SELECT name, sql FROM sqlite_schema")}

    assert schema(home / "ledger.sqlite3") == schema(tmp_path / "new" / "ledger.sqlite3")


def test_its_open_jobs_are_finished(home: Path, tmp_path: Path) -> None:
    waited = Program(home, tmp_path, {"IMGEN_SANDBOX_SECONDS": "0.1"}).run("wait")

    with closing(Ledger(home / "ledger.sqlite3", lambda: 0.0)) as ledger:
        after = states(ledger)
    assert (after["a ready bee"], after["a queued dog"]) == (State.SAVED, State.SAVED), waited.stderr
    assert after["a sent ant"] is State.UNCERTAIN
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3
