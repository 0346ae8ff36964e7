"""What can still be read of a damaged ledger: each row that SQLite reaches, and what indexes hold of the others."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imgen.ledger.codec import read_job, read_result
from imgen.ledger.sqlite.database import ERRORS
from imgen.ledger.sqlite.schema import MIGRATIONS
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOGS = ("-wal", "-journal")
"""What the names of files end in that belong to the ledger's."""

_LEAST_ROW = 40  # bytes; there are no more rows than fit into the file
_TABLES = ("job", "result", "upload")
_ADDED = {"charge_computed": 0}  # columns that the first format has not, with their defaults
_NO_LETTER = "\ufffd"  # what stands for bytes that are no text


@dataclass(slots=True)
class Salvaged:
    """Rows by table, jobs as the indexes know them, and whether both were read to their end."""

    rows: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    indexed: list[dict[str, Any]] = field(default_factory=list)
    whole: bool = False


def salvage(damaged: Path, folder: Path) -> Salvaged:
    """Read a damaged ledger that no process has open, from copies of it made in `folder`. Raises `OSError`."""
    found = _read(copy_of(damaged, folder / "as it is"))
    if not found.rows.get("job"):
        patched = copy_of(damaged, folder / "patched")
        _patch(patched, folder)
        found = _read(patched)
    return found


def copy_of(ledger: Path, folder: Path) -> Path:
    """A copy of a ledger that no process has open, with its logs, which may hold commits. Raises `OSError`."""
    folder.mkdir(mode=0o700)
    copy = folder / ledger.name
    shutil.copyfile(ledger, copy)
    for ending in LOGS:
        with suppress(FileNotFoundError):
            shutil.copyfile(ledger.with_name(ledger.name + ending), copy.with_name(copy.name + ending))
    return copy


def _patch(path: Path, folder: Path) -> None:
    """Put the pages that name the tables in place of the damaged ones: every ledger began with the same.

    Those are of its first format: what later steps added lies elsewhere in each ledger, and is not read here.
    """
    fresh = folder / "fresh"
    with closing(sqlite3.connect(fresh)) as made:
        made.executescript(MIGRATIONS[0])
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
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, suppress(*ERRORS):
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda text: text.decode(errors="replace")
        connection.execute("SELECT 1 FROM job, result, upload LIMIT 0")  # raises where the schema cannot be read
        most = path.stat().st_size // _LEAST_ROW
        found.indexed, found.whole = _indexed(connection)
        last = max((job["rowid"] for job in found.indexed), default=most) if found.whole else most
        for table in _TABLES:
            rows: list[Mapping[str, object]] = []
            for row in _rows(connection, table, 0, last if table == "job" else most):
                sound = row and _sound(table, row)
                if sound:
                    rows.append(sound)
                elif table == "job":
                    found.whole = False
            found.rows[table] = rows
    return found


def _rows(connection: sqlite3.Connection, table: str, low: int, high: int) -> Iterator[sqlite3.Row | None]:
    """The rows between two rowids; what cannot be read is gone around by halves, and is None."""
    select = f"SELECT rowid, * FROM {table} WHERE rowid BETWEEN ? AND ?"  # noqa: S608  (our own)
    try:
        found = connection.execute(select, (low, high)).fetchall()
    except ERRORS:
        if low == high:
            yield None
            return
        middle = (low + high) // 2
        yield from _rows(connection, table, low, middle)
        yield from _rows(connection, table, middle + 1, high)
    else:
        yield from found


def _sound(table: str, row: sqlite3.Row) -> dict[str, Any] | None:
    """The row as it can stand in a ledger; SQLite itself sees no wrong letter in a text."""
    found = dict(row)
    try:
        if table == "job":
            record = read_job({**_ADDED, **found, "state": State.SAVED}, ())
            found["prompt"] = record.request.prompt  # the request has it in plain ASCII
        elif table == "result":
            read_result(found)
    except (ValueError, TypeError, KeyError):
        return None
    texts = [value for name, value in found.items() if name != "prompt" and isinstance(value, str)]
    return None if any(_NO_LETTER in text for text in texts) else found


def _indexed(connection: sqlite3.Connection) -> tuple[list[dict[str, Any]], bool]:
    """The jobs as three indexes know them, by column, and whether all three could be read."""
    columns = "request_key, provider, origin, stage, created_at, project, cost_amount, cost_unit"
    orders, first = _entries(connection, "job_request_key", columns)
    remotes, second = _entries(connection, "job_remote", "provider, origin, remote_id", "remote_id IS NOT NULL")
    ids, third = _entries(connection, "sqlite_autoindex_job_1", "id")
    rowids = sorted(ids.keys() | remotes.keys() | orders.keys())
    found = [{**orders.get(row, {}), **remotes.get(row, {}), **ids.get(row, {})} for row in rowids]
    return found, first and second and third


def _entries(
    connection: sqlite3.Connection, index: str, columns: str, where: str = "TRUE"
) -> tuple[dict[int, dict[str, Any]], bool]:
    """An index's entries by rowid, and whether that is all of them; around a damage they are read from both ends."""
    found: dict[int, dict[str, Any]] = {}
    first = columns.partition(",")[0]
    for order in ("ASC", "DESC"):
        select = f"SELECT rowid, {columns} FROM job INDEXED BY {index} WHERE {where} ORDER BY {first} {order}"  # noqa: S608
        with suppress(*ERRORS):
            for row in connection.execute(select):
                if not any(isinstance(value, str) and _NO_LETTER in value for value in row):
                    found[row["rowid"]] = dict(row)
            return found, True
    return found, False
