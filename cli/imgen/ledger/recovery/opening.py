"""The ledger file opened so that it is whole: the one way in from outside to everything about a damaged one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from imgen.errors import LedgerDamaged
from imgen.ledger.ledger import Ledger
from imgen.ledger.recovery.damage import TAKE_OVER, damage_note, damaged, new_ledger
from imgen.ledger.sqlite.file_lock import InUse, alone
from imgen.ledger.sqlite.network_disk import network_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def open_whole(path: Path, now: Callable[[], float], folder: Path, say: Callable[[str], None]) -> Ledger:
    """The ledger at `path` with its orphans closed; a damaged one is rebuilt first.

    `folder` is the target of jobs whose order cannot be read. What a rebuild found is in `recovery.note` then. `say`
    prints a warning. Raises `LedgerUnusable`.
    """
    if kind := network_type(path.parent):
        say(f"The ledger is on a network file system ({kind}); a local disk is safer: set IMGEN_HOME to one.")
    ledger = Ledger(path, now)
    if not path.exists() and not new_ledger(path).exists():
        return ledger
    empty = _is_empty(path)
    try:
        if damage_note(path).exists():
            raise damaged(path, "a command that ran before could not read it")
        ledger.close_orphans()
        if empty:
            say(f"The ledger {path} was empty and begins anew. What was in it is taken over with: {TAKE_OVER}")
    except LedgerDamaged as damage:
        from imgen.ledger.recovery.rebuild import rebuild

        ledger.close()
        rebuild(path, now(), folder, damage.message)
        ledger.close_orphans()
    return ledger


def _is_empty(path: Path) -> bool:
    """Whether the file was cut to nothing; one that another process has open is just being made."""
    if path.exists() and not path.stat().st_size:
        with suppress(InUse), alone(path, 0.0):
            return not path.stat().st_size
    return False
