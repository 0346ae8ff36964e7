"""Is no limit ever exceeded, by however many processes, and does everything that was not paid give its part back?"""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from cli.drafts import draft, taken
from cli.jobs.bench import Bench
from cli.states import JOB, TROUBLE, bring_to, finish
from imgen.errors import OverBudget, Problem
from imgen.jobs.poll import record_status
from imgen.ledger.ledger import Ledger
from imgen.ledger.planning import SameRequestUncertain
from imgen.ledger.sqlite import schema
from imgen.ledger.sqlite.database import open_ledger
from imgen.ledger.sqlite.schema import MIGRATIONS
from imgen.money.amounts import parse_amounts
from imgen.money.budget import Budget, Limit, Span, spent
from imgen.records import UNKNOWN, Cost, State
from imgen.screen.envelope import job_json
from imgen_providers.base import Charge, Failed, LinkedAsset, Running, Succeeded, Unrecognised

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.clock import FakeClock
    from cli.conftest import Children
    from imgen_providers.base import Status


def budget(text: str = "100 credits", span: Span = Span.DAY, *, allow_unknown: bool = False) -> Budget:
    return Budget((Limit(span, parse_amounts(text), "a test"),), allow_unknown)


def order(ledger: Ledger, job_id: str, limits: Budget, *, resubmit: bool = False, **fields: Any) -> bool:
    """Plan a job of 15 credits; False where the budget does not allow it."""
    try:
        ledger.jobs.plan([draft(job_id, **{"prompt": job_id, **fields})], "me", resubmit=resubmit, budget=limits)
    except OverBudget:
        return False
    return True


def counted(ledger: Ledger) -> Decimal:
    """The credits that count at the service of all the tests' jobs."""
    return spent(ledger.spending.totals(), "3daistudio", "credits").amount.value


def refuse(ledger: Ledger) -> None:
    ledger.jobs.submitting(JOB)
    ledger.jobs.ended(JOB, State.FAILED, Problem("content_refused", "No."))


def fail_there(ledger: Ledger) -> None:
    ledger.jobs.submitting(JOB)
    ledger.jobs.accepted(JOB, taken("remote"))
    ledger.jobs.ended(JOB, State.FAILED, Problem("job_failed", "It broke."))


def lose(ledger: Ledger) -> None:
    ledger.jobs.submitting(JOB)
    ledger.jobs.mark_uncertain(JOB, TROUBLE)


def after(*steps: Callable[[Ledger], object]) -> Callable[[Ledger], None]:
    def run(ledger: Ledger) -> None:
        for step in steps:
            step(ledger)

    return run


PATHS: dict[str, tuple[Callable[[Ledger], object], int]] = {
    "planned": (lambda ledger: None, 15),
    "never sent": (lambda ledger: ledger.jobs.never_sent(JOB, TROUBLE), 0),
    "turned away": (after(lambda ledger: ledger.jobs.submitting(JOB), lambda ledger: ledger.jobs.not_sent(JOB)), 15),
    "refused": (refuse, 0),
    "lost": (lose, 15),
    "lost and forgotten": (after(lose, lambda ledger: ledger.jobs.forget([JOB])), 0),
    "lost, forgotten and found after all": (
        after(lose, lambda ledger: ledger.jobs.forget([JOB]), lambda ledger: ledger.jobs.attach(JOB, taken("remote"))),
        15,
    ),
    "never sent, they said, and then accepted": (
        after(
            lambda ledger: ledger.jobs.never_sent(JOB, TROUBLE),
            lambda ledger: ledger.jobs.accepted(JOB, taken("remote")),
        ),
        15,
    ),
    "failed where that is free": (fail_there, 0),
    "failed, and then finished": (after(fail_there, finish), 15),
    "finished and forgotten": (after(finish, lambda ledger: ledger.jobs.forget([JOB])), 15),
    "the service says less": (
        after(finish, lambda ledger: ledger.spending.charged(JOB, Charge("12.5", "credits"))),
        12,
    ),
}


