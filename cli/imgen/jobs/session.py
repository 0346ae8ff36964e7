"""The ledger as every command begins with it: settled, and made anew where it was damaged, all of it said."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from imgen.errors import LedgerDamaged
from imgen.jobs.orphans import close_orphans
from imgen.ledger.file_lock import InUse, alone
from imgen.ledger.ledger import Ledger
from imgen.ledger.network_disk import network_type
from imgen.ledger.recovery.note import rebuilt_note
from imgen.ledger.schema import damage_note, damaged, new_ledger
from imgen.pictures.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.config.config import Config
    from imgen.jobs.clock import Clock

TAKE_OVER = "imgen wait -p PROVIDER REMOTE_ID"


def open_sound(config: Config, clock: Clock, say: Callable[[str], None]) -> Ledger:
    """The ledger, settled; a damaged one is rebuilt first. Raises `LedgerUnusable`."""
    path = config.ledger_path
    if kind := network_type(path.parent):
        say(f"The ledger is on a network file system ({kind}); a local disk is safer: set IMGEN_HOME to one.")
    ledger = Ledger(path, clock.wall)
    if not path.exists() and not new_ledger(path).exists():
        return ledger
    empty = _is_empty(path)
    try:
        if damage_note(path).exists():
            raise damaged(path, "a command that ran before could not read it")
        close_orphans(ledger, config.owners_folder)
        if empty:
            say(f"The ledger {path} was empty and begins anew. What was in it is taken over with: {TAKE_OVER}")
    except LedgerDamaged as damage:
        ledger.close()
        _rebuild(config, clock, damage)
        close_orphans(ledger, config.owners_folder)
    if rebuilt_note(path).exists():
        from imgen.jobs.reimport import tell_and_list

        tell_and_list(config, ledger, clock, say)
    return ledger


def _is_empty(path: Path) -> bool:
    """Whether the file was cut to nothing; one that somebody has open is just being made."""
    if path.exists() and not path.stat().st_size:
        with suppress(InUse), alone(path, 0.0):
            return not path.stat().st_size
    return False


def _rebuild(config: Config, clock: Clock, damage: LedgerDamaged) -> None:
    from imgen.ledger.recovery.rebuild import rebuild
    from imgen.pictures.naming import DEFAULT_TEMPLATE

    rebuild(config.ledger_path, clock.wall(), Target(config.cwd, DEFAULT_TEMPLATE), damage.message)
