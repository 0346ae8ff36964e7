"""Jobs for TAB: read from the ledger's file as it is, without waiting, settling or changing anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 50
_PATIENCE = 0.05  # seconds
_SELECT = (
    "SELECT id, substr(prompt, 1, 200), state FROM job_with_state"
    " WHERE forgotten_at IS NULL AND recorded IN ({}) ORDER BY recorded DESC LIMIT ?2"
)
# Rows are found by what their indexes hold, and few are read: 100,000 jobs take some hundredths of a second.
_BEGINNING = "id BETWEEN ?1 AND ?1 || char(0x10ffff)"
_LATEST = f"SELECT rowid FROM job WHERE {_BEGINNING} ORDER BY rowid DESC LIMIT 4 * ?2"  # noqa: S608 (our own)
_NEEDED = (
    f"SELECT rowid FROM job WHERE stage IN ('planned', 'submitting', 'queued', 'running', 'uncertain') AND {_BEGINNING}"  # noqa: S608
    f" UNION SELECT rowid FROM job WHERE id IN (SELECT job_id FROM result WHERE state = 'ready') AND {_BEGINNING}"
)


class PeekedJob(NamedTuple):
    """A job by its id, the beginning of its prompt, and its state."""

    id: str
    prompt: str
    state: str


def peek_jobs(path: Path, beginning: str, *, open_only: bool) -> list[PeekedJob]:
    """The latest jobs whose ids begin so, or those that are open, newest first.

    Nothing where the ledger at `path` cannot be read at once.
    """
    asked = (beginning.encode(errors="replace").decode(), _MOST)  # an argument may hold bytes that are no text
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as ledger:
            found = ledger.execute(_SELECT.format(_NEEDED if open_only else _LATEST), asked).fetchall()
    except sqlite3.Error:
        return []
    return [PeekedJob(*row) for row in found]
