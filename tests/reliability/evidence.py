"""What must hold of a ledger and its pictures once everything is settled."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import TYPE_CHECKING

from cli.program.program import OFTEN
from imgen.records import JobRecord, State

if TYPE_CHECKING:
    from cli.program.program import Program


def check_ledger(here: Program) -> list[JobRecord]:
    """It is whole, and the pictures that it calls saved are all the files there are; returns its jobs.

    Nothing is kept any more of what came with an answer.
    """
    ledger = sqlite3.connect(here.home / "ledger.sqlite3")
    try:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        ledger.close()
    if kept(here):
        here.run("wait", *OFTEN)  # a command removes what those before it left
    assert kept(here) == [], "bytes of a picture that is saved, or of an answer that was read"
    jobs = here.jobs()
    saved = {result.path: result.sha256 for job in jobs for result in job.results if job.state is State.SAVED}
    there = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in here.cwd.iterdir()}
    assert there == saved, "a picture twice, a part of one, or none"
    return jobs


def kept(here: Program) -> list[str]:
    """What is still on disk of answers and of the pictures that came in them."""
    return sorted(path.name for folder in ("answers", "inline") for path in (here.home / folder).glob("*"))
