"""The last line of any command on a terminal: what was paid for, is not saved yet, and dies soon."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from imgen.config.config import load
from imgen.errors import ImgenError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from imgen.money.losses import Dying
    from imgen.records import JobRecord

_SOON = 3 * 3600.0  # seconds
_told: set[str] = set()


def told(records: Iterable[JobRecord]) -> None:
    """The command speaks of these jobs itself: the last line does not repeat them."""
    _told.update(record.id for record in records)


def remind(*, welcome: bool) -> None:
    """End a command: write the line, where it is `welcome` and there is something to say."""
    about = frozenset(_told)
    _told.clear()
    if not welcome:
        return
    now = time.time()
    found = _dying(now, about)
    if found is None:
        return
    from imgen.screen.console import Surroundings, err
    from imgen.screen.durations import span
    from imgen.screen.failure import warning_line

    around = Surroundings.of(sys.stdin, sys.stdout, sys.stderr, load().environ)
    several = found.pictures > 1
    subject = f"{found.pictures} pictures you paid for are" if several else "1 picture you paid for is"
    link = "the first link" if several else "its link"
    line = f"{subject} not saved yet, and {link} dies in {span(found.first - now)}: imgen download --expiring 3h"
    err(warning_line(line, color=around.stderr_color))


def _dying(now: float, told: Collection[str]) -> Dying | None:
    """What dies soon; nothing where no ledger can be read, for that is the trouble of commands that need one."""
    try:
        ledger = load().ledger_path
        if not ledger.exists():
            return None
    except (ImgenError, OSError):
        return None
    import sqlite3

    from imgen.money.losses import dying

    try:
        return dying(ledger, now, now + _SOON, told=told)
    except sqlite3.Error:
        return None
