"""Is money read, compared and counted to the last decimal, and is what is not known never taken for nothing?"""

from __future__ import annotations

import re
import time
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cli.drafts import record
from imgen.errors import ExitCode, OverBudget, Problem
from imgen.money.amounts import Amount, BadAmount, known, parse_amounts
from imgen.money.budget import (
    Budget,
    Limit,
    Span,
    Spending,
    Standing,
    assess,
    best_known,
    check,
    day_begins,
    local_day,
    order_cost,
    spent,
    standing,
)
from imgen.records import UNKNOWN, Cost, State

if TYPE_CHECKING:
    from collections.abc import Iterator

USD, CREDITS = "usd", "credits"


def amount(value: str, unit: str | None) -> Amount:
    return Amount(Decimal(value), unit)


def spending(each: Cost, jobs: int = 1, **fields: object) -> Spending:
    usual = Spending("2027-01-15", "3daistudio", "gemini/3/pro", None, Standing.COUNTS, each, UNKNOWN, jobs)
    return usual._replace(**fields)  # type: ignore[arg-type]


# Amounts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("0.5", [("0.5", None)]),
        ("0.5usd", [("0.5", USD)]),
        (".5 USD", [("0.5", USD)]),
        ("$0.50", [("0.50", USD)]),
        ("0.50$", [("0.50", USD)]),
        ("200 credits", [("200", CREDITS)]),
        ("1credit", [("1", CREDITS)]),
        ("0", [("0", None)]),
        ("5 usd, 200 credits", [("5", USD), ("200", CREDITS)]),
    ],
)
def test_an_amount_is_read_as_a_person_writes_it(text: str, amounts: list[tuple[str, str | None]]) -> None:
    assert parse_amounts(text) == tuple(amount(*one) for one in amounts)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "much",
            "-1",
            "1e3",
            "nan",
            "inf",
            "0,5",
            "1.",
            "5 eur",
            "$5 usd",
            "$5 credits",
            "1 usd 2",
            "٣ usd",
            "1_0",
        ),
        *("5 usd,", "5 usd, 6 usd", "5, 200 credits", "1" * 13, "0." + "1" * 13),
    ],
)
def test_anything_else_is_no_amount(text: str) -> None:
    with pytest.raises(BadAmount):
        parse_amounts(text)


@pytest.mark.parametrize(
    ("text", "meant"), [("1,5", "1.5"), ("1.234,50 usd", "1234.50"), ("1,234.50", "1234.50"), ("$0,034", "0.034")]
)
def test_an_amount_with_a_comma_is_shown_as_it_is_written_here(text: str, meant: str) -> None:
    with pytest.raises(BadAmount, match=rf"\({re.escape(meant)}\)"):
        parse_amounts(text)


@pytest.mark.parametrize("text", ["0,5usd", "0,5 usd", "$1,50", "5 usd, 2,5 credits", "1,000 usd", "1.000,50 usd"])
def test_a_decimal_comma_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadAmount, match="has a comma; write a decimal point"):
        parse_amounts(text)


@pytest.mark.parametrize(
    ("value", "shown"), [("100", "$100"), ("0.200", "$0.20"), ("0.0402", "$0.0402"), ("1E+2", "$100"), ("0", "$0")]
)
def test_an_amount_is_shown_without_exponent_and_noughts(value: str, shown: str) -> None:
    assert str(amount(value, USD)) == shown


def test_jobs_are_added_up_exactly_and_one_unknown_makes_all_unknown() -> None:
    dime = Cost("0.1", USD)

    assert order_cost([dime] * 3) == amount("0.3", USD)
    assert order_cost([dime, UNKNOWN]) is None
    assert order_cost([dime, Cost("1", CREDITS)]) is None


# What counts --------------------------------------------------------------------------------------------------

COUNTS, UNCERTAIN, NOTHING = Standing.COUNTS, Standing.UNCERTAIN, Standing.NOTHING


