"""One ledger, several threads of one process, and other processes that come and go."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from cli.drafts import draft, taken
from imgen.errors import ExitCode
from imgen.ledger.ledger import Ledger
from imgen.records import State

if TYPE_CHECKING:
    from cli.program.program import Program


def test_another_process_that_ends_takes_nothing_from_under_a_thread(imgen: Program) -> None:
    """The last to close a ledger clears its write-ahead log away: a thread that opens one must not undo our locks."""
    path = imgen.home / "ledger.sqlite3"
    ledger = Ledger(path, time.time)
    ledger.jobs.plan([draft("k3f9xy")], "unknown", resubmit=False)
    second = threading.Thread(target=lambda: ledger.jobs.get("k3f9xy"))
    second.start()
    second.join()

    assert imgen.run("status", "k3f9xy").code == 0  # settles the job, for its owner is not alive
    assert path.with_name("ledger.sqlite3-wal").exists()
    ledger.jobs.plan([draft("later", prompt="another fox")], "unknown", resubmit=False)
    ledger.jobs.submitting("later")
    ledger.jobs.accepted("later", taken("remote"))
    ledger.close()

    assert [job.state for job in imgen.jobs()] == [State.CANCELLED, State.QUEUED]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_damaged_ledger_is_mended_and_said_and_the_command_goes_on(imgen: Program) -> None:
    path = imgen.home / "ledger.sqlite3"
    ledger = Ledger(path, time.time)
    ledger.jobs.plan([draft("k3f9xy")], "unknown", resubmit=False)
    ledger.close()
    with path.open("r+b") as file:
        file.write(bytes(100))
    damaged = path.read_bytes()

    ended = imgen.run("status", "k3f9xy", "--json")

    assert ended.code == ended.json["exit_code"] == ExitCode.DONE
    assert [job["id"] for job in ended.json["jobs"]] == ["k3f9xy"]
    [kept] = imgen.home.glob("ledger.damaged-*")
    assert kept.read_bytes() == damaged
    assert ended.stderr.splitlines() == [
        f"The ledger {path} is damaged: it is no database.",
        f"It is kept as {kept}; a new one was made with the 1 job that could be read.",
    ]
