"""Looks at the ledger's file as it is, without opening it as a command does: for TAB, the expiry notice, and `status`.

None waits, closes orphans or changes anything, and each finds nothing where the file cannot be read at once.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.money.losses import Unsaved

_MOST = 50
_TAB_PATIENCE = 0.05  # seconds
_NOTICE_PATIENCE = 0.2  # seconds
_SELECT = (
    "SELECT id, substr(prompt, 1, 200), state FROM job_with_state"
    " WHERE forgotten_at IS NULL AND recorded IN ({}) ORDER BY recorded DESC LIMIT ?2"
)
# Rows are found by what their indexes hold, and few are read.
_LATEST = "SELECT rowid FROM job ORDER BY rowid DESC LIMIT 4 * ?2"
_BEGINNING_SO = "SELECT rowid FROM job WHERE id BETWEEN ?1 AND ?1 || char(0x10ffff) ORDER BY rowid DESC LIMIT 4 * ?2"
_OPEN = (
    "SELECT rowid FROM job WHERE stage IN ('planned', 'submitting', 'queued', 'running', 'uncertain')"
    " AND +id BETWEEN ?1 AND ?1 || char(0x10ffff)"
    " UNION SELECT job.rowid FROM result JOIN job ON job.id = job_id WHERE state <> 'saved' AND state = 'ready'"
    " AND +job.id BETWEEN ?1 AND ?1 || char(0x10ffff)"
)
_UNSAVED = """
SELECT job.id, provider, model, accepted_at, expires_at, 1
  FROM result JOIN job ON job.id = job_id
 WHERE result.state <> 'saved' AND result.state = 'ready' AND expires_at > :now AND expires_at <= :until
   AND kept IS NULL AND forgotten_at IS NULL AND origin <> 'sandbox'
UNION ALL
SELECT id, provider, model, accepted_at, NULL, iif(json_valid(request), json_extract(request, '$.count'), 1)
  FROM job
 WHERE stage IN ('queued', 'running') AND accepted_at < :until AND forgotten_at IS NULL AND origin <> 'sandbox'
"""
_UNSETTLED = """
SELECT EXISTS (
    SELECT 1 FROM job WHERE stage IN ('planned', 'submitting', 'queued', 'running', 'uncertain')
       AND forgotten_at IS NULL)
    OR EXISTS (
    SELECT 1 FROM result JOIN job ON job.id = job_id WHERE result.state <> 'saved' AND forgotten_at IS NULL)
"""
_MENDING = (".damaged", ".new", ".rebuilt")  # files beside a ledger that the next command has to mend or report


class PeekedJob(NamedTuple):
    """A job by its id, the beginning of its prompt, and its state."""

    id: str
    prompt: str
    state: str


def peek_jobs(path: Path, beginning: str, *, open_only: bool) -> list[PeekedJob]:
    """The latest jobs whose ids begin so, or those that are open, newest first.

    Nothing where the ledger at `path` cannot be read at once.
    """
    which = _OPEN if open_only else _BEGINNING_SO if beginning else _LATEST
    asked = (beginning.encode(errors="replace").decode(), _MOST)  # an argument may hold bytes that are no text
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_TAB_PATIENCE)) as ledger:
            found = ledger.execute(_SELECT.format(which), asked).fetchall()
    except sqlite3.Error:
        return []
    return [PeekedJob(*row) for row in found]


def peek_settled(path: Path) -> bool:
    """Whether no job is open, uncertain or lost, and there is nothing to mend, bring up to date or warn of either.

    False where the ledger at `path` is not there or cannot be read at once.
    """
    from imgen.ledger.sqlite.network_disk import network_type
    from imgen.ledger.sqlite.schema import MIGRATIONS

    if network_type(path.parent) or any(path.with_suffix(suffix).exists() for suffix in _MENDING):
        return False
    address = f"{path.absolute().as_uri()}?mode=rw"  # as in `peek_unsaved`
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_NOTICE_PATIENCE)) as ledger:
            current = ledger.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
            return bool(current and ledger.execute(_UNSETTLED).fetchone() == (0,))
    except sqlite3.Error:
        return False


def peek_unsaved(path: Path, now: float, until: float) -> list[Unsaved]:
    """What was paid for, is not saved, and may expire between `now` and `until` (seconds since 1970)."""
    from imgen.money.losses import Unsaved  # not for TAB

    address = f"{path.absolute().as_uri()}?mode=rw"  # never made here; and "ro" would leave the log beside it
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_NOTICE_PATIENCE)) as ledger:
            found = ledger.execute(_UNSAVED, {"now": now, "until": until}).fetchall()
    except sqlite3.Error:
        return []
    return [Unsaved(*row) for row in found]
