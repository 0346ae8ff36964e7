"""The last line of any command on a terminal: what was paid for, is not saved yet, and expires soon."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from imgen.config.config import load
from imgen.errors import ImgenError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from imgen.money.losses import Expiring
    from imgen.records import JobRecord

_SOON = 3 * 3600.0  # seconds
_shown: set[str] = set()


def mark_shown(records: Iterable[JobRecord]) -> None:
    """The command has shown these jobs itself: the last line does not repeat them."""
    _shown.update(record.id for record in records)


def remind(*, welcome: bool) -> None:
    """End a command: print the line, where it is `welcome` and something expires soon."""
    about = frozenset(_shown)
    _shown.clear()
    if not welcome:
        return
    now = time.time()
    found = _expiring(now, about)
    if found is None:
        return
    from imgen.screen.console import Streams, err
    from imgen.screen.durations import span
    from imgen.screen.failure import warning_lines

    streams = Streams.of(sys.stdin, sys.stdout, sys.stderr, load().environ)
    several = found.pictures > 1
    subject = f"{found.pictures} pictures you paid for are" if several else "1 picture you paid for is"
    link = "the first link" if several else "its link"
    text = f"{subject} not saved yet, and {link} expires in {span(found.first - now)}."
    command = "imgen download --expiring 3h"
    err(warning_lines(text, command, color=streams.stderr_color, width=streams.stderr_width))


def _expiring(now: float, already_shown: Collection[str]) -> Expiring | None:
    """What expires soon; nothing where no ledger can be read, for that is the trouble of commands that need one."""
    try:
        config = load()
        ledger = config.folders.ledger
        if config.ledger_url is not None or not ledger.exists():  # a line at the end is worth no connection
            return None
    except (ImgenError, OSError):
        return None
    from imgen.ledger.sqlite.peek import peek_unsaved
    from imgen.money.losses import expiring

    unsaved = peek_unsaved(ledger, now, now + _SOON)
    return expiring((each for each in unsaved if each.job_id not in already_shown), now, now + _SOON)
