"""The ledger as every command begins with it: whole, with what ended processes left closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.recovery.note import rebuilt_note
from imgen.ledger.recovery.opening import open_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen.config.config import Config
    from imgen.jobs.clock import Clock
    from imgen.ledger.ledger import Ledger


def open_sound(config: Config, clock: Clock, say: Callable[[str], None]) -> Ledger:
    """The ledger, rebuilt first where it was damaged; what that left is reported. Raises `LedgerUnusable`."""
    ledger = open_whole(config.ledger_path, clock.wall, config.cwd, say)
    if rebuilt_note(config.ledger_path).exists():
        from imgen.jobs.reimport import tell_and_list

        tell_and_list(config, ledger, clock, say)
    return ledger
