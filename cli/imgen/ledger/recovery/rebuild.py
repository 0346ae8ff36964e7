"""A damaged ledger is kept aside, never removed, and a new one made in its place of what can still be read."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import IntegrityError
from typing import TYPE_CHECKING, Any

from imgen.errors import LedgerDamaged, LedgerUnusable
from imgen.files import sync_folder
from imgen.ledger.codec import request_text, target_text, wire_key
from imgen.ledger.ledger import Ledger
from imgen.ledger.recovery.damage import damage_note, is_damage, new_ledger
from imgen.ledger.recovery.note import Rebuilt, note_rebuilt
from imgen.ledger.recovery.salvage import LOGS, Salvaged, copy_of, salvage
from imgen.ledger.sqlite.database import ERRORS, open_ledger, reason
from imgen.ledger.sqlite.file_lock import InUse, alone
from imgen.money.amounts import is_amount
from imgen.pictures.naming import DEFAULT_TEMPLATE
from imgen.pictures.target import Target
from imgen.records import new_id
from imgen_providers.base import Request
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_PATIENCE = 5.0  # seconds for another imgen to close the ledger, or to have rebuilt it
_LOOK_BACK = 7 * 86_400.0  # seconds: no documented link lives longer
_SCRATCH = "ledger.rebuild-"
_AT_STAKE = ("submitting", "uncertain", "queued", "running")  # these may have been charged


def rebuild(path: Path, now: float, folder: Path, damage: str) -> None:
    """Make a new ledger in place of a damaged one, and note what came of it; a sound one stays.

    `now` is in seconds since 1970; `folder` is the target of jobs whose order cannot be read; `damage` is what was
    wrong. Raises `LedgerUnusable` where another process has the ledger open, or a newer program wrote it; it is
    untouched then.
    """
    try:
        with alone(path, _PATIENCE):
            for left in path.parent.glob(f"{_SCRATCH}*"):  # by a rebuild that was killed
                shutil.rmtree(left, ignore_errors=True)
            if not new_ledger(path).exists():
                if _is_sound(path):
                    damage_note(path).unlink(missing_ok=True)
                    return
                _make(path, now, Target(folder, DEFAULT_TEMPLATE), damage)
            _take_place(path)
    except InUse:
        raise LedgerUnusable(
            f"The ledger {path} is damaged, and another imgen still has it open.",
            "Nothing was sent. Run the command again when that one has ended.",
        ) from None
    except (*ERRORS, OSError) as error:
        raise LedgerUnusable(
            f"The ledger {path} is damaged, and no new one can be made of it: {reason(path, error)}.",
            "Nothing was sent. Free some space or mend the folder, or set IMGEN_HOME to another one.",
        ) from error


def _is_sound(path: Path) -> bool:
    """Whether every page and every row can be read after all. Raises `LedgerUnusable` for any other trouble."""
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=path.parent) as folder:
        copy = copy_of(path, Path(folder) / "copy")
        try:
            with closing(open_ledger(copy)) as connection, closing(Ledger(copy, lambda: 0.0)) as ledger:
                if [row[0] for row in connection.execute("PRAGMA integrity_check")] != ["ok"]:
                    return False
                connection.execute("SELECT * FROM upload").fetchall()
                ledger.jobs.find("")  # the beginning of every id
                return True
        except LedgerDamaged:
            return False
        except ERRORS as error:
            if is_damage(error):
                return False
            raise


def _make(path: Path, now: float, target: Target, damage: str) -> None:
    """A new ledger beside the damaged one, which stays as it is; from the last line on the new one counts."""
    damage_note(path).touch(mode=0o600)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=path.parent) as folder:
        found = salvage(path, Path(folder))
        made = Path(folder) / "new" / path.name
        rebuilt = _fill(made, found, now, target)
        with made.open("r+b") as file:
            os.fsync(file.fileno())
        note_rebuilt(path, replace(rebuilt, damage=damage, kept=str(_keep(path, now))))
        sync_folder(path.parent)
        made.replace(new_ledger(path))


def _take_place(path: Path) -> None:
    """Put the new ledger where the damaged one is, which has a second name by now; may be done twice."""
    sync_folder(path.parent)
    for ending in (*LOGS, "-shm"):  # none of them belongs to the new one
        path.with_name(path.name + ending).unlink(missing_ok=True)
    sync_folder(path.parent)
    new_ledger(path).replace(path)
    sync_folder(path.parent)
    damage_note(path).unlink(missing_ok=True)


def _keep(path: Path, now: float) -> Path:
    """Give the damaged file and its log a second name, and leave them the first."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    names = (f"{path.stem}.damaged-{stamp}{more}{path.suffix}" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    kept = next(there for name in names if not (there := path.with_name(name)).exists())
    for ending in ("", *LOGS):
        with suppress(FileNotFoundError):
            _link(path.with_name(path.name + ending), kept.with_name(kept.name + ending))
    return kept


