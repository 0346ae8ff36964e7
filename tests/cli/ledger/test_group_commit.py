"""Do threads that write at the same time share a commit, and nothing else?"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from imgen.ledger.sqlite.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 20.0  # seconds


class Bench:
    """A table of words, and threads that write one each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.statements: list[str] = []
        self.writing = threading.Lock()
        self.opened: list[sqlite3.Connection] = []
        self.together = GroupCommit(self._open, self.writing)
        self.threads: list[threading.Thread] = []
        self.failed: dict[str, BaseException] = {}
        with closing(sqlite3.connect(path)) as new:
            new.execute("CREATE TABLE said (word TEXT CHECK (word <> 'forbidden'))")

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.set_trace_callback(self.statements.append)
        self.opened.append(connection)
        return connection

    def start(self, word: str, then: Callable[[], object] = lambda: None, *, closes: bool = True) -> None:
        """A thread that writes a word, and calls `then` before its change is over."""

        def run() -> None:
            try:
                with self.together.write() as write:
                    write.execute("INSERT INTO said VALUES (?)", (word,))
                    then()
            except BaseException as error:  # noqa: BLE001  the edge of a thread
                self.failed[word] = error
            if closes:
                self.together.close()

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def wait_for_line(self, many: int) -> None:
        """Return once so many threads are in line."""
        for _ in range(2000):
            if self.together._in_line == many:
                return
            threading.Event().wait(0.01)
        pytest.fail(f"{self.together._in_line} threads are in line, not {many}")

    def end(self) -> None:
        """Wait for all threads."""
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def words(self) -> list[str]:
        """What another connection reads."""
        with closing(sqlite3.connect(self.path)) as other:
            return sorted(word for (word,) in other.execute("SELECT word FROM said"))

    def commits(self) -> int:
        return self.statements.count("COMMIT")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "words.sqlite3")
    yield made
    made.end()


def held_up(bench: Bench, *others: tuple[str, Callable[[], object]]) -> None:
    """Several threads meet in one group: the first holds the line up until all others stand in it."""
    go = threading.Event()
    bench.start("first", lambda: go.wait(PATIENCE))
    for word, then in others:
        bench.start(word, then)
    bench.wait_for_line(len(others))
    go.set()
    bench.end()


def nothing() -> None:
    pass


def test_a_thread_alone_commits_at_once(bench: Bench) -> None:
    bench.start("alone")
    bench.end()

    assert bench.words() == ["alone"]
    assert bench.commits() == 1


def test_threads_that_stand_in_line_share_one_commit(bench: Bench) -> None:
    held_up(bench, *((f"word {number}", nothing) for number in range(10)))

    assert len(bench.words()) == 11
    assert bench.commits() == 1
    assert bench.failed == {}


def test_a_thread_that_fails_takes_back_its_own_only(bench: Bench) -> None:
    def fail() -> None:
        raise KeyError("mine")

    held_up(bench, ("before", nothing), ("failing", fail), ("after", nothing))

    assert bench.words() == ["after", "before", "first"]
    assert list(bench.failed) == ["failing"]


def test_where_only_the_first_fails_the_others_begin_anew(bench: Bench) -> None:
    go = threading.Event()

    def fail() -> None:
        go.wait(PATIENCE)
        raise KeyError("mine")

    bench.start("failing", fail)
    bench.start("other")
    bench.wait_for_line(1)
    go.set()
    bench.end()

    assert bench.words() == ["other"]
    assert list(bench.failed) == ["failing"]


def test_a_commit_that_fails_is_the_failure_of_all_and_the_next_one_works(bench: Bench) -> None:
    bench.start("open", closes=False)
    bench.end()
    (connection,) = bench.opened
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")

    held_up(bench, ("broken", lambda: connection.execute("INSERT INTO child VALUES (1)")), ("other", nothing))

    assert set(bench.failed) == {"first", "broken", "other"}
    assert all(isinstance(error, sqlite3.IntegrityError) for error in bench.failed.values())
    bench.start("later")
    bench.end()
    assert bench.words() == ["later", "open"]


def test_a_transaction_that_sqlite_takes_back_itself_fails_for_all_in_it(bench: Bench) -> None:
    def full() -> None:
        (connection,) = bench.opened
        connection.execute("INSERT OR ROLLBACK INTO said VALUES ('forbidden')")  # as a full disk does

    held_up(bench, ("full", full))

    assert set(bench.failed) == {"first", "full"}
    assert all(isinstance(error, sqlite3.Error) for error in bench.failed.values())
    assert bench.words() == []


def test_what_was_left_open_for_others_is_committed_by_a_thread_that_may_not_wait(bench: Bench) -> None:
    """The main thread does not join a group: it commits the one that it finds, and then makes its own change."""
    go = threading.Event()
    bench.start("first", lambda: go.wait(PATIENCE))
    bench.wait_for_line(0)
    bench.together._count(in_line=1)  # a thread that never comes
    go.set()
    bench.threads[0].join(0.1)
    assert bench.threads[0].is_alive()

    with bench.writing:
        bench.together.commit()

    bench.end()
    assert bench.words() == ["first"]


def test_the_last_thread_closes_the_connection(bench: Bench) -> None:
    bench.start("one", closes=False)
    bench.end()
    bench.start("two")
    bench.end()
    (connection,) = bench.opened
    connection.execute("SELECT 1")

    bench.together.close()  # this thread has not written
    connection.execute("SELECT 1")
    bench.together._threads.writes = True
    bench.together.close()

    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
