"""What counts as a damaged ledger file, and the note that one leaves for the next command.

A command that meets damage stops. The next one is alone with the file, and rebuilds it (`recovery.rebuild`).
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from imgen.errors import LedgerDamaged

if TYPE_CHECKING:
    from pathlib import Path

TAKE_OVER = "imgen wait -p PROVIDER REMOTE_ID"
"""The command that adds a service's job to a ledger that has not got it."""

_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_KIND = 0xFF  # the part of an extended code that names its kind
_LEAST = 512  # bytes of a database


def damaged(path: Path, error: Exception | str) -> LedgerDamaged:
    """The error that a damaged ledger is; a note beside the file keeps it for the next command."""
    with suppress(OSError):
        damage_note(path).touch(mode=0o600)
    return LedgerDamaged(
        f"The ledger {path} is damaged: {error if isinstance(error, str) else damage_text(error)}.",
        "imgen status\nThat keeps it aside and makes a new one of what can be read. Nothing is sent until then.",
    )


def is_damage(error: Exception) -> bool:
    """Whether the file's content is wrong; one that is locked, full or forbidden is not damaged."""
    return _wrong_text(error) or getattr(error, "sqlite_errorcode", 0) & _KIND in _CODES


def damage_text(error: Exception) -> str:
    """The damage in words; never any of the ledger's own: it may be a signed link."""
    if _wrong_text(error):
        return "a text in it cannot be read"
    return "it is no database" if "not a database" in str(error) else "its content does not fit together"


def check_file(path: Path) -> None:
    """Raises `LedgerDamaged` for a file that SQLite would silently begin anew, or that a new one is to replace."""
    if new_ledger(path).exists():  # the process that was about to put it here was killed
        raise damaged(path, "a new one was about to take its place")
    # In this order: a process that makes a new ledger writes its first page before it begins the log.
    logged = _size(log_of(path))
    size = path.stat().st_size
    if size < _LEAST and (size or logged):
        raise damaged(path, "it was cut short")


def damage_note(path: Path) -> Path:
    """A file that is there when a process found the ledger damaged."""
    return path.with_suffix(".damaged")


def rebuilt_note(path: Path) -> Path:
    """Where it is noted that the ledger was rebuilt, and what is missing in it."""
    return path.with_suffix(".rebuilt")


def new_ledger(path: Path) -> Path:
    """A new ledger that is whole, until it stands in the place of a damaged one."""
    return path.with_suffix(".new")


def log_of(path: Path) -> Path:
    """The write-ahead log of a ledger."""
    return path.with_name(f"{path.name}-wal")


def _wrong_text(error: Exception) -> bool:
    """Whether a text in the file is none; the sqlite3 module raises this itself, without a code."""
    return isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
