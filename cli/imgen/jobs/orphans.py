"""Orphans: what a killed process left open is closed by the next command, whichever that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.errors import Problem
from imgen.files import discard
from imgen.jobs.problems import of_submit
from imgen.records import JobRecord, State
from imgen_providers.errors import Uncertain

if TYPE_CHECKING:
    from imgen.ledger.ledger import Ledger


def close_orphans(ledger: Ledger) -> None:
    """Close what processes that have ended left: `planned` was never sent, `submitting` may have been charged.

    Their unfinished files are removed; what was accepted stays open.
    """
    for record in ledger.jobs.open():
        if record.state in (State.PLANNED, State.SUBMITTING):
            if record.owner is None or not ledger.is_alive(record.owner):
                close(ledger, record)
        else:
            _clear_parts(ledger, record)


def close(ledger: Ledger, record: JobRecord) -> None:
    """Close one job whose owner has ended."""
    if record.state is State.PLANNED:
        problem = Problem("never_sent", "It was never sent: imgen ended before.")
        ledger.jobs.never_sent(record.id, problem)
        return
    lost = Uncertain("imgen ended while the request was on its way, before an answer came.")
    ledger.jobs.mark_uncertain(record.id, of_submit(lost, record))


def _clear_parts(ledger: Ledger, record: JobRecord) -> None:
    for result in record.results:
        if result.part and result.fetcher and not ledger.is_alive(result.fetcher):
            discard(result.part)
            ledger.results.unclaim(record.id, result.index, result.fetcher)
