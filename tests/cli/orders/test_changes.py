"""An order once more, with changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.drafts import record
from imgen.config.config import Config
from imgen.errors import UsageProblem
from imgen.orders.changes import Difference, changed, differences, order_of, other_pictures, words_of
from imgen.orders.drafts import request_key
from imgen.orders.matching import possible
from imgen.orders.references import Named
from imgen.orders.sources import Link, Local
from imgen.pictures.examine import Examined
from imgen.records import State
from imgen_providers.base import PictureFile, PictureLink, Reference, Request

if TYPE_CHECKING:
    from imgen.orders.order import Order

FLASH = "gemini-3.1-flash"
ORDERED = Request(
    "gemini/3.1/flash", "a fox", aspect="16:9", resolution="2K", format="png", count=2, extras={"seed": 7}
)
MADE = record(State.SAVED, request=ORDERED, origin="sandbox")
CONFIG = Config({"THREEDAISTUDIO_API_KEY": "not-a-real-key"}, Path("/"))


def settings(*texts: str) -> Order:
    return changed(order_of(MADE), texts, FLASH)


def test_the_same_order_makes_the_same_request() -> None:
    (choice,) = possible(order_of(MADE), CONFIG.accounts)

    assert choice.request == ORDERED
    assert request_key(choice) == request_key(possible(settings(), CONFIG.accounts)[0])
    assert differences(order_of(MADE), settings()) == []


def test_every_change_is_in_the_order_and_in_the_differences() -> None:
    after = settings("aspect=1:1", "resolution=", "count=3", "prompt=an owl", "option.seed=8", "option.top=x=y")

    assert differences(order_of(MADE), after) == [
        Difference("prompt", "a fox", "an owl"),
        Difference("aspect", "16:9", "1:1"),
        Difference("resolution", "2K", None),
        Difference("count", "2", "3"),
        Difference("option.seed", "7", "8"),
        Difference("option.top", None, '"x=y"'),
    ]
    assert after.options == {"seed": 8, "top": "x=y"}


def test_a_size_takes_the_place_of_aspect_and_resolution() -> None:
    after = settings("size=1920x1080")

    assert (after.size, after.aspect, after.resolution) == ((1920, 1080), None, None)
    assert differences(order_of(MADE), after) == [Difference("size", None, "1920x1080")]
    bound = settings("size=1920x1080", "aspect=1:1")
    assert [each.field for each in differences(order_of(MADE), bound)] == ["aspect", "size"]


@pytest.mark.parametrize(
    ("texts", "provider", "model"),
    [
        (["provider=reapi"], "reapi", FLASH),
        (["provider=reapi", "channel=official"], "reapi", FLASH),
        (["model=gemini-3-pro"], "3daistudio", "gemini-3-pro"),
        (["model=reapi/some-model"], None, "reapi/some-model"),
        (["provider=gptproto", "model=gemini-3-pro"], "gptproto", "gemini-3-pro"),
    ],
)
def test_another_service_or_model_is_named_as_on_the_command_line(
    texts: list[str], provider: str | None, model: str
) -> None:
    after = settings(*texts)

    assert (after.provider, after.model) == (provider, model)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aspect", "NAME=VALUE"),
        ("aspekt=1:1", "Did you mean aspect"),
        ("option.=3", "nothing called"),
        ("count=two", "whole number"),
        ("count=", "whole number"),
        ("count=0", "from 1 to 16, not 0. --set count=2"),
        ("count=17", "from 1 to 16, not 17."),
        ("size=big", "size"),
    ],
)
def test_what_cannot_be_set_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        settings(text)

    assert said in f"{caught.value.message} {caught.value.hint}"


def test_other_pictures_are_differences_and_the_same_bytes_are_none() -> None:
    fox, owl = Path("/pictures/fox.png").absolute(), Path("/pictures/owl.png").absolute()

    def named(path: Path, sha256: str) -> Named:
        return Named(Local(path, path.name), Examined(path, "png", 1, 1, 1, sha256, 1, has_notes=False))

    before: list[Reference] = [PictureFile(fox, "image/png", 1, "f0"), PictureLink("https://x/owl.png?secret")]
    same = [named(Path("/elsewhere.png"), "f0"), Named(Link("https://x/owl.png?secret"))]

    assert other_pictures(before, same) == []
    assert other_pictures(before[:1], [named(owl, "0f")]) == [Difference("picture", str(fox), str(owl))]
    assert other_pictures(before[:1], [named(fox, "0f")]) == [Difference("picture", str(fox), f"changed since: {fox}")]
    assert other_pictures(before, same[:1]) == [Difference("picture 2", "the picture at x", None)]
    assert other_pictures([], same[1:]) == [Difference("picture", None, "the picture at x")]


def test_what_was_ordered_elsewhere_cannot_be_ordered_again() -> None:
    with pytest.raises(UsageProblem, match="ordered elsewhere"):
        order_of(record(State.SAVED, request=Request("", "")))


def test_the_pictures_of_an_edit_go_in_again_and_one_that_is_gone_is_said(tmp_path: Path) -> None:
    there = tmp_path / "fox.png"
    there.write_bytes(b"")
    files = [PictureFile(path, "image/png", 0, "") for path in (there, tmp_path / "gone.png")]
    edited = Request("m", "p", references=(PictureLink("https://x/owl.png"), files[0]))

    assert words_of(record(State.SAVED, request=edited)) == ["https://x/owl.png", str(there)]
    with pytest.raises(UsageProblem, match="not there any more"):
        words_of(record(State.SAVED, request=Request("m", "p", references=(files[1],))))
