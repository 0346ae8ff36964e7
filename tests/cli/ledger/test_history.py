"""The jobs of all times, found again."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft
from cli.states import bring_to
from imgen.commands.times import moment, span
from imgen.errors import UsageProblem
from imgen.ledger.queries import Wanted
from imgen.records import Cost, State
from imgen_providers.base import Request

if TYPE_CHECKING:
    from cli.ledgers import Opens
    from imgen.ledger.ledger import Ledger

PROMPTS = {
    "fox": "夜の赤い狐",
    "owl": "An owl, 100% blue",
    "cat": "a cat_in a hat!",
    "dog": "a dog of 1000 blues",
}


@pytest.fixture
def ledger(open_ledger: Opens) -> Ledger:
    """Four jobs, an hour apart, in the order of `PROMPTS`."""
    hours = iter(range(1_000_000))
    ledger = open_ledger(lambda: 1_800_000_000.0 + 3600.0 * next(hours))
    costs = {"owl": Cost("0.134", "usd"), "cat": Cost(None, None)}
    for job_id, prompt in PROMPTS.items():
        model = "gemini-3-pro-image" if job_id == "dog" else "gemini/3.1/flash"
        provider = "reapi" if job_id == "dog" else "3daistudio"
        family = "gemini-3-pro" if job_id == "dog" else "gemini-3.1-flash"
        made = draft(
            job_id,
            request=Request(model, prompt),
            provider=provider,
            family=family,
            origin="sandbox" if job_id == "cat" else "https://x",
            cost=costs.get(job_id, Cost("15", "credits")),
        )
        ledger.jobs.plan([made], "me", resubmit=False)
    return ledger


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["dog", "cat", "owl", "fox"]),
        (Wanted(("狐",)), ["fox"]),
        (Wanted(("BLUE",)), ["dog", "owl"]),
        (Wanted(("blue", "dog")), ["dog"]),
        (Wanted(("100%",)), ["owl"]),
        (Wanted(("t_i",)), ["cat"]),
        (Wanted(("hat!",)), ["cat"]),
        (Wanted(("'; DROP TABLE job; --",)), []),
        (Wanted(provider="reapi"), ["dog"]),
        (Wanted(model="gemini-3.1-flash"), ["cat", "owl", "fox"]),
        (Wanted(model="gemini-3-pro-image"), ["dog"]),
        (Wanted(state=State.SAVED), []),
        (Wanted(state=State.PLANNED, least=Decimal("0.1"), most=Decimal("15")), ["dog", "owl", "fox"]),
        (Wanted(least=Decimal("0.1"), cost_unit="usd"), ["owl"]),
    ],
)
def test_what_is_wanted_is_found_the_latest_first(ledger: Ledger, wanted: Wanted, found: list[str]) -> None:
    records, every = ledger.jobs.history(wanted, 10)

    assert [record.id for record in records] == found
    assert every == len(found)


def test_times_bound_what_is_found_and_a_limit_keeps_the_latest(ledger: Ledger) -> None:
    times = {record.id: record.created_at for record in ledger.jobs.history(Wanted(), 0)[0]}

    between, _ = ledger.jobs.history(Wanted(since=times["owl"], until=times["dog"]), 10)
    latest, every = ledger.jobs.history(Wanted(), 1)

    assert [record.id for record in between] == ["cat", "owl"]
    assert ([record.id for record in latest], every) == (["dog"], 4)


def test_a_state_that_derives_from_pictures_is_found(ledger: Ledger) -> None:
    bring_to(ledger, State.SAVED, "done")

    assert [record.id for record in ledger.jobs.history(Wanted(state=State.SAVED), 5)[0]] == ["done"]


def test_dates_are_of_this_machines_clock_and_spans_count_back() -> None:
    assert moment("--since", "7d", 1_000_000.0) == 1_000_000.0 - 7 * 86_400
    assert moment("--since", "36h", 1_000_000.0) == 1_000_000.0 - 36 * 3600
    assert moment("--since", "2026-11-01", 0.0) == datetime(2026, 11, 1).astimezone().timestamp()
    assert moment("--since", "2026-11-01T08:30:00+00:00", 0.0) == 1_793_521_800.0


def test_the_day_that_ends_a_span_belongs_to_it_whole() -> None:
    def local(*numbers: int) -> float:
        return datetime(*numbers).astimezone().timestamp()  # type: ignore[arg-type]

    now = local(2026, 11, 21, 13, 0)

    assert span("2026-11-21", "2026-11-21", now) == (local(2026, 11, 21), local(2026, 11, 22))
    assert span(None, "2026-11-21T08:30", now) == (None, local(2026, 11, 21, 8, 30))
    assert span("7d", None, now) == (now - 7 * 86_400, None)
    for since, until in (("2026-11-06", "2026-11-05"), ("1d", "7d")):
        with pytest.raises(UsageProblem, match=f"Nothing lies from --since {since} to --until {until}"):
            span(since, until, now)


@pytest.mark.parametrize("text", ["yesterday", "7", "0001-01-01T00:00", "2026-13-01", "-3d"])
def test_what_is_no_date_is_said_with_what_is(text: str) -> None:
    with pytest.raises(UsageProblem, match="--until takes a date"):
        moment("--until", text, 0.0)
