"""Is an order split, named, keyed and priced as it should be?"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen.orders.drafts import price, request_key, split
from imgen.orders.order import Choice
from imgen.pictures.target import Target
from imgen.records import Cost, new_id
from imgen_providers.base import Json, PictureFile, PictureLink, Request
from imgen_providers.catalog import SERVICES

TARGET = Target(Path("/pictures"), "{prompt}-{index}.{ext}", overwrite=True)
REFERENCE = PictureFile(Path("/a/fox.png"), "image/png", 123, "ab" * 32)
REQUEST = Request(
    "gemini/3.1/flash",
    "a red fox",
    references=(REFERENCE, PictureLink("https://x/1.png")),
    aspect="16:9",
    resolution="2K",
    format="png",
    count=2,
    extras={"seed": 7},
)


def choice(request: Request, provider: str = "3daistudio", origin: str = "https://x") -> Choice:
    entry = SERVICES[provider]
    model = entry.model(request.model)
    assert model is not None
    return Choice(entry, model, origin, request)


@given(count=st.integers(1, 16), most=st.integers(1, 8))
def test_an_order_is_split_into_what_one_request_can_make(count: int, most: int) -> None:
    ordered = choice(replace(REQUEST, count=count))

    drafts = split(ordered._replace(model=ordered.model._replace(max_count=most)), TARGET)

    counts = [draft.request.count for draft in drafts]
    assert sum(counts) == count
    assert all(0 < made <= most for made in counts)
    assert len(counts) == -(-count // most), "no more requests than needed"
    firsts = [draft.target.first_index for draft in drafts]
    assert firsts == [1 + sum(counts[:place]) for place in range(len(counts))]
    assert {draft.target.pictures_in_run for draft in drafts} == {count}


def test_rows_of_a_run_share_the_run_and_the_key_and_nothing_by_which_they_differ() -> None:
    drafts = split(choice(replace(REQUEST, count=10)), TARGET)

    assert [draft.request.count for draft in drafts] == [4, 4, 2]
    assert len({draft.run_id for draft in drafts}) == 1
    assert len({draft.request_key for draft in drafts}) == 1
    assert len({draft.id for draft in drafts}) == 3
    assert [draft.request.idempotency_key for draft in drafts] == [f"{d.run_id}-{d.id}" for d in drafts]


def test_a_draft_says_everything_that_was_ordered() -> None:
    (draft,) = split(choice(REQUEST), TARGET)

    assert (draft.provider, draft.origin, draft.family) == ("3daistudio", "https://x", "gemini-3.1-flash")
    assert replace(draft.request, idempotency_key=None) == REQUEST
    assert replace(draft.target, pictures_in_run=1) == TARGET
    assert draft.cost == Cost("40", "credits")


@pytest.mark.parametrize(
    ("extras", "cost"),
    [
        ({"n": 4}, Cost("80", "credits")),
        ({"number_of_images": "3"}, Cost("60", "credits")),
        ({"n": "many"}, Cost(None, None)),
        ({"seed": 4}, Cost("20", "credits")),
    ],
)
def test_a_count_in_the_services_own_words_is_in_the_price(extras: dict[str, Json], cost: Cost) -> None:
    request = replace(REQUEST, references=(), extras=extras)

    assert price(choice(request).model, request, 1) == cost


@pytest.mark.parametrize(
    ("prompt", "like"),
    [
        ("a caf\u00e9", "a cafe\u0301"),
        ("a \u212bngstr\u00f6m", "a \u00c5ngstr\u00f6m"),
        ("a fox", "a\u00a0fox"),
        ("a fox", "a  fox "),
        ("a fox", "a f\u200box"),
        ("a fox", "\ufeffa fox"),
        ("\ufb01re", "fire"),
    ],
)
def test_prompts_that_read_alike_are_one_order(prompt: str, like: str) -> None:
    keys = {request_key(choice(replace(REQUEST, prompt=each))) for each in (prompt, like)}

    assert len(keys) == 1


@pytest.mark.parametrize("other", ["a Fox", "a fox!", "a f\u00f6x", "afox"])
def test_prompts_that_read_differently_are_two(other: str) -> None:
    assert request_key(choice(replace(REQUEST, prompt="a fox"))) != request_key(choice(replace(REQUEST, prompt=other)))


def test_the_same_order_again_has_the_same_key_and_other_names() -> None:
    (first,), (second,) = split(choice(REQUEST), TARGET), split(choice(REQUEST), TARGET)

    assert first.request_key == second.request_key
    assert first.id != second.id
    assert first.run_id != second.run_id
    assert first.request.idempotency_key != second.request.idempotency_key


@pytest.mark.parametrize(
    "change",
    [
        {"model": "gemini/3/pro"},
        {"prompt": "a red foxes"},
        {"aspect": None},
        {"resolution": "1K"},
        {"format": None},
        {"count": 3},
        {"extras": {"seed": 8}},
        {"extras": {}},
        {"references": ()},
        {"references": (PictureLink("https://x/1.png"), REFERENCE)},
        {"references": (replace(REFERENCE, sha256="cd" * 32), PictureLink("https://x/1.png"))},
        {"references": (REFERENCE, PictureLink("https://x/2.png"))},
    ],
    ids=str,
)
def test_every_part_of_an_order_makes_it_another(change: dict[str, object]) -> None:
    assert request_key(choice(replace(REQUEST, **change))) != request_key(choice(REQUEST))  # type: ignore[arg-type]


def test_another_service_is_another_order_even_for_the_same_model_id() -> None:
    request = Request("gemini-3-pro-image-preview", "a red fox")

    keys = {request_key(choice(request, provider)) for provider in ("gmicloud", "reapi", "gptproto")}

    assert len(keys) == 3


def test_a_reference_is_what_it_shows_and_not_where_it_lies() -> None:
    moved = replace(REFERENCE, path=Path("/b/renamed.png"))

    same = replace(REQUEST, references=(moved, REQUEST.references[1]))

    assert request_key(choice(same)) == request_key(choice(REQUEST))


def test_a_prompt_of_any_characters_has_a_key() -> None:
    keys = {request_key(choice(replace(REQUEST, prompt=prompt))) for prompt in ("🦊", "\ud83e", "\0", "")}

    assert len(keys) == 4


@pytest.mark.parametrize(
    ("provider", "model", "resolution", "count", "cost"),
    [
        ("gmicloud", "gemini-3-pro-image", "1K", 3, Cost("0.402", "usd")),
        ("gmicloud", "gemini-3-pro-image", "4K", 1, Cost("0.24", "usd")),
        ("3daistudio", "gemini/3/pro", None, 4, Cost("200", "credits")),
        ("3daistudio", "gemini/2.5/flash", "1K", 4, Cost("20", "credits")),
        ("gptproto", "gemini-3-pro-image-preview", "1K", 1, Cost("0.0804", "usd")),
        ("gmicloud", "gemini-3.1-flash-image-preview", "1K", 1, Cost(None, None)),
    ],
)
def test_a_price_is_exact_and_unknown_where_it_is_not_published(
    provider: str, model: str, resolution: str | None, count: int, cost: Cost
) -> None:
    ordered = choice(Request(model, "fox", resolution=resolution), provider)

    assert price(ordered.model, ordered.request, count) == cost


@pytest.mark.parametrize(
    ("option", "value", "amount"),
    [
        ("n", 4, "0.3216"),
        ("n", "4", "0.3216"),
        ("number_of_images", 2, "0.1608"),
        ("n", 0, None),
        ("n", "several", None),
        ("temperature", 4, "0.0804"),
    ],
    ids=repr,
)
def test_an_option_that_means_a_count_is_in_the_price(option: str, value: int | str, amount: str | None) -> None:
    request = Request("gemini-3-pro-image-preview", "fox", resolution="1K", extras={option: value})
    ordered = choice(request, "gptproto")

    assert price(ordered.model, ordered.request, 1).amount == amount


def test_each_reference_picture_of_each_request_is_in_its_price() -> None:
    pictures = (PictureLink("https://example.com/1.png"), PictureLink("https://example.com/2.png"))
    whole = choice(Request("gemini-3-pro-image", "fox", resolution="4K", count=2, references=pictures), "gmicloud")

    assert [row.cost for row in split(whole, TARGET)] == [Cost("0.2422", "usd")] * 2
    elsewhere = choice(replace(whole.request, model="gemini/3/pro"), "3daistudio")
    assert price(elsewhere.model, elsewhere.request, 2) == Cost("160", "credits")


def test_the_price_of_a_run_is_that_of_its_rows() -> None:
    whole = choice(Request("gemini-3-pro-image", "fox", resolution="1K", count=7), "gmicloud")

    rows = split(whole, TARGET)

    assert len(rows) == 7
    assert sum(Decimal(row.cost.amount or "nan") for row in rows) == 7 * Decimal("0.134")


def test_ids_are_short_easy_to_type_and_seldom_the_same() -> None:
    ids = [new_id() for _ in range(500)]

    assert len(set(ids)) == len(ids)
    assert {len(name) for name in ids} == {8}
    assert not set("".join(ids)) & set("01ilou")
    assert "".join(ids).isalnum()
    assert "".join(ids) == "".join(ids).lower()
