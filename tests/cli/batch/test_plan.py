"""The plan says what would be made, why, by whom and for how much, and leaves a person's own files alone."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cli.batch.locks import locked
from cli.batch.manifests import asset, orderable
from imgen.batch.asset import Asset, LinkPicture
from imgen.batch.lock import LockFile
from imgen.batch.manifest import load
from imgen.batch.offers import EveryService, Offer, Offers, in_words, order_of, totals
from imgen.batch.plan import Plan, matching, plan
from imgen.batch.standing import standings
from imgen.errors import KeyMissing, UsageProblem
from imgen.orders.matching import possible
from imgen.records import Cost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen_providers.catalog import ServiceEntry


class Keyed(EveryService):
    """A user with keys for some services."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def has_key(self, entry: ServiceEntry) -> bool:
        return entry.name in self.names


def offers(*names: str) -> Offers:
    return Offers(partial(possible, accounts=Keyed(*names)), sandbox=False)


def keyless() -> Offers:
    return Offers(partial(possible, accounts=EveryService()), sandbox=False)


def made(folder: Path, text: str, only: Sequence[str] = (), force: Sequence[str] = ()) -> Plan:
    (folder / "assets.toml").write_text(text)
    manifest = load(folder / "assets.toml", "assets.toml", orderable)
    lock = LockFile(folder / "assets.lock", "assets.lock")
    forced = matching(manifest, force, "--force")
    found = standings(manifest, lock.assets, sandbox=False, forced=forced)
    return plan(
        found, offers("gmicloud", "reapi", "3daistudio").best, matching(manifest, only, "--only") if only else None
    )


def ordered(plan: Plan) -> list[str]:
    return [planned.item.asset.path for planned in plan.orders]


def lock(folder: Path, text: str, *paths: str) -> None:
    """Make and lock these assets of a manifest."""
    (folder / "assets.toml").write_text(text)
    manifest = load(folder / "assets.toml", "assets.toml", orderable)
    file = LockFile(folder / "assets.lock", "assets.lock")
    for path in paths:
        item = next(each for each in standings(manifest, file.assets, sandbox=False).items if each.asset.path == path)
        assert item.recipe
        (folder / path).write_text(path)
        file.update([locked(path, path, recipe=item.recipe)])


LINK = LinkPicture("https://example.com/a.png")
CHAIN = asset("a.png") + asset("b.png", references='["a.png"]') + asset("c.png", references='["b.png"]')


# What is done ---------------------------------------------------------------------------------------------------


def test_what_is_missing_is_ordered_from_the_cheapest_service_with_its_price(tmp_path: Path) -> None:
    text = '[defaults]\nmodel = "gemini-3-pro"\n' + asset("a.png") + asset("b.png", provider='"3daistudio"')

    found = made(tmp_path, text)

    assert ordered(found) == ["a.png", "b.png"]
    assert [planned.offer.service for planned in found.orders] == ["3daistudio", "3daistudio"]
    assert [planned.offer.cost for planned in found.orders] == [Cost("50", "credits")] * 2


def test_a_quality_is_part_of_the_order_and_of_its_price(tmp_path: Path) -> None:
    (tmp_path / "assets.toml").write_text(
        '[defaults]\nprovider = "openai"\nmodel = "gpt-image-2"\nquality = "low"\n'
        + asset("a.png")
        + asset("b.png", quality='"high"')
    )
    low, high = load(tmp_path / "assets.toml", "assets.toml", orderable).assets

    assert order_of(low, sandbox=False).quality == "low"
    cheap, dear = (Decimal(keyless().best(each).cost.amount or "nan") for each in (low, high))
    assert cheap < dear


def test_a_reference_costs_what_the_catalogue_says(tmp_path: Path) -> None:
    text = asset("a.png", model='"gemini-3-pro"', provider='"gmicloud"', references='["https://example.com/a.png"]')

    (planned,) = made(tmp_path, text).orders

    assert planned.offer == Offer("gmicloud", "gemini-3-pro-image-preview", Cost("0.1351", "usd"))


def test_what_is_made_is_not_ordered_and_what_changed_is_with_all_that_follows(tmp_path: Path) -> None:
    lock(tmp_path, CHAIN, "a.png", "b.png", "c.png")

    assert made(tmp_path, CHAIN) == Plan((), (), (), (), 3, 0)

    found = made(tmp_path, CHAIN.replace("a cat", "a dog", 1))

    assert [(each.item.asset.path, each.item.reason) for each in found.orders] == [
        ("a.png", "has another recipe now: its prompt, a parameter or a reference changed"),
        ("b.png", "goes on from a.png, which is made anew"),
        ("c.png", "goes on from b.png, which is made anew"),
    ]


def test_a_persons_own_file_is_left_and_so_is_what_goes_on_from_it(tmp_path: Path) -> None:
    lock(tmp_path, CHAIN, "a.png")
    (tmp_path / "a.png").write_text("mine")

    found = made(tmp_path, CHAIN + asset("d.png"))

    assert ordered(found) == ["d.png"]
    assert [(left.item.asset.path, left.reason) for left in found.left] == [
        (
            "a.png",
            "was changed by hand since it was made: --adopt takes the file as it is, --force makes it anew",
        ),
        ("b.png", "goes on from a.png, which has to be decided first"),
        ("c.png", "goes on from b.png, which has to be decided first"),
    ]
    assert ordered(made(tmp_path, CHAIN, force=["a.png"])) == ["a.png", "b.png", "c.png"]


