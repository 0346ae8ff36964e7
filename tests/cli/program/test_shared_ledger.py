"""One ledger, several threads of one process, and other processes that come and go."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from cli.jobs.drafts import draft, taken
from imgen.jobs.ledger import Ledger
from imgen.jobs.records import State

if TYPE_CHECKING:
    from cli.program.program import Program


def test_another_process_that_ends_takes_nothing_from_under_a_thread(imgen: Program) -> None:
    """The last to close a ledger clears its write-ahead log away: a thread that opens one must not undo our locks."""
    path = imgen.home / "ledger.sqlite3"
    ledger = Ledger(path, time.time)
    ledger.plan([draft("k3f9xy")], "nobody", resubmit=False)
    second = threading.Thread(target=lambda: ledger.job("k3f9xy"))
    second.start()
    second.join()

    assert imgen.run("status", "k3f9xy").code == 0  # settles the job, for its owner is nobody
    assert path.with_name("ledger.sqlite3-wal").exists()
    ledger.plan([draft("later", prompt="another fox")], "nobody", resubmit=False)
    ledger.submitting("later")
    ledger.accepted("later", taken("remote"))
    ledger.close()

    assert [job.state for job in imgen.jobs()] == [State.CANCELLED, State.QUEUED]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
