"""Can the ledger be opened by anybody at any time, and is it refused with a reason when it cannot?"""

from __future__ import annotations

import sqlite3
import stat
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from cli.drafts import draft
from imgen.errors import ExitCode, LedgerDamaged, LedgerUnusable
from imgen.ledger.recovery.damage import check_file, log_of
from imgen.ledger.sqlite import schema
from imgen.ledger.sqlite.database import open_ledger
from imgen.ledger.sqlite.schema import MIGRATIONS, migrate

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from cli.conftest import Children
    from imgen.ledger.ledger import Ledger

posix_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What follows is about SQLite's file."""
    return sqlite_ledger


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_every_commit_reaches_the_disk_and_readers_do_not_block_writers(ledger_path: Path) -> None:
    for _ in "made", "opened again":
        with closing(open_ledger(ledger_path)) as connection:
            assert pragma(connection, "journal_mode") == "wal"
            assert pragma(connection, "synchronous") == 2
            assert pragma(connection, "foreign_keys") == 1
            assert pragma(connection, "user_version") == len(MIGRATIONS)


@posix_modes
def test_folder_and_files_are_for_this_person_only(ledger_path: Path, ledger: Ledger) -> None:
    ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False)

    assert stat.S_IMODE(ledger_path.parent.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in ledger_path.parent.iterdir()}
    assert {"ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"} <= files.keys()
    assert set(files.values()) == {0o600}


def test_opening_again_changes_nothing(ledger_path: Path) -> None:
    open_ledger(ledger_path).close()
    before = dump(ledger_path)

    open_ledger(ledger_path).close()

    assert dump(ledger_path) == before
    assert any("CREATE TABLE job" in line for line in before)


def test_a_later_step_is_added_to_what_is_there(
    ledger_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False)
    step = "ALTER TABLE job ADD COLUMN note TEXT; -- one;\nUPDATE job SET note = 'a; b';\n"
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, step))

    with closing(open_ledger(ledger_path)) as connection:
        assert [tuple(row) for row in connection.execute("SELECT id, note FROM job")] == [("k3f9xy", "a; b")]
        assert pragma(connection, "user_version") == len(MIGRATIONS) + 1


def test_a_step_that_fails_leaves_the_ledger_as_it_was(ledger_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_ledger(ledger_path).close()
    before = dump(ledger_path)
    step = "ALTER TABLE job ADD COLUMN note TEXT;\nUPDATE elsewhere SET note = 1;\n"
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, step))

    with pytest.raises(LedgerUnusable, match="no such table"):
        open_ledger(ledger_path)

    assert dump(ledger_path) == before