@pytest.mark.parametrize(
    ("state", "before_the_answer", "failing_is_free", "not_documented", "on_a_persons_word"),
    [
        (State.PLANNED, COUNTS, COUNTS, COUNTS, NOTHING),
        (State.SUBMITTING, COUNTS, COUNTS, COUNTS, NOTHING),
        (State.QUEUED, COUNTS, COUNTS, COUNTS, NOTHING),
        (State.RUNNING, COUNTS, COUNTS, COUNTS, NOTHING),
        (State.READY, COUNTS, COUNTS, COUNTS, COUNTS),
        (State.SAVED, COUNTS, COUNTS, COUNTS, COUNTS),
        (State.EXPIRED, COUNTS, COUNTS, COUNTS, COUNTS),
        (State.FAILED, NOTHING, NOTHING, UNCERTAIN, NOTHING),
        (State.CANCELLED, NOTHING, UNCERTAIN, UNCERTAIN, NOTHING),
        (State.UNCERTAIN, UNCERTAIN, UNCERTAIN, UNCERTAIN, NOTHING),
    ],
)
def test_what_is_known_of_a_charge(
    state: State,
    before_the_answer: Standing,
    failing_is_free: Standing,
    not_documented: Standing,
    on_a_persons_word: Standing,
) -> None:
    def found(provider: str, *, accepted: bool, released: bool = False) -> Standing:
        return standing(state, provider, UNKNOWN, accepted=accepted, released=released, problem="job_failed")

    assert found("3daistudio", accepted=False) is before_the_answer
    assert found("3daistudio", accepted=True) is failing_is_free
    assert found("gmicloud", accepted=True) is not_documented
    assert found("gmicloud", accepted=True, released=True) is on_a_persons_word


def test_a_job_that_shows_no_picture_may_have_been_charged_everywhere() -> None:
    found = standing(State.FAILED, "3daistudio", UNKNOWN, accepted=True, released=False, problem="no_pictures")

    assert found is UNCERTAIN


def test_the_cost_of_a_job_is_the_best_that_is_known() -> None:
    price, said = Cost("15", CREDITS), Cost("12", CREDITS)
    refused = record(State.FAILED, cost=price, problem=Problem("content_refused", "No."))

    assert best_known(record(State.SAVED, cost=price, remote_id="r")) == price
    assert best_known(record(State.SAVED, cost=price, charged=said, remote_id="r")) == said
    assert best_known(refused) == Cost("0", CREDITS)
    assert best_known(record(State.UNCERTAIN, cost=price)) == price
    assert best_known(record(State.SAVED, cost=UNKNOWN, remote_id="r")) == UNKNOWN


def test_money_is_counted_in_its_unit_and_credits_at_their_service() -> None:
    known = [
        spending(Cost("0.1", USD), 3, provider="gmicloud"),
        spending(Cost("0.05", USD), standing=UNCERTAIN, provider="reapi"),
        spending(Cost("9", USD), standing=NOTHING),
        spending(Cost("15", CREDITS), 2),
        spending(Cost("15", CREDITS), charged=Cost("10", CREDITS)),
        spending(Cost("0.03", USD), charged=Cost("30", CREDITS), provider="reapi"),
        spending(UNKNOWN, 4, provider="gptproto"),
        spending(UNKNOWN, charged=Cost("7", CREDITS), provider="reapi"),
    ]

    dollars, credits = spent(known, "gmicloud", USD), spent(known, "3daistudio", CREDITS)

    assert (dollars.amount, dollars.uncertain, dollars.unknown_jobs) == (amount("0.38", USD), Decimal("0.05"), 4)
    assert credits.amount == amount("40", CREDITS)
    assert spent(known, "reapi", CREDITS).amount == amount("7", CREDITS)


# Whether an order is within -----------------------------------------------------------------------------------


def day_limit(text: str) -> Limit:
    return Limit(Span.DAY, parse_amounts(text), "IMGEN_BUDGET_DAY")


