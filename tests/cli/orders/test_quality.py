"""How good a picture is to be is an option where a service has it, and decides the price."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgen.config.config import Config
from imgen.errors import UsageProblem
from imgen.orders.changes import changed, differences
from imgen.orders.drafts import price
from imgen.orders.matching import possible
from imgen.orders.order import AUTO, Choice, Order
from imgen.records import UNKNOWN, Cost
from imgen_providers.base import PictureLink
from imgen_providers.catalog import SERVICES

FOX = Order("a red fox", provider="openai", model="gpt-image-2")


def chosen(order: Order) -> Choice:
    keys = {entry.key_variable: "a-key" for entry in SERVICES.values()}
    return possible(order, Config(keys, Path("/")).accounts)[0]


def refused(order: Order) -> str:
    with pytest.raises(UsageProblem) as problem:
        chosen(order)
    return f"{problem.value.message} {problem.value.hint}"


@pytest.mark.parametrize(("quality", "amount"), [("low", "0.012"), ("medium", "0.106"), ("high", "0.422")])
def test_it_goes_to_the_service_and_decides_the_price(quality: str, amount: str) -> None:
    found = chosen(replace(FOX, quality=quality))

    assert found.request.extras == {"quality": quality}
    assert price(found.model, found.request, 2) == Cost(amount, "usd")


@pytest.mark.parametrize(
    "order",
    [
        FOX,
        replace(FOX, quality="auto"),
        replace(FOX, quality="high", resolution="2K"),
        replace(FOX, model="gpt-image-2.5-flare", quality="max"),
    ],
    ids=["without one", "left to the model", "at a size without a table", "at a quality without one"],
)
def test_where_no_table_is_known_the_price_is_unknown(order: Order) -> None:
    found = chosen(order)

    assert price(found.model, found.request, 1) == UNKNOWN


def test_with_references_the_price_is_unknown_because_they_count_too() -> None:
    found = chosen(replace(FOX, quality="low"))
    edit = replace(found.request, references=(PictureLink("https://x.test/a.png"),))

    assert price(found.model, edit, 1) == UNKNOWN


def test_as_a_parameter_in_the_services_own_words_it_counts_the_same() -> None:
    found = chosen(replace(FOX, options={"quality": "high"}))

    assert price(found.model, found.request, 1) == Cost("0.211", "usd")


def test_what_a_service_does_not_have_is_refused_with_what_it_has() -> None:
    assert "It takes: auto, low, medium, high" in refused(replace(FOX, quality="xhigh"))
    assert "Leave --quality out" in refused(replace(FOX, provider="gemini", model=None, quality="high"))
    assert "the same" in refused(replace(FOX, quality="high", options={"quality": "low"}))


def test_of_all_services_only_those_that_have_it_can_do_the_order() -> None:
    assert chosen(replace(FOX, provider=AUTO, quality="high")).entry.name == "openai"


def test_an_order_is_repeated_with_another_one() -> None:
    before = replace(FOX, options={"quality": "low", "background": "opaque"})

    after = changed(before, ["quality=high"], None)

    assert chosen(after).request.extras == {"quality": "high", "background": "opaque"}
    assert {each.field for each in differences(before, after)} == {"quality", "option.quality"}
    assert chosen(changed(before, ["quality="], None)).request.extras == {"background": "opaque"}