def test_a_ledger_from_a_newer_program_is_left_alone(ledger_path: Path) -> None:
    with closing(open_ledger(ledger_path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = dump(ledger_path)

    with pytest.raises(LedgerUnusable, match="written by a newer imgen") as refused:
        open_ledger(ledger_path)

    assert refused.value.exit_code is ExitCode.NOT_SAVED
    assert refused.value.hint is not None
    assert "Upgrade imgen" in refused.value.hint
    assert dump(ledger_path) == before


def test_a_newer_program_that_came_while_we_waited_is_said_as_such(
    ledger_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look and the lock, another imgen may have brought the ledger further than we know."""
    with closing(open_ledger(ledger_path)) as connection:
        monkeypatch.setattr(schema, "MIGRATIONS", ())
        with pytest.raises(LedgerUnusable, match="written by a newer imgen"):
            schema.migrate(connection)
        assert not connection.in_transaction


@pytest.mark.parametrize(
    "content",
    [b"this is a diary, and no ledger\n" * 100, b"SQLite format 3\0" + b"\xff" * 5000],
    ids=["text", "damaged head"],
)
def test_a_file_that_is_no_ledger_counts_as_damaged_and_is_left_alone(ledger_path: Path, content: bytes) -> None:
    ledger_path.parent.mkdir()
    ledger_path.write_bytes(content)

    with pytest.raises(LedgerDamaged, match="is damaged") as refused:
        open_ledger(ledger_path)

    assert str(ledger_path) in refused.value.message
    assert refused.value.exit_code is ExitCode.NOT_SAVED
    assert ledger_path.read_bytes() == content


def test_a_folder_that_is_a_file_is_refused(ledger_path: Path) -> None:
    ledger_path.parent.write_text("not a folder")

    with pytest.raises(LedgerUnusable, match="cannot be opened"):
        open_ledger(ledger_path)


def test_a_folder_in_the_place_of_the_ledger_is_refused(ledger_path: Path) -> None:
    ledger_path.mkdir(parents=True)

    with pytest.raises(LedgerUnusable, match="cannot be opened"):
        open_ledger(ledger_path)


def test_an_empty_file_becomes_a_ledger(ledger_path: Path) -> None:
    """An imgen killed between making the file and its tables leaves one behind."""
    ledger_path.parent.mkdir()
    ledger_path.touch()

    with closing(open_ledger(ledger_path)) as connection:
        assert pragma(connection, "user_version") == len(MIGRATIONS)


@pytest.mark.parametrize("column", ["stage", "id"])
def test_the_tables_refuse_what_no_job_can_be(ledger_path: Path, ledger: Ledger, column: str) -> None:
    ledger.jobs.plan([draft("k3f9xy"), draft("m4g8yz")], "me", resubmit=False)

    with closing(open_ledger(ledger_path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"UPDATE job SET {column} = 'k3f9xy'")


def test_a_ledger_that_another_process_is_just_making_was_not_cut_short(ledger_path: Path) -> None:
    """Of the file it was seen that it is empty, and then of its log that it is not."""
    ledger_path.parent.mkdir()
    ledger_path.touch()
    other: list[sqlite3.Connection] = []

    class Watched(type(ledger_path)):  # type: ignore[misc]
        """A path where the other process makes its ledger right after the first look."""

        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            try:
                found: os.stat_result = super().stat(follow_symlinks=follow_symlinks)
                return found
            finally:
                if not other and self.name in (ledger_path.name, log_of(ledger_path).name):
                    other.append(sqlite3.connect(ledger_path))
                    other[0].execute("PRAGMA journal_mode = WAL")
                    other[0].execute("CREATE TABLE job (id TEXT)")

    check_file(Watched(ledger_path))

    assert log_of(ledger_path).stat().st_size > 0
    other[0].close()


def test_many_first_openers_all_record_their_job(tmp_path: Path, child: Children) -> None:
    """The switch to WAL does not wait for other openers; 4 of 800 lost without the lock file."""
    racers = [child("open", f"job{number:02}") for number in range(32)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for number in range(4):
        path = tmp_path / f"home {number}" / "ledger.sqlite3"
        moment = time.time() + 0.05
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(f"{moment} {path}\n")
            racer.stdin.flush()

        assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["recorded\n"] * len(racers)
        with closing(open_ledger(path)) as connection:
            rows = connection.execute("SELECT id FROM job ORDER BY id").fetchall()
        assert [row["id"] for row in rows] == [f"job{number:02}" for number in range(32)]


class InterruptedConnection(sqlite3.Connection):
    """Ctrl-C comes as soon as one statement has been executed."""

    statement = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor = super().execute(sql, parameters)
        if sql == self.statement:
            raise KeyboardInterrupt
        return cursor


@pytest.mark.parametrize(("statement", "version"), [("BEGIN IMMEDIATE", 0), ("COMMIT", len(MIGRATIONS))])
def test_ctrl_c_while_the_ledger_is_made_is_ctrl_c(tmp_path: Path, statement: str, version: int) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, factory=InterruptedConnection)) as connection:
        connection.statement = statement

        with pytest.raises(KeyboardInterrupt):
            migrate(connection)

        assert not connection.in_transaction
        assert pragma(connection, "user_version") == version