@pytest.mark.parametrize("path", PATHS)
def test_what_was_not_paid_gives_its_part_back(ledger: Ledger, path: str) -> None:
    assert order(ledger, JOB, budget("15 credits"))
    step, left = PATHS[path]

    step(ledger)

    assert int(counted(ledger)) == left
    assert order(ledger, "another", budget("15 credits")) is (left == 0)


def test_a_failure_that_no_document_calls_free_counts_until_it_is_forgotten(ledger: Ledger) -> None:
    dime: dict[str, Any] = {"provider": "gmicloud", "cost": Cost("0.1", "usd")}
    order(ledger, JOB, budget("0.1 usd"), **dime)
    fail_there(ledger)

    assert not order(ledger, "second", budget("0.1 usd"), **dime)
    ledger.jobs.forget([JOB])
    assert order(ledger, "third", budget("0.1 usd"), **dime)


def test_ordering_again_in_doubt_counts_both_until_the_first_is_forgotten(ledger: Ledger) -> None:
    order(ledger, JOB, budget("30 credits"), prompt="a fox")
    lose(ledger)
    with pytest.raises(SameRequestUncertain):
        order(ledger, "again", budget("30 credits"), prompt="a fox")
    assert not order(ledger, "again", budget("29 credits"), prompt="a fox", resubmit=True)
    assert ledger.jobs.get(JOB).forgotten_at is None, "an order that is refused closes nothing"

    assert order(ledger, "again", budget("30 credits"), prompt="a fox", resubmit=True)

    assert counted(ledger) == 30
    ledger.jobs.forget([JOB])
    assert counted(ledger) == 15


def test_an_order_of_several_jobs_is_within_as_a_whole_or_not_at_all(ledger: Ledger) -> None:
    four = [draft(f"job{number}", prompt="four", cost=Cost("0.134", "usd")) for number in range(4)]

    with pytest.raises(OverBudget, match=r"costs \$0\.536, and the limit is \$0\.535"):
        ledger.jobs.plan(four, "me", resubmit=False, budget=budget("0.535 usd", Span.ORDER))
    assert ledger.jobs.open() == []

    ledger.jobs.plan(four, "me", resubmit=False, budget=budget("0.536 usd", Span.ORDER))
    assert len(ledger.jobs.open()) == 4


def test_the_strictest_of_all_limits_decides(ledger: Ledger) -> None:
    strict, loose = budget("15 credits").limits, budget("1000 credits").limits

    assert order(ledger, "first", Budget(loose + strict))
    assert not order(ledger, "second", Budget(loose + strict))
    assert not order(ledger, "second", Budget(strict + loose))


def test_a_new_day_begins_with_nothing_spent_and_a_clock_set_back_does_not(ledger: Ledger, clock: FakeClock) -> None:
    limits = budget("15 credits")
    assert order(ledger, "today", limits)
    clock.time += 86_400
    assert order(ledger, "tomorrow", limits)

    clock.time -= 86_400

    assert not order(ledger, "today again", limits)


def test_each_project_has_its_own_budget_and_without_a_project_there_is_none(ledger: Ledger) -> None:
    limits = budget("15 credits", Span.PROJECT)

    assert order(ledger, "here", limits, project="/work")
    assert not order(ledger, "here again", limits, project="/work")
    assert order(ledger, "there", limits, project="/play")
    assert order(ledger, "nowhere", limits)
    assert order(ledger, "nowhere again", limits, cost=UNKNOWN)


def test_the_sandbox_neither_counts_nor_is_counted(ledger: Ledger) -> None:
    assert order(ledger, "free", budget("0 credits"), origin="sandbox")
    assert order(ledger, "free, too", budget("0 credits"), origin="sandbox", cost=UNKNOWN)
    assert order(ledger, "paid", budget("15 credits"))
    assert [one.jobs for one in ledger.spending.totals()] == [1]


def test_an_order_planned_by_a_process_that_was_killed_gives_its_part_back(ledger: Ledger) -> None:
    assert order(ledger, "planned", budget("15 credits"))
    assert not order(ledger, "next", budget("15 credits"))

    ledger.close_orphans()  # "me" holds no lock there: it is dead

    assert ledger.jobs.get("planned").state is State.CANCELLED
    assert order(ledger, "next", budget("15 credits"))


