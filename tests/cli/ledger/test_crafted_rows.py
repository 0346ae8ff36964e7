"""Rows that no imgen wrote: each is named, lifts no limit, removes no file, and keeps no command from the others."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.program.program import Program
from cli.states import JOB, bring_to
from imgen.config.config import Config
from imgen.errors import LedgerDamaged, OverBudget
from imgen.files import part_path
from imgen.jobs.session import open_sound
from imgen.ledger.ledger import Ledger
from imgen.ledger.queries import Wanted
from imgen.money.amounts import parse_amounts
from imgen.money.budget import Budget, Limit, Span
from imgen.records import UNKNOWN, State

if TYPE_CHECKING:
    from cli.clock import FakeClock

BAD_AMOUNTS = ["-1000", "NaN", "Infinity", "1e-999999999", "1e400", "a lot", ""]
BUDGET = Budget((Limit(Span.DAY, parse_amounts("20 credits"), "a test"),), allow_unknown=True)


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What follows is about SQLite's file."""
    return sqlite_ledger


def craft(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


@pytest.mark.parametrize("column", ["cost", "charged"])
@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_an_amount_that_is_none_never_lifts_a_limit(
    ledger: Ledger, ledger_path: Path, tmp_path: Path, clock: FakeClock, column: str, amount: str
) -> None:
    for name in ("paid", "crafted"):
        bring_to(ledger, State.SAVED, name)
    craft(ledger_path, f"UPDATE job SET {column}_amount = ?, {column}_unit = 'credits' WHERE id = 'crafted'", amount)

    with pytest.raises(LedgerDamaged, match="cost of a job"):
        ledger.spending.verdicts([draft("next")], BUDGET)
    with pytest.raises(LedgerDamaged, match="cost of a job"):
        ledger.jobs.plan([draft("next")], "me", resubmit=False, budget=BUDGET)
    ledger.close()

    said: list[str] = []
    with closing(open_sound(Config({"IMGEN_HOME": str(ledger_path.parent)}, tmp_path), clock, said.append)) as mended:
        assert any("crafted" in line for line in said), "it is named"
        assert mended.jobs.get("crafted").remote_id == "remote crafted"
        assert mended.jobs.get("crafted").cost.amount == (None if column == "cost" else "15")
        with pytest.raises(OverBudget):
            mended.jobs.plan([draft("next")], "me", resubmit=False, budget=BUDGET)


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_a_history_and_its_costs_go_on_without_a_row_that_cannot_be_read(
    ledger: Ledger, ledger_path: Path, amount: str
) -> None:
    for name in ("first", "crafted", "last"):
        bring_to(ledger, State.SAVED, name)
    craft(ledger_path, "UPDATE job SET cost_amount = ? WHERE id = 'crafted'", amount)

    found, every = ledger.jobs.history(Wanted(), 0)

    assert ([job.id for job in found], every) == (["last", "first"], 3)
    assert ledger.unreadable == ("crafted",)
    assert sum(group.jobs for group in ledger.spending.totals()) == 3
    assert [group.jobs for group in ledger.spending.totals() if group.each == UNKNOWN] == [1]


def test_a_command_names_what_it_left_out_and_the_next_one_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.sqlite3"
    with closing(Ledger(path, time.time)) as ledger:
        for name in ("first", "crafted"):
            bring_to(ledger, State.SAVED, name)
    craft(path, "UPDATE job SET cost_amount = '-1000' WHERE id = 'crafted'")
    imgen = Program(path.parent, tmp_path)

    shown = imgen.run("history")

    assert shown.code == 0
    assert "first" in shown.stdout.decode()
    assert "Job crafted cannot be read and was left out: imgen status mends the ledger." in shown.stderr
    mended = imgen.run("status")
    assert "crafted" in mended.stderr
    assert imgen.run("history").stderr == ""


@pytest.mark.parametrize("name", ["diary.txt", ".part", "x.part", ".fox.png.part", ".fox.png.0123456.part"])
def test_a_part_that_is_no_name_of_ours_is_never_removed(
    ledger: Ledger, ledger_path: Path, tmp_path: Path, name: str
) -> None:
    bring_to(ledger, State.READY)
    diary = tmp_path / name
    diary.write_text("dear diary")
    ledger.results.claim(JOB, 1, diary, "an owner that has ended")
    assert ledger.jobs.get(JOB).results[0].part is None

    ledger.close_orphans()

    assert diary.read_text() == "dear diary"
    assert ledger.jobs.get(JOB).results[0].fetcher is None


def test_bytes_kept_anywhere_but_in_our_folder_are_damage(ledger: Ledger, ledger_path: Path) -> None:
    bring_to(ledger, State.READY)
    craft(ledger_path, "UPDATE result SET kept = '/etc/hostname', url = NULL WHERE number = 1")

    with pytest.raises(LedgerDamaged, match=JOB):
        ledger.jobs.get(JOB)


def test_names_that_are_no_text_can_be_stored_and_come_back(ledger: Ledger) -> None:
    """A file system's name is bytes; Python reads those that are no UTF-8 as lone surrogates."""
    folder = Path("/pictures/caf\udce9")
    ledger.jobs.plan([draft(JOB, prompt="a caf\udce9", request_key="key", project=str(folder))], "me", resubmit=False)
    ledger.jobs.submitting(JOB)
    ledger.jobs.accepted(JOB, taken('"\udce9'))
    ledger.jobs.finished(JOB, ["https://x/\udce9"], link_seconds=None, took_seconds=None, conversation=None)
    part = part_path(folder / "fox.png")
    owner = ledger.new_owner()
    assert ledger.results.claim(JOB, 1, part, owner.name)
    ledger.results.placing(JOB, 1, folder / "fox.png", "ab" * 32)

    job = ledger.jobs.get(JOB)

    assert (job.project, job.request.prompt, job.remote_id) == (str(folder), "a caf\udce9", '"\udce9')
    assert (job.results[0].url, job.results[0].part, job.results[0].path) == (
        "https://x/\udce9",
        part,
        folder / "fox.png",
    )
    assert [found.id for found in ledger.jobs.find('"\udce9')] == [JOB]
    assert ledger.jobs.history(Wanted(("caf\udce9",)), 5)[1] == 1
    assert [group.project for group in ledger.spending.totals()] == [str(folder)]
    owner.release()
