"""What every command reads is found by an index: jobs that are over cost nothing, however many there are."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.sqlite import connection_of
from cli.states import JOB, TROUBLE, bring_to, finish
from imgen.ledger.pacing import SubmitLimit
from imgen.ledger.queries import Wanted
from imgen.ledger.sqlite import peek
from imgen.money.amounts import parse_amounts
from imgen.money.budget import Budget, Limit, Span
from imgen.records import Cost, State
from imgen_providers.base import Charge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.ledger.ledger import Ledger
    from imgen_providers.base import Job

SHA = "ab" * 32
BUDGET = Budget(tuple(Limit(span, parse_amounts("90 usd"), "a test") for span in (Span.DAY, Span.PROJECT)))
ORDER = [draft("next", project="/project", cost=Cost("0.1", "usd"))]

USES: dict[str, Callable[[Ledger], object]] = {
    "the open jobs": lambda ledger: ledger.jobs.open(),
    "the uncertain jobs": lambda ledger: ledger.jobs.uncertain(),
    "the expired jobs": lambda ledger: ledger.jobs.expired(),
    "what orphans there are": lambda ledger: ledger.close_orphans(),
    "one job": lambda ledger: ledger.jobs.get(JOB),
    "a job by its id": lambda ledger: ledger.jobs.find(JOB),
    "a job by the beginning of its id": lambda ledger: ledger.jobs.find(JOB[:3]),
    "a job by its remote id": lambda ledger: ledger.jobs.find("remote"),
    "no job": lambda ledger: ledger.jobs.find("not there"),
    "a job of one service": lambda ledger: ledger.jobs.at_service("reapi", "https://x", "remote"),
    "the latest jobs": lambda ledger: ledger.jobs.history(Wanted(), 20),
    "past times": lambda ledger: ledger.jobs.seconds_taken("3daistudio", "m", "1K"),
    "the job with a picture": lambda ledger: ledger.jobs.with_picture(SHA),
    "a family": lambda ledger: ledger.jobs.family(JOB),
    "a budget": lambda ledger: ledger.spending.verdicts(ORDER, BUDGET),
    "a plan": lambda ledger: ledger.jobs.plan(ORDER, "me", resubmit=True, budget=BUDGET),
    "a submit": lambda ledger: ledger.jobs.submitting(JOB, SubmitLimit(3, 60.0)),
    "an acceptance": lambda ledger: ledger.jobs.accepted(JOB, draft_job()),
    "an end": finish,
    "an ambiguous request": lambda ledger: ledger.jobs.is_ambiguous(JOB),
    "a charge": lambda ledger: ledger.spending.charged(JOB, Charge("1", "usd")),
    "a problem": lambda ledger: ledger.jobs.set_problem(JOB, TROUBLE),
    "uploads of a job": lambda ledger: ledger.uploads.links(JOB),
    "the jobs of a request": lambda ledger: ledger.jobs.with_request("key"),
    "what was saved at a path": lambda ledger: ledger.jobs.saved_at(Path("/pictures/fox.png")),
    "a request once more": lambda ledger: ledger.jobs.plan([draft("more")], "me", resubmit=False, known=[JOB]),
    "an upload": lambda ledger: ledger.uploads.is_ours("key"),
}


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What follows is about SQLite's file."""
    return sqlite_ledger


def draft_job() -> Job:
    return taken("another")


def plans(path: Path, statements: Sequence[str]) -> list[str]:
    """How SQLite goes about the statements, without running them."""
    with closing(sqlite3.connect(path)) as connection:
        return [
            line[3]
            for statement in statements
            if re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE|WITH)", statement)
            for line in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]


def scans(lines: Sequence[str]) -> list[str]:
    """The lines that read a whole table; not those that go along an index of times until there are enough."""
    whole = [line for line in lines if re.match(r"SCAN (job|result|upload|other|mine)\b", line)]
    return [line for line in whole if not re.search(r"USING (COVERING )?INDEX job_created", line)]


@pytest.mark.parametrize("use", USES)
def test_no_table_is_read_to_its_end(ledger: Ledger, ledger_path: Path, use: str) -> None:
    bring_to(ledger, State.PLANNED)
    said: list[str] = []
    connection_of(ledger).set_trace_callback(said.append)

    USES[use](ledger)

    found = plans(ledger_path, said)
    assert found, "something was asked"
    assert scans(found) == []


def test_the_latest_jobs_are_not_sorted(ledger: Ledger, ledger_path: Path) -> None:
    said: list[str] = []
    connection_of(ledger).set_trace_callback(said.append)

    ledger.jobs.history(Wanted(), 20)

    assert "SCAN job USING INDEX job_created" in plans(ledger_path, said)
    assert not any("TEMP B-TREE FOR ORDER BY" in line for line in plans(ledger_path, said[:3]))


@pytest.mark.parametrize("which", [peek._BEGINNING_SO, peek._OPEN], ids=["by the beginning of an id", "open ones"])
def test_a_look_for_tab_reads_no_table_to_its_end(ledger: Ledger, ledger_path: Path, which: str) -> None:
    bring_to(ledger, State.SAVED)

    found = plans(ledger_path, [peek._SELECT.format(which).replace("?1", "'k3'").replace("?2", "50")])

    assert found
    assert scans(found) == []


def test_jobs_and_their_pictures_are_read_in_one_query_each(ledger: Ledger) -> None:
    for name in ("one", "two", "three"):
        bring_to(ledger, State.READY, name)
    said: list[str] = []
    connection_of(ledger).set_trace_callback(said.append)

    found, _ = ledger.jobs.history(Wanted(), 0)

    assert [len(job.results) for job in found] == [2, 2, 2]
    assert sum(line.lstrip().startswith("SELECT") for line in said) == 3, "how many, the jobs, the pictures"


def test_a_budget_check_and_a_poll_that_changes_nothing_take_no_write_lock(ledger: Ledger, ledger_path: Path) -> None:
    bring_to(ledger, State.QUEUED, "running")
    ledger.jobs.running("running")
    ledger.jobs.set_problem("running", TROUBLE)
    bring_to(ledger, State.READY)
    ledger.spending.charged(JOB, Charge("1", "usd"))
    with closing(sqlite3.connect(ledger_path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        assert [verdict.within for verdict in ledger.spending.verdicts(ORDER, BUDGET)] == [True, True]
        ledger.jobs.running("running")
        ledger.jobs.set_problem("running", TROUBLE)
        ledger.spending.charged(JOB, Charge("1", "usd"))
        finish(ledger)
        assert not ledger.jobs.is_ambiguous(JOB)
