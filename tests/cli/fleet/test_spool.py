"""The remote id of a job that was accepted while the database was away, on the disk of its worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cli.drafts import draft, taken
from imgen.errors import LedgerUnusable
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from imgen.ledger.postgres.ledger import PostgresLedger


def submitted(ledger: PostgresLedger) -> None:
    """A job whose answer is still to come."""
    ledger.jobs.plan([draft("k3f9xy")], ledger.new_owner().name, resubmit=False)
    assert ledger.jobs.submitting("k3f9xy")


def test_the_next_process_records_what_an_ended_one_learned(ledger: PostgresLedger, tmp_path: Path) -> None:
    submitted(ledger)
    ledger.keep_accepted("k3f9xy", taken("remote", task="7"))

    ledger.close_orphans()

    job = ledger.jobs.get("k3f9xy")
    assert (job.state, job.remote_id, job.handle) == (State.QUEUED, "remote", {"task": "7"})
    assert list((tmp_path / "state" / "accepted").iterdir()) == []


def test_what_no_imgen_wrote_there_is_left_alone(ledger: PostgresLedger, tmp_path: Path) -> None:
    submitted(ledger)
    folder = tmp_path / "state" / "accepted"
    folder.mkdir(parents=True)
    (folder / "k3f9xy").write_bytes(b"\xff")
    (folder / "no-such-job").write_text('{"service": "reapi", "remote_id": "x", "handle": {}}')

    ledger.close_orphans()

    assert ledger.jobs.get("k3f9xy").remote_id is None


def test_a_change_is_tried_until_it_is_recorded_and_the_first_failure_is_reported_once(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    failures: list[LedgerUnusable] = []
    left = [LedgerUnusable("away"), LedgerUnusable("away"), LedgerUnusable("away")]

    def change() -> str:
        if left:
            raise left.pop()
        return "recorded"

    assert ledger.insist(change, failures.append) == "recorded"
    assert len(failures) == 1
    assert pauses == [0.2, 0.4, 0.8]
