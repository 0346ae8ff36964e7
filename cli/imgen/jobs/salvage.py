"""What can still be read of a damaged ledger: every row that SQLite reaches, and what the indexes say of the others."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgen.jobs.schema import open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOGS = ("-wal", "-journal")
"""What the names of files end in that belong to the ledger's."""

_LEAST_ROW = 40  # bytes; there are no more rows than fit into the file
_TABLES = ("job", "result", "upload")
_DOCUMENTS = ("request", "target", "handle", "conversation", "problem", "differences")


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job of which only an index is left: its id if that is, and the service's own."""

    id: str | None
    provider: str
    origin: str
    remote_id: str


@dataclass(slots=True)
class Salvaged:
    """Rows by table, jobs of which only the remote id is left, and whether the table of jobs was read to its end."""

    rows: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    remote: list[RemoteJob] = field(default_factory=list)
    whole: bool = False


def salvage(damaged: Path, folder: Path) -> Salvaged:
    """Read a damaged ledger nobody has open, from copies of it made in `folder`. Raises `OSError`."""
    found = _read(copy_of(damaged, folder / "as it is"))
    if not found.rows.get("job"):
        patched = copy_of(damaged, folder / "patched")
        _patch(patched, folder)
        found = _read(patched)
    return found


def copy_of(ledger: Path, folder: Path) -> Path:
    """A copy of a ledger that nobody has open, with what SQLite may still have to work into it. Raises `OSError`."""
    folder.mkdir(mode=0o700)
    copy = folder / ledger.name
    shutil.copyfile(ledger, copy)
    for ending in LOGS:
        with suppress(FileNotFoundError):
            shutil.copyfile(ledger.with_name(ledger.name + ending), copy.with_name(copy.name + ending))
    return copy


def _patch(path: Path, folder: Path) -> None:
    """Put the pages that name the tables in place of the damaged ones: every ledger begins with the same."""
    fresh = folder / "fresh" / path.name
    with closing(open_ledger(fresh)) as made:
        size = made.execute("PRAGMA page_size").fetchone()[0]
        roots = {row[0] for row in made.execute("SELECT rootpage FROM sqlite_schema")}
    pages = fresh.read_bytes()
    with path.open("r+b") as file:
        length = file.seek(0, 2)
        for number in range(1, len(pages) // size + 1):
            if number not in roots and number * size <= length:
                file.seek((number - 1) * size)
                file.write(pages[(number - 1) * size : number * size])
        if length:
            file.seek(28)  # the size in pages (sqlite.org/fileformat2.html 1.3)
            file.write((length // size).to_bytes(4, "big"))


def _read(path: Path) -> Salvaged:
    found = Salvaged()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, suppress(sqlite3.Error):
        connection.row_factory = sqlite3.Row
        connection.execute("SELECT 1 FROM job, result, upload LIMIT 0")  # raises where nobody knows of the tables
        most = path.stat().st_size // _LEAST_ROW
        indexed = _indexed(connection)
        last = max(indexed, default=most)
        damages = 0
        for table in _TABLES:
            rows: list[Mapping[str, object]] = []
            for row in _rows(connection, table, 0, last if table == "job" else most):
                if isinstance(row, sqlite3.Row) and _is_sound(row):
                    rows.append(dict(row))
                else:
                    damages += table == "job"
            found.rows[table] = rows
        known = {row["rowid"] for row in found.rows["job"]}
        found.remote = [job for rowid, job in indexed.items() if rowid not in known and job]
        found.whole = not damages
    return found


def _rows(connection: sqlite3.Connection, table: str, low: int, high: int) -> Iterator[sqlite3.Row | None]:
    """The rows between two rowids; what cannot be read is gone around by halves, and is None."""
    select = f"SELECT rowid, * FROM {table} WHERE rowid BETWEEN ? AND ?"  # noqa: S608  (our own)
    try:
        found = connection.execute(select, (low, high)).fetchall()
    except sqlite3.Error:
        if low == high:
            yield None
            return
        middle = (low + high) // 2
        yield from _rows(connection, table, low, middle)
        yield from _rows(connection, table, middle + 1, high)
    else:
        yield from found


def _is_sound(row: sqlite3.Row) -> bool:
    """Whether the row's documents can be read; SQLite itself sees no wrong letter in a text."""
    for name in _DOCUMENTS:
        text = row[name] if name in row.keys() else None  # noqa: SIM118  (a row is no mapping)
        try:
            json.loads("null" if text is None else text)
        except (ValueError, TypeError):
            return False
    return True


def _indexed(connection: sqlite3.Connection) -> dict[int, RemoteJob | None]:
    """The jobs by rowid as two indexes know them; None for one that no service ever took."""
    ids: dict[int, str] = {}
    with suppress(sqlite3.Error):
        ids = dict(connection.execute("SELECT rowid, id FROM job INDEXED BY sqlite_autoindex_job_1").fetchall())
    found: dict[int, RemoteJob | None] = dict.fromkeys(ids)
    with suppress(sqlite3.Error):
        for row in connection.execute(
            "SELECT rowid, provider, origin, remote_id FROM job INDEXED BY job_remote WHERE remote_id IS NOT NULL"
        ).fetchall():
            found[row["rowid"]] = RemoteJob(ids.get(row["rowid"]), row["provider"], row["origin"], row["remote_id"])
    return found
