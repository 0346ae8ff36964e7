"""imgen that kills itself: `python -P mortal.py MOMENT ARGUMENT...` ends with SIGKILL at the moment named.

The program is the installed one, untouched. What it asks of SQLite and of the file system is watched on the way, from
its own order on: before that it settles what others left when they died, and would die of their moment.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ORDER = "INSERT INTO job "
COMMITS = {
    "the plan": ORDER,
    "the submit's start": "SET stage = 'submitting'",
    "the remote id": "SET stage = 'queued'",
    "the links": "INSERT INTO result ",
    "the end": "SET state = 'saved'",
}
"""What a transaction does, by a part of the statement that only it has."""

EVENTS = {
    "before the answer gets its name": [("os.rename", "*/answers/*.part")],
    "after the answer has its name": [("os.rename", "*/answers/*.part"), ("open", "*/answers")],
    "before the picture in the answer is kept": [("os.rename", "*/inline/*.part")],
    "after the picture in the answer is kept": [("os.rename", "*/inline/*.part"), ("open", "*/inline")],
    "before the answer is removed": [("os.remove", "*/answers/*")],
    "before the rename": [("os.link", "*.part")],
    "after the rename": [("os.link", "*.part"), ("os.remove", "*.part")],
    "before the kept picture is removed": [("os.remove", "*/inline/*")],
}
"""The audit events up to the death, each with the pattern of the path that it is about.

A file of ours is renamed, and its folder opened to be synced; a hard link puts a picture in place, and its part goes
after that.
"""


class MortalConnection(sqlite3.Connection):
    """Dies before or after one kind of transaction is committed; `ordered` is whether an order was recorded."""

    before = False
    statement: str | None = None
    ordered = False
    _in_it = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute it, or die."""
        self._notice(sql)
        commits = self._in_it and sql == "COMMIT"
        if commits and self.before:
            die()
        cursor = super().execute(sql, parameters)
        if commits:
            die()
        return cursor

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        """Execute them all."""
        self._notice(sql)
        return super().executemany(sql, parameters)

    def _notice(self, sql: str) -> None:
        MortalConnection.ordered = MortalConnection.ordered or ORDER in sql
        wanted = self.statement is not None and self.statement in sql and self.ordered
        self._in_it = self._in_it or wanted


def die() -> None:
    """End without a word, as if the power had gone."""
    os.kill(os.getpid(), signal.SIGKILL)


def prepare(moment: str) -> None:
    """Arrange for the death."""
    sqlite3.connect = partial(connect_mortally, sqlite3.connect)  # type: ignore[assignment]
    if moment in EVENTS:
        coming = EVENTS[moment]

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            if (
                MortalConnection.ordered
                and coming
                and event == coming[0][0]
                and fnmatchcase(str(arguments[0]), coming[0][1])
            ):
                coming.pop(0)
                if not coming:
                    die()

        sys.addaudithook(watch)
        return
    when, _, what = moment.partition(" ")
    MortalConnection.before = {"before": True, "after": False}[when]
    MortalConnection.statement = COMMITS[what.removesuffix(" is committed").removesuffix(" are committed")]


def connect_mortally(
    connect: Callable[..., sqlite3.Connection], *place: Any, factory: type[sqlite3.Connection], **options: Any
) -> sqlite3.Connection:
    """A connection as it was asked for, that can also die."""
    return connect(*place, factory=type("Mortal", (MortalConnection, factory), {}), **options)


if __name__ == "__main__":
    prepare(sys.argv.pop(1))
    from imgen.__main__ import main

    sys.exit(main())