def test_processes_that_order_at_once_stay_within_the_limit_together(
    ledger: Ledger, ledger_place: str, child: Children
) -> None:
    """Twenty dimes fit into two dollars; in floating point, the twentieth may not."""
    racers = [child("spend", ledger_place, f"racer{number}") for number in range(4)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(f"{time.time() + 0.1}\n")
        racer.stdin.flush()

    planned = [json.loads(racer.stdout.readline()) for racer in racers if racer.stdout]

    assert sum(planned) == 20
    assert spent(ledger.spending.totals(), "gmicloud", "usd").amount.value == Decimal(2)


def test_a_computed_charge_is_marked_until_the_service_reports_the_charge_itself(ledger: Ledger) -> None:
    bring_to(ledger, State.SAVED, JOB)
    ledger.spending.charged(JOB, Charge("0.04", "usd", computed=True))
    assert ledger.jobs.get(JOB).charged == Cost("0.04", "usd", computed=True)
    assert [one.charged for one in ledger.spending.totals()] == [Cost("0.04", "usd", computed=True)]

    ledger.spending.charged(JOB, Charge("0.04", "usd"))

    assert ledger.jobs.get(JOB).charged == Cost("0.04", "usd")


def test_a_charge_of_the_format_before_stays_as_it_was_and_is_not_computed(
    ledger_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Ledger(ledger_path, clock.wall)) as ledger:
        assert order(ledger, JOB, budget())
        ledger.spending.charged(JOB, Charge("0.04", "usd"))
    before = ledger_path.with_name("before.sqlite3")
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", MIGRATIONS[:4])
        with closing(open_ledger(before)) as connection:
            columns = ", ".join(row["name"] for row in connection.execute("PRAGMA table_info(job)"))
            connection.execute("ATTACH ? AS now", (str(ledger_path),))
            connection.execute(f"INSERT INTO job SELECT {columns} FROM now.job")

    with closing(Ledger(before, clock.wall)) as ledger:
        assert ledger.jobs.get(JOB).charged == Cost("0.04", "usd")


# The whole program --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "amount"), [("", "10"), ("job-failed", "0"), ("no-credit", "0"), ("lost-reply", "10")]
)
def test_the_cost_of_a_job_is_what_came_of_it(tmp_path: Path, faults: str, amount: str) -> None:
    with Bench(tmp_path, faults=faults, seconds=1.0) as bench:
        record = bench.generate("a fox").records[0]

        cost = job_json(record)["cost"]
        estimated = {"amount": "10", "unit": "credits"}
        assert cost == {"amount": amount, "unit": "credits", "computed": False, "estimated": estimated}
        assert counted(bench.session.ledger) == int(amount)


def test_four_pictures_of_a_service_that_makes_one_a_request_cost_four_times_as_much(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order(count=4, provider="gmicloud", model="gemini-3-pro", resolution="1K")

        assert len(records) == 4
        assert spent(bench.session.ledger.spending.totals(), "gmicloud", "usd").amount.value == Decimal("0.536")


def test_a_job_knows_the_project_it_was_ordered_in(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        assert bench.order("outside")[0].project is None
        (tmp_path / "imgen.toml").touch()

        assert bench.order("inside")[0].project == str(tmp_path)


@pytest.mark.parametrize(
    ("status", "charged"),
    [
        (Running(), UNKNOWN),
        (Unrecognised("PAUSED"), UNKNOWN),
        (Succeeded((LinkedAsset("https://x/1"),)), Cost("12.5", "credits")),
        (Failed("It broke."), Cost("12.5", "credits")),
    ],
)
def test_what_a_service_says_it_charged_is_kept_once_it_is_final(ledger: Ledger, status: Status, charged: Cost) -> None:
    bring_to(ledger, State.QUEUED)
    polled = replace(taken("remote"), status=status, charged=Charge("12.5", "credits"))

    record_status(ledger, ledger.jobs.get(JOB), polled, took_seconds=None)

    assert ledger.jobs.get(JOB).charged == charged
    assert ledger.jobs.get(JOB).cost == Cost("15", "credits")
