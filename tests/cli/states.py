"""The usual way of a job through the ledger, up to any state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.drafts import draft, taken
from imgen.errors import Problem
from imgen.pictures.verify import Picture
from imgen.records import State

if TYPE_CHECKING:
    from imgen.ledger.ledger import Ledger

JOB = "k3f9xy"
TROUBLE = Problem("trouble", "Something went wrong.", "Do something.")
LINKS = ["https://x/1", "https://x/2"]


def finish(ledger: Ledger, job_id: str = JOB, links: list[str] = LINKS, took: float | None = None) -> None:
    """The service shows its pictures."""
    ledger.jobs.finished(job_id, links, link_seconds=86_400.0, took_seconds=took, conversation={"turn": 1})


def bring_to(ledger: Ledger, state: State, job_id: str = JOB) -> None:
    """A job as it is after the usual way to a state."""
    ledger.jobs.plan([draft(job_id, prompt=job_id)], "me", resubmit=False)
    if state is State.PLANNED:
        return
    if state is State.CANCELLED:
        ledger.jobs.never_sent(job_id, TROUBLE)
        return
    ledger.jobs.submitting(job_id)
    if state is State.UNCERTAIN:
        ledger.jobs.mark_uncertain(job_id, TROUBLE)
    if state in (State.SUBMITTING, State.UNCERTAIN):
        return
    ledger.jobs.accepted(job_id, taken(f"remote {job_id}"))
    if state is State.FAILED:
        ledger.jobs.ended(job_id, State.FAILED, TROUBLE)
    if state is State.RUNNING:
        ledger.jobs.running(job_id)
    if state in (State.READY, State.SAVED, State.EXPIRED):
        finish(ledger, job_id)
    for number in (1, 2):
        if state is State.SAVED:
            save(ledger, number, job_id)
        if state is State.EXPIRED:
            ledger.results.expired(job_id, number)


def save(ledger: Ledger, number: int, job_id: str = JOB, differences: list[str] | None = None) -> None:
    """One of its pictures lies in place."""
    picture = Picture("png", 1024, 768, 1_234_567, "ab" * 32)
    ledger.results.saved(job_id, number, Path(f"/pictures/{number}.png"), picture, differences or [])