def _link(old: Path, new: Path) -> None:
    try:
        new.hardlink_to(old)
    except FileNotFoundError:
        raise
    except OSError:  # not every file system has links
        shutil.copyfile(old, new)
        with new.open("r+b") as file:
            os.fsync(file.fileno())


def _fill(made: Path, found: Salvaged, now: float, target: Target) -> Rebuilt:
    """Insert the rows that are sound into a new ledger, and what the indexes hold of those that cannot be read."""
    with closing(open_ledger(made)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("BEGIN")
        whole, rowids = found.whole, set()
        for table, rows in found.rows.items():
            known = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
            for row in rows:
                if not _insert(connection, table, {name: value for name, value in row.items() if name in known}):
                    whole = whole and table != "job"
                elif table == "job":
                    rowids.add(row["rowid"])
        here = {row["id"] for row in connection.execute("SELECT id FROM job")}
        read = len(here)
        remote: list[str] = []
        doubtful: list[str] = []
        nameless: list[str] = []
        for job in found.indexed:
            if job.get("id") in here or ("id" not in job and job["rowid"] in rowids):
                continue
            whole = False
            stub = _stub(job, now, target) if _is_known(job) else None
            if stub and _insert(connection, "job", stub):
                (remote if job.get("remote_id") else doubtful).append(str(stub["id"]))
                here.add(str(stub["id"]))
            elif "remote_id" in job or job.get("stage") in (None, "finished", *_AT_STAKE):
                nameless.append(job.get("id") or job.get("remote_id") or "one without an id")
        connection.execute("COMMIT")
        _mend(connection)
    return Rebuilt(
        damage="",
        kept="",
        read=read,
        remote=tuple(remote),
        doubtful=tuple(doubtful),
        nameless=tuple(nameless),
        ask=() if whole else tuple(SERVICES),
        since=now - _LOOK_BACK,
        until=now + _LOOK_BACK,
    )


def _is_known(job: Mapping[str, Any]) -> bool:
    """Whether the indexes hold enough to poll the job, or to know when the same is ordered again."""
    placed = job.get("provider") in SERVICES and bool(job.get("origin"))
    return placed and bool(job.get("remote_id") or (job.get("stage") in _AT_STAKE and job.get("request_key")))


def _stub(job: Mapping[str, Any], now: float, target: Target) -> dict[str, object]:
    """A row for a job that only the indexes still hold; without a remote id, `close_orphans` marks it uncertain."""
    request = Request(model="", prompt="")
    remote_id, amount = job.get("remote_id"), job.get("cost_amount")
    known = {name: job[name] for name in ("provider", "origin", "project", "cost_unit", "remote_id") if name in job}
    return {
        **known,
        "id": job.get("id") or new_id(),
        "run_id": new_id(),
        "request_key": job.get("request_key") or "",
        "wire_key": wire_key(request),
        "model": request.model,
        "prompt": request.prompt,
        "request": request_text(request),
        "target": target_text(target),
        "stage": "queued" if remote_id else "submitting",
        "created_at": job.get("created_at", now),
        "accepted_at": now if remote_id else None,
        "cost_amount": amount if amount and is_amount(amount) else None,
    }


def _mend(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("UPDATE job SET parent_id = NULL WHERE parent_id NOT IN (SELECT id FROM job)")
    connection.execute("DELETE FROM result WHERE job_id NOT IN (SELECT id FROM job)")
    connection.execute("DELETE FROM upload WHERE job_id NOT IN (SELECT id FROM job)")
    # The row of a picture may be missing: the service is polled once more, and what is saved stays saved.
    connection.execute(
        "UPDATE job SET stage = 'running' WHERE stage = 'finished' AND remote_id IS NOT NULL"
        " AND (SELECT count(*) FROM result WHERE job_id = job.id) < json_extract(request, '$.count')"
    )
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> bool:
    marks = ", ".join("?" * len(row))
    try:
        connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
    except IntegrityError:
        return False
    return True