def test_what_is_forced_is_made_anew_with_all_that_follows(tmp_path: Path) -> None:
    lock(tmp_path, CHAIN, "a.png", "b.png", "c.png")

    assert ordered(made(tmp_path, CHAIN, force=["b*"])) == ["b.png", "c.png"]


def test_only_brings_what_it_needs(tmp_path: Path) -> None:
    found = made(tmp_path, CHAIN + asset("art/d.png"), only=["b.png"])

    assert (ordered(found), found.unselected) == (["a.png", "b.png"], 2)
    assert ordered(made(tmp_path, CHAIN + asset("art/d.png"), only=["*d.png", "a.*"])) == ["a.png", "art/d.png"]


def test_a_pattern_that_matches_nothing_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"--only 'z\*' matches no asset of assets.toml") as caught:
        made(tmp_path, CHAIN, only=["z*"])

    assert caught.value.hint == "A pattern is compared with whole paths, such as 'a.png': --only '*z*'"


def test_another_width_needs_no_order(tmp_path: Path) -> None:
    lock(tmp_path, CHAIN, "a.png", "b.png", "c.png")

    found = made(tmp_path, CHAIN + "max_width = 9\n")

    assert (ordered(found), [item.asset.path for item in found.conversions]) == ([], ["c.png"])


# What cannot be ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "about", "said"),
    [
        ({"model": "gemini-9"}, "model", "There is no model 'gemini-9'."),
        ({"provider": "unknown"}, None, "There is no service 'unknown'."),
        (
            {"provider": "gmicloud", "model": "gemini-3-pro", "aspect": "2:3"},
            "aspect",
            "does not have the aspect '2:3'",
        ),
        ({"provider": "reapi", "resolution": "8K"}, "resolution", "does not have the resolution '8K'"),
        ({"provider": "openai", "quality": "best"}, "quality", "does not have the quality 'best'"),
        ({"provider": "openai", "quality": "low", "options": {"quality": "high"}}, "quality", "are the same"),
        ({"provider": "reapi", "model": "gemini-2.5-flash", "prompt": "x" * 2001}, None, "takes 2,000."),
        ({"provider": "gptproto", "channel": "official"}, None, "has no channel 'official'"),
        ({"options": {"prompt": "x"}}, None, "would override what is priced and checked"),
        ({"model": "gmicloud/gemini-2.5-flash-image", "references": (LINK,) * 4}, "references", "at most 3"),
    ],
)
def test_what_no_service_has_is_refused_without_any_key(
    tmp_path: Path, wanted: dict[str, object], about: str | None, said: str
) -> None:
    matched = keyless()
    right = Asset("a.png", 0, "a cat")

    problem = matched.refusal(replace(right, **wanted))  # type: ignore[arg-type]

    assert matched.refusal(right) is None
    assert problem
    assert problem.about == about
    assert said in problem.message + (problem.hint or "")


def test_a_long_prompt_is_not_taken_for_a_short_one(tmp_path: Path) -> None:
    matched = keyless()
    short = Asset("a.png", 0, "a cat", provider="reapi", model="gemini-2.5-flash")

    assert matched.refusal(short) is None
    assert matched.refusal(replace(short, prompt="x" * 2001)) is not None
    assert matched.refusal(replace(short, prompt="x" * 2000)) is None


def test_every_choice_carries_its_own_prompt(tmp_path: Path) -> None:
    matched = offers("gmicloud")

    prompts = [matched.choices(Asset("a.png", 0, prompt))[0].request.prompt for prompt in ("a cat", "a dog")]

    assert prompts == ["a cat", "a dog"]


def test_a_plan_without_any_key_says_which_are_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing):
        offers().best(Asset("a.png", 0, "a cat"))

    assert keyless().best(Asset("a.png", 0, "a cat", provider="reapi")).cost == Cost("0.050", "usd")


# Prices ---------------------------------------------------------------------------------------------------------


def test_prices_are_added_up_by_service_and_unknown_is_never_nothing() -> None:
    found = totals(
        [
            Offer("gmicloud", "m", Cost("0.134", "usd")),
            Offer("3daistudio", "m", Cost("15", "credits")),
            Offer("gmicloud", "m", Cost("0.24", "usd")),
            Offer("gmicloud", "m", Cost(None, None)),
            Offer("reapi", "m", Cost("0.05", "usd")),
            Offer("gptproto", "m", Cost(None, None)),
        ]
    )

    assert [(each.service, each.assets, each.amount, each.unit, each.unknown) for each in found] == [
        ("gmicloud", 3, Decimal("0.374"), "usd", 1),
        ("3daistudio", 1, Decimal(15), "credits", 0),
        ("reapi", 1, Decimal("0.05"), "usd", 0),
        ("gptproto", 1, Decimal(0), None, 1),
    ]
    assert in_words(found) == "$0.424 + 15 credits of 3daistudio + 2 at an unknown price"
    assert in_words(found[3:]) == "at an unknown price"
    assert in_words([]) == "nothing"


def test_ten_thousand_new_assets_are_planned_in_no_time(tmp_path: Path) -> None:
    text = '[defaults]\nmodel = "gemini-3-pro"\n' + "".join(
        asset(f"{n}.png", prompt=f'"cat {n}"') for n in range(10_000)
    )
    began = time.process_time()

    found = made(tmp_path, text)

    assert len(found.orders) == 10_000
    assert in_words(found.totals) == "500000 credits of 3daistudio"
    assert time.process_time() - began < 20  # it takes a second; squares of it would take minutes
