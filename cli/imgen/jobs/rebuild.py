"""A damaged ledger is kept aside, never removed, and a new one made in its place of what can still be read."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.errors import LedgerDamaged, LedgerUnusable
from imgen.jobs.in_use import InUse, alone
from imgen.jobs.ledger import Draft, Ledger
from imgen.jobs.plan import new_id
from imgen.jobs.records import Cost, Target
from imgen.jobs.salvage import LOGS, RemoteJob, Salvaged, copy_of, salvage
from imgen.jobs.schema import damage_note, is_damage, open_ledger
from imgen.pictures.place import sync_folder
from imgen_providers.base import Job, Queued, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = 5.0  # seconds for another imgen to close the ledger, or to have rebuilt it


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A new ledger stands where a damaged one stood, which is `kept` now.

    `read` jobs are as they were. Of those in `remote` only the service's id was left: they are open again.
    `whole` says that nothing else can be missing.
    """

    kept: Path
    read: int
    remote: tuple[str, ...]
    whole: bool


def rebuild(path: Path, now: float, target: Target) -> Rebuilt | None:
    """Make a new ledger in place of a damaged one; None where it turns out to be sound, or somebody else just did it.

    `now` is in seconds since 1970; `target` is where pictures go of whose order nothing is left. Raises
    `LedgerUnusable` where another process has the ledger open, or a newer program wrote it; it is untouched then.
    """
    try:
        with alone(path, _PATIENCE):
            if not _is_sound(path):
                return _rebuilt(path, now, target)
            damage_note(path).unlink(missing_ok=True)
            return None
    except InUse:
        raise LedgerUnusable(
            f"The ledger {path} is damaged, and another imgen still has it open.",
            "Nothing was sent. Run the command again when that one has ended.",
        ) from None
    except (sqlite3.Error, OSError) as error:
        raise LedgerUnusable(
            f"The ledger {path} is damaged, and no new one can be made of it: {error}.",
            "Nothing was sent. Free some space or mend the folder, or set IMGEN_HOME to another one.",
        ) from error


def _is_sound(path: Path) -> bool:
    """Whether every page and every row can be read after all. Raises `LedgerUnusable` for any other trouble."""
    with tempfile.TemporaryDirectory(prefix="ledger.", dir=path.parent) as folder:
        copy = copy_of(path, Path(folder) / "copy")
        try:
            with closing(open_ledger(copy)) as connection, closing(Ledger(copy, lambda: 0.0)) as ledger:
                ledger.find("")  # the beginning of every id
                return [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]
        except LedgerDamaged:
            return False
        except sqlite3.Error as error:
            if is_damage(error):
                return False
            raise


def _rebuilt(path: Path, now: float, target: Target) -> Rebuilt:
    with tempfile.TemporaryDirectory(prefix="ledger.", dir=path.parent) as folder:
        found = salvage(path, Path(folder))
        made = Path(folder) / "new" / path.name
        read, remote = _fill(made, found, now, target)
        with made.open("r+b") as file:
            os.fsync(file.fileno())
        kept = _put_aside(path, now)
        made.replace(path)
        sync_folder(path.parent)
        damage_note(path).unlink(missing_ok=True)
        return Rebuilt(kept, read, remote, found.whole)


def _put_aside(path: Path, now: float) -> Path:
    """Give the damaged file and what belongs to it another name; for a moment both names are the file's."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    names = (f"{path.stem}.damaged-{stamp}{more}{path.suffix}" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    kept = next(there for name in names if not (there := path.with_name(name)).exists())
    for ending in (*LOGS, "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(kept.with_name(kept.name + ending))
    try:
        kept.hardlink_to(path)
    except OSError:  # not every file system has links
        path.rename(kept)
    return kept


def _fill(made: Path, found: Salvaged, now: float, target: Target) -> tuple[int, tuple[str, ...]]:
    """Put the rows that can stand into a new ledger, and mend what hangs on those that are lost.

    Returns how many jobs were read, and the ids of those of which only the remote id was left.
    """
    with closing(open_ledger(made)) as connection, closing(Ledger(made, lambda: now)) as ledger:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table, rows in found.rows.items():
            known = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
            connection.execute("BEGIN")
            for row in rows:
                if not _insert(connection, table, {name: value for name, value in row.items() if name in known}):
                    found.whole = found.whole and table != "job"
            connection.execute("COMMIT")
        here = {row["id"] for row in connection.execute("SELECT id FROM job")}
        remote = tuple(_adopted(ledger, job, here, target) for job in found.remote)
        _mend(connection)
    return len(here), remote


def _mend(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("UPDATE job SET parent_id = NULL WHERE parent_id NOT IN (SELECT id FROM job)")
    connection.execute("DELETE FROM result WHERE job_id NOT IN (SELECT id FROM job)")
    connection.execute("DELETE FROM upload WHERE job_id NOT IN (SELECT id FROM job)")
    # A picture may be lost: the service is asked once more, and what is saved stays saved.
    connection.execute(
        "UPDATE job SET stage = 'running' WHERE stage = 'finished' AND remote_id IS NOT NULL"
        " AND (SELECT count(*) FROM result WHERE job_id = job.id) < json_extract(request, '$.count')"
    )
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> bool:
    marks = ", ".join("?" * len(row))
    try:
        connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
    except sqlite3.IntegrityError:
        return False
    return True


def _adopted(ledger: Ledger, job: RemoteJob, here: set[str], target: Target) -> str:
    draft = Draft(
        id=job.id if job.id and job.id not in here else new_id(),
        run_id=new_id(),
        request_key="",
        provider=job.provider,
        origin=job.origin,
        family=None,
        request=Request(model="", prompt=""),
        target=target,
        cost=Cost(None, None),
    )
    return ledger.adopt(draft, Job(job.provider, job.remote_id, Queued()))