@pytest.mark.parametrize(
    ("order", "limit", "before", "within"),
    [
        (amount("0.3", USD), "0.3 usd", [], True),
        (amount("0.3", USD), "0.3 usd", [spending(Cost("0.0000001", USD))], False),
        (amount("0.1", USD), "0.3 usd", [spending(Cost("0.1", USD), 2)], True),
        (amount("15", CREDITS), "5 usd", [], False),
        (amount("15", CREDITS), "5 usd, 15 credits", [spending(Cost("9", USD))], True),
        (amount("15", CREDITS), "15 credits", [spending(Cost("15", CREDITS), provider="reapi")], True),
        (amount("15", CREDITS), "15 credits", [spending(UNKNOWN, 9)], True),
        (None, "5 usd", [], False),
        (amount("0", USD), "0 usd", [], True),
    ],
)
def test_an_order_is_within_a_limit_or_not(
    order: Amount | None, limit: str, before: list[Spending], within: bool
) -> None:
    verdict = assess(order, day_limit(limit), before, "3daistudio", Budget())

    assert verdict.within is within
    assert "IMGEN_BUDGET_DAY" in verdict.message
    assert (verdict.hint is None) is within


def test_what_cannot_be_compared_goes_on_a_persons_word_and_what_is_too_much_does_not() -> None:
    lenient = Budget(allow_unknown=True)

    assert assess(None, day_limit("5 usd"), [], "gptproto", lenient).within
    assert assess(amount("15", CREDITS), day_limit("5 usd"), [], "3daistudio", lenient).within
    assert not assess(amount("6", USD), day_limit("5 usd"), [], "gmicloud", lenient).within


def test_a_refusal_says_the_limit_what_went_what_this_costs_and_what_to_type() -> None:
    before = [
        spending(Cost("60", CREDITS)),
        spending(Cost("15", CREDITS), standing=UNCERTAIN),
        spending(UNKNOWN, provider="reapi"),
    ]
    verdict = assess(amount("45", CREDITS), day_limit("100 credits"), before, "3daistudio", Budget())

    with pytest.raises(OverBudget) as refused:
        check([verdict])

    assert refused.value.message == (
        "This order costs 45 credits, and the limit is 100 credits a day (IMGEN_BUDGET_DAY),"
        " of which 75 credits went today, and 1 job of unknown cost. Nothing was sent."
    )
    assert refused.value.hint == (
        "Raise IMGEN_BUDGET_DAY, or order less (-n, -r, another -m or -p). Where it went:\nimgen costs --by day"
        "\n15 credits of it may not have been charged: close the jobs that were not.\nimgen status"
    )
    assert refused.value.exit_code is ExitCode.NO_CREDIT


# Days ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A time zone that a test sets, and that is over with it."""
    yield monkeypatch
    monkeypatch.delenv("TZ", raising=False)
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has no time zone for one process alone")
@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("UTC", date(2026, 11, 21)),
        ("Europe/Berlin", date(2026, 3, 29)),  # of 23 hours
        ("Europe/Berlin", date(2026, 10, 25)),  # of 25
        ("America/Sao_Paulo", date(2018, 11, 4)),  # whose midnight never was
        ("Pacific/Apia", date(2011, 12, 31)),  # the day before was left out
        ("Asia/Kathmandu", date(2026, 11, 21)),
        ("Nowhere/At_All", date(2026, 11, 21)),
    ],
)
def test_a_day_has_its_hours_in_every_zone(zone: pytest.MonkeyPatch, name: str, day: date) -> None:
    zone.setenv("TZ", name)
    time.tzset()

    begins, ends = day_begins(day), day_begins(date.fromordinal(day.toordinal() + 1))

    assert 22 <= (ends - begins) / 3600 <= 26
    assert local_day((begins + ends) / 2) == day


@pytest.mark.parametrize("text", ["NaN", "-1000", "-0", "Infinity", "1e", "many", ""])
def test_a_recorded_text_that_is_no_cost_is_unknown_and_lifts_no_limit(text: str) -> None:
    assert known(Cost(text, USD)) is None
    assert order_cost([Cost(text, USD)]) is None
    assert spent([spending(each=Cost(text, USD))], "gmicloud", USD).amount == amount("0", USD)
