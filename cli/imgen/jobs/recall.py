"""Jobs for TAB: read from the ledger's file as it is, without waiting, settling or changing anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 50
_PATIENCE = 0.05  # seconds
_SELECT = "SELECT id, substr(prompt, 1, 200), state FROM job_with_state WHERE forgotten_at IS NULL AND {} DESC LIMIT ?"
# Each by what finds it fast: 100,000 jobs are answered for in a few hundredths of a second.
_ANY = "? = '' ORDER BY recorded"
_BEGINNING = "id BETWEEN ?1 AND ?1 || char(0x10ffff) ORDER BY +recorded"
_NEEDED = (
    "id IN (SELECT id FROM job WHERE stage IN ('planned', 'submitting', 'queued', 'running', 'uncertain')"
    " UNION ALL SELECT job_id FROM result WHERE state = 'ready') AND "
)


class Recalled(NamedTuple):
    """A job by its id, the beginning of its prompt, and its state."""

    id: str
    prompt: str
    state: str


def recall(path: Path, beginning: str, *, open_first: bool) -> list[Recalled]:
    """The latest jobs whose ids begin so, newest first; nothing where the ledger at `path` cannot be read at once."""
    named, asked = _BEGINNING if beginning else _ANY, (beginning, _MOST)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as ledger:
            latest = ledger.execute(_SELECT.format(named), asked).fetchall()
            needed = ledger.execute(_SELECT.format(_NEEDED + named), asked).fetchall() if open_first else []
    except sqlite3.Error:
        return []
    return [Recalled(*row) for row in dict.fromkeys([*needed, *latest])]
