"""What the ledger's rows need of a database: the interface that SQLite's file and PostgreSQL both fill.

Statements are written once, in words that both databases take, with `?` for each value; what the two spell
differently is in a `Dialect`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from imgen.errors import LedgerUnusable
    from imgen.ledger.sqlite.owners import Owner


class Row(Protocol):
    """One row of an answer, its values by the names of their columns."""

    def __getitem__(self, name: str, /) -> Any: ...  # noqa: ANN401  (whatever the column holds)


class Cursor(Protocol):
    """What a statement brought."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401  (a `Row`, or None)
        """The next row, None after the last."""
        ...

    def fetchall(self) -> list[Any]:
        """Every row that is left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A transaction under way."""

    def execute(self, statement: str, values: Sequence[object] = ..., /) -> Cursor:
        """Run one statement."""
        ...

    def executemany(self, statement: str, rows: Sequence[Sequence[object]], /) -> object:
        """Run one statement for each of the rows."""
        ...


class Owners(Protocol):
    """The processes at work on one ledger."""

    def enter(self) -> Owner:
        """A new owner, for this process. Raises `LedgerUnusable`."""
        ...

    def is_alive(self, name: str, /) -> bool:
        """Whether the process of that name is still at work."""
        ...


class Dialect(NamedTuple):
    """What the two databases spell differently, as fragments of SQL.

    `each` selects the texts of a JSON list, which is one value. `same` compares two values of which each may be NULL.
    `like` matches a pattern in upper and lower case alike. `resolution` is the ordered one of a job, `problem` the code
    of its problem, and `day` the calendar day on which it was recorded. `ids` joins the ids of a group.
    """

    each: str
    same: str
    like: str
    resolution: str
    problem: str
    day: str
    ids: str


class Backend(Protocol):
    """One ledger's database, shared by every process and thread."""

    dialect: Dialect
    unreadable_jobs: dict[str, None]

    @property
    def folder(self) -> Path:
        """The folder of this machine for what is kept beside the rows: answers, and pictures that came in one."""
        ...

    @property
    def now(self) -> Callable[[], float]:
        """The time by the clock that this ledger goes by, in seconds since 1970. Raises `LedgerUnusable`."""
        ...

    def day(self, moment: float) -> str:
        """The calendar day of a moment in seconds since 1970, as 2026-11-26. Raises `LedgerUnusable`."""
        ...

    def day_begins(self, moment: float) -> float:
        """When the calendar day of a moment began, in seconds since 1970. Raises `LedgerUnusable`."""
        ...

    def read(self, statement: str, values: Sequence[object]) -> list[Any]:
        """The rows of one SELECT. Raises `LedgerUnusable`."""
        ...

    def snapshot(self) -> AbstractContextManager[Connection]:
        """Several reads of one moment. Raises `LedgerUnusable`."""
        ...

    def write(self, *, synced: bool = True) -> AbstractContextManager[Connection]:
        """A transaction that no other one can interleave with, on disk once this ends. Raises `LedgerUnusable`.

        One that is not `synced` may be on disk only with a later one, which a power failure may come before: for what
        a later process finds out again. It outlives this process in any case.
        """
        ...

    def change(self, statement: str, values: Sequence[object], *, synced: bool = True) -> None:
        """One write of one statement; `synced` is as for `write`. Raises `LedgerUnusable`."""
        ...

    def lock(self, name: str, seconds: float) -> AbstractContextManager[None]:
        """No other process holds the lock of that name meanwhile. Raises `LedgerUnusable`.

        Where a machine that stands still could keep all others waiting, it is held for `seconds` at most.
        """
        ...

    def version(self) -> tuple[float, int]:
        """Differs from an earlier one of this thread where anything may have been committed meanwhile."""
        ...

    def damaged(self, damage: str) -> LedgerUnusable:
        """The error that a row holds what no imgen writes."""
        ...

    def not_understood(self) -> LedgerUnusable:
        """The error that a row holds what this imgen does not understand."""
        ...

    def unreadable(self, job_id: str) -> None:
        """Note a row that cannot be read; the rest goes on."""
        ...

    def close(self) -> None:
        """Close this thread's connection."""
        ...
