"""Which service gets an order, what a size becomes, and parameters in a service's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgen.commands.reporting import Reporter
from imgen.config.config import Config
from imgen.errors import ExitCode, UsageProblem
from imgen.jobs.run_order import OrderPlan, RunOptions
from imgen.money.budget import NO_BUDGET
from imgen.orders.limits import Candidate
from imgen.orders.matching import covering, possible
from imgen.orders.order import Choice, Order, parse_options, parse_size
from imgen.orders.ranking import rank
from imgen.screen.console import Streams
from imgen_providers.catalog import SERVICES

STREAMS = Streams(False, False, False, color=None, ci=False, dumb=False, width=None, unicode=True)
KEYS = {entry.key_variable: "a-key" for entry in SERVICES.values()}


def able(order: Order, *services: str) -> list[Choice]:
    environ = {SERVICES[name].key_variable: "a-key" for name in services} if services else KEYS
    return possible(order, Config(environ, Path("/")).accounts)


def nothing_known(_choice: Choice) -> None:
    return None


def test_every_service_with_a_key_that_can_do_the_order_is_possible() -> None:
    having = [name for name, entry in SERVICES.items() if entry.family("gemini-3-pro")]
    assert [choice.entry.name for choice in able(Order("a fox", model="gemini-3-pro"))] == having
    assert [choice.entry.name for choice in able(Order("a fox", model="gemini-3-pro", aspect="2:3"))] == [
        name for name in having if name != "gmicloud"
    ]


def test_when_no_service_can_each_says_why() -> None:
    with pytest.raises(UsageProblem) as problem:
        able(Order("a fox", model="gemini-3-pro", resolution="8K"), "3daistudio", "reapi")

    assert "gemini-3-pro at 3D AI Studio" in problem.value.message
    assert "gemini-3-pro at reAPI" in problem.value.message


def test_the_cheaper_of_equal_units_goes_first_and_says_why() -> None:
    ranked = rank(able(Order("a fox", model="gemini-3-pro"), "gmicloud", "reapi"), nothing_known)

    assert [one.choice.entry.name for one in ranked] == ["reapi", "gmicloud"]
    assert ranked[0].why == "$0.03 a picture, against $0.134 at gmicloud"


def test_prices_in_different_units_are_not_compared() -> None:
    ranked = rank(able(Order("a fox", model="gemini-3-pro"), "3daistudio", "reapi"), nothing_known)

    assert [one.choice.entry.name for one in ranked] == ["3daistudio", "reapi"]
    assert "cannot be compared" in ranked[0].why


def test_at_the_same_price_the_faster_so_far_goes_first() -> None:
    twice = able(Order("a fox", model="gemini-3-pro"), "gmicloud")
    other = able(Order("a fox", model="gmicloud/gemini-3-pro-image"), "gmicloud")
    speeds = {"gemini-3-pro-image-preview": 51.0, "gemini-3-pro-image": 34.0}

    ranked = rank(twice + other, lambda choice: speeds[choice.model.remote_id])

    assert ranked[0].choice.model.remote_id == "gemini-3-pro-image"
    assert "faster so far (34 s against 51 s)" in ranked[0].why


def test_speed_is_asked_once_for_each_and_only_where_prices_are_equal() -> None:
    asked: list[str] = []

    def speed(choice: Choice) -> float:
        asked.append(choice.model.remote_id)
        return 40.0

    first, second = (
        able(Order("a fox", model=f"gmicloud/{name}"), "gmicloud")[0]
        for name in ("gemini-3-pro-image-preview", "gemini-3-pro-image")
    )
    dearer = able(Order("a fox", model="gemini-3-pro"), "3daistudio", "reapi")
    rank([*dearer, first], speed)
    assert asked == []

    rank([first, second, *dearer], speed)
    assert sorted(asked) == ["gemini-3-pro-image", "gemini-3-pro-image-preview"]


def test_a_model_the_catalogue_does_not_have_is_reached_unchecked() -> None:
    order = Order("a fox", model="reapi/flux-2", aspect="7:5", resolution="3K", options={"nsfw_checker": True}, count=3)

    choice = able(order)[0]

    assert (choice.listed, choice.entry.name, choice.model.max_count) == (False, "reapi", 1)
    assert (choice.request.model, choice.request.aspect, choice.request.resolution) == ("flux-2", "7:5", "3K")
    assert choice.request.extras == {"nsfw_checker": True}


def test_a_model_that_is_sent_unchecked_is_reported_with_the_one_it_may_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("reapi/gemini-3-pro-image-preveiw", "reapi/flux-2"):
        order = Order("a fox", model=name)
        candidate = Candidate(able(order)[0], "why", ())
        Reporter("generate", STREAMS).chosen(OrderPlan(order, RunOptions(), NO_BUDGET, (candidate,)), candidate)

    close, far = (line for line in capsys.readouterr().err.splitlines() if "no price known" in line)
    assert close.endswith("no price known. Did you mean reapi/gemini-3-pro-image-preview?")
    assert far.endswith("no price known.")


def test_a_channel_chooses_between_two_ids_of_one_model() -> None:
    plain = able(Order("a fox", provider="reapi", model="gemini-3-pro"))[0]
    official = able(Order("a fox", provider="reapi", model="gemini-3-pro", channel="official"))[0]

    assert official.request.model == f"{plain.request.model}-official"
    with pytest.raises(UsageProblem, match="no channel"):
        able(Order("a fox", provider="gptproto", model="gemini-3-pro", channel="official"))


@pytest.mark.parametrize(
    ("size", "aspect", "resolution"),
    [
        ((1920, 1080), "16:9", "2K"),
        ((1080, 1920), "9:16", "2K"),
        ((1024, 1024), "1:1", "1K"),
        ((100, 100), "1:1", "0.5K"),
        ((500, 4000), "1:8", "2K"),
        ((1376, 768), "16:9", "1K"),
    ],
)
def test_a_size_becomes_the_aspect_and_resolution_that_cover_it(
    size: tuple[int, int], aspect: str, resolution: str
) -> None:
    model = SERVICES["3daistudio"].family("gemini-3.1-flash")
    assert model

    assert covering(model, size, None, None) == (aspect, resolution)


def test_a_size_that_no_picture_covers_is_refused_with_the_largest_of_that_shape() -> None:
    model = SERVICES["3daistudio"].family("gemini-3.1-flash")
    assert model

    with pytest.raises(UsageProblem, match="no picture that covers 9000x9000") as refused:
        covering(model, (9000, 9000), None, None)

    assert str(refused.value.hint).endswith("--size 4096x4096")


def test_a_size_keeps_what_is_said_with_it() -> None:
    choice = able(Order("a fox", provider="3daistudio", size=(1920, 1080), resolution="1K"))[0]

    assert (choice.request.aspect, choice.request.resolution) == ("16:9", "1K")


def test_a_size_may_not_name_what_the_model_lacks() -> None:
    choice = able(Order("a fox", provider="gmicloud", model="gemini-3-pro", size=(1696, 2528)))[0]

    assert choice.request.aspect in choice.model.aspects


@pytest.mark.parametrize("text", ["1920", "x", "0x10", "10x", "-5x5", "1.5x2", "ax b"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem) as problem:
        parse_size(text)

    assert problem.value.exit_code is ExitCode.USAGE


def test_a_size_may_be_written_with_a_times_sign() -> None:
    assert parse_size("1920×1080") == parse_size("1920X1080") == (1920, 1080)
    assert parse_size(None) is None


def test_parameters_are_json_where_they_can_be() -> None:
    found = parse_options(["temperature=0.5", "a=true", "b=[1]", "c=text", "d=", "e=x=y"])

    assert found == {"temperature": 0.5, "a": True, "b": [1], "c": "text", "d": "", "e": "x=y"}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '{"a": [-1e999]}', "[" * 100_000])
def test_a_parameter_that_json_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(UsageProblem, match="--option"):
        parse_options([f"a={value}"])


def test_the_name_of_no_number_is_a_text_in_quotes() -> None:
    assert parse_options(['a="NaN"', "b=-1.5e3", "c=nan"]) == {"a": "NaN", "b": -1500.0, "c": "nan"}


@pytest.mark.parametrize("texts", [["temperature"], ["=1"], ["a=1", "a=2"]])
def test_parameters_that_cannot_be_read_are_refused(texts: list[str]) -> None:
    with pytest.raises(UsageProblem):
        parse_options(texts)
