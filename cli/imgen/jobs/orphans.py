"""After a death: what a process left open when it was killed is closed by the next command, whatever that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.errors import Problem
from imgen.files import discard
from imgen.jobs.problems import of_error
from imgen.ledger.owners import is_alive
from imgen.records import JobRecord, State
from imgen_providers.errors import Uncertain

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.ledger.ledger import Ledger


def close_orphans(ledger: Ledger, owners_folder: Path) -> None:
    """Close what dead processes left: `planned` was never sent, `submitting` may have been charged.

    Their unfinished files are removed; what was accepted stays open.
    """
    for record in ledger.open_jobs():
        if record.state in (State.PLANNED, State.SUBMITTING):
            if record.owner is None or not is_alive(owners_folder, record.owner):
                close(ledger, record)
        else:
            _clear_parts(ledger, record, owners_folder)


def close(ledger: Ledger, record: JobRecord) -> None:
    """Close one job whose owner is dead."""
    if record.state is State.PLANNED:
        problem = Problem("never_sent", "It was never sent: imgen ended before.")
        ledger.never_sent(record.id, problem)
        return
    lost = Uncertain("imgen ended while the request was on its way, before an answer came.")
    ledger.mark_uncertain(record.id, of_error(lost, record))


def _clear_parts(ledger: Ledger, record: JobRecord, owners_folder: Path) -> None:
    for result in record.results:
        if result.part and result.fetcher and not is_alive(owners_folder, result.fetcher):
            discard(result.part)
            ledger.unclaim(record.id, result.index, result.fetcher)
