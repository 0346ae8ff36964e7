"""A family of jobs as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.drafts import MODEL, record
from imgen.records import JobRecord, State
from imgen.screen.family import changed, family_lines
from imgen.screen.text import cells
from imgen_providers.base import PictureLink, Request

if TYPE_CHECKING:
    from imgen_providers.base import Json

LINK = PictureLink("https://pictures.example.com/fox.png")


def job(
    id: str,
    prompt: str,
    parent: str | None = None,
    *,
    aspect: str | None = None,
    pictures: int = 1,
    conversation: Json = None,
) -> JobRecord:
    request = Request(MODEL, prompt, (LINK,) * pictures, aspect=aspect, resolution="1K", conversation=conversation)
    return record(State.SAVED, id=id, request=request, parent_id=parent)


FOX = job("k3aaaa", "a red fox", pictures=0)
BLUE = job("k3bbbb", "make it blue", "k3aaaa", aspect="16:9")
HAT = job("k3cccc", "with a\x1b[31m hat", "k3bbbb", aspect="16:9", pictures=2)
NIGHT = job("k3dddd", "at night", "k3aaaa")


def test_each_job_stands_below_the_one_it_goes_on_from() -> None:
    lines = family_lines([FOX, BLUE, HAT, NIGHT], FOX.created_at + 120, width=None)

    assert lines == [
        "k3aaaa  saved  a red fox  (3daistudio/gemini/3.1/flash, 1K, 2 min ago)",
        "├─ k3bbbb  saved  make it blue  (16:9, 2 min ago)",
        "│  └─ k3cccc  saved  with a\\x1b[31m hat  (+1 picture, 2 min ago)",
        "└─ k3dddd  saved  at night  (2 min ago)",
    ]


def test_a_narrow_terminal_gets_shorter_prompts_and_no_line_too_long() -> None:
    for width in range(48, 90):
        lines = family_lines([FOX, BLUE, HAT, NIGHT], FOX.created_at, width=width)
        assert max(map(cells, lines)) <= width
        assert all(f"k3{letter * 4}" in line for letter, line in zip("abcd", lines, strict=True))


def test_a_change_of_service_and_a_conversation_are_named() -> None:
    elsewhere = BLUE._replace(provider="gmicloud")
    talk = job("k3eeee", "more", "k3aaaa", pictures=1, conversation=[{"role": "user"}])

    assert changed(elsewhere, FOX) == ["gmicloud/gemini/3.1/flash", "16:9"]
    assert changed(talk, FOX) == ["+1 picture", "same conversation"]
