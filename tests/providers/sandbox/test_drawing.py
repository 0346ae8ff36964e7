"""The drawn pictures: exact, marked, made from their prompt and their references."""

from __future__ import annotations

import io
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgen_providers.sandbox.drawing import NOTE, Scene, draw
from imgen_providers.sandbox.lettering import drawable
from imgen_providers.sandbox.tables import PIXELS
from providers.sandbox.asking import png

if TYPE_CHECKING:
    from pathlib import Path

EXTREMES = [(12288, 1536), (192, 1536)]


def scene(prompt: str = "a cat", variation: str = "job/0", size: tuple[int, int] = (256, 256)) -> Scene:
    return Scene(prompt, variation, size)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("size", [*PIXELS["gemini-3.1-flash"]["0.5K"].values(), *EXTREMES])
def test_a_picture_has_exactly_the_asked_size(size: tuple[int, int]) -> None:
    assert opened(draw(scene(size=size), "JPEG")).size == size


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_has_the_asked_format_and_says_what_it_is(file_format: str) -> None:
    picture = opened(draw(scene(), file_format))
    assert picture.format == file_format
    notes = [picture.info.get("Comment"), picture.info.get("comment"), picture.getexif().get(0x010E)]
    assert NOTE in [note.decode() if isinstance(note, bytes) else note for note in notes]


def test_equal_scenes_give_equal_bytes_and_others_differ() -> None:
    drawn = draw(scene(), "PNG")
    assert draw(scene(), "PNG") == drawn
    assert draw(scene(variation="job/1"), "PNG") != drawn
    assert draw(scene(prompt="a dog"), "PNG") != drawn


def test_the_word_sandbox_stands_in_the_corner() -> None:
    size = (1024, 1024)
    marked = opened(draw(scene(size=size), "PNG")).convert("L").crop((24, 24, 200, 71))
    assert marked.getextrema()[1] == 255
    dark = sum(1 for value in marked.tobytes() if value < 140)
    assert dark > marked.width * marked.height / 3


def test_references_stand_in_a_row_in_their_order(tmp_path: Path) -> None:
    names = ["red", "lime", "blue", "yellow"]
    files = [tmp_path / f"{name}.png" for name in names]
    for name, file in zip(names, files, strict=True):
        with Image.open(io.BytesIO(png(name))) as picture:
            picture.convert("RGBA").save(file)
    references = tuple((name, file) for name, file in zip(names, files, strict=True))
    drawn = opened(draw(Scene("join", "job/0", (1376, 768), references), "PNG")).convert("RGB")
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    places = []
    for colour in colours:
        found = [place for place in range(drawn.width) if drawn.getpixel((place, 300)) == colour]
        assert found, colour
        places.append((found[0], found[-1]))
    assert all(left[1] < right[0] for left, right in pairwise(places))


@pytest.mark.parametrize("count", [1, 5, 14])
@pytest.mark.parametrize("size", [(192, 1536), (1536, 192), (512, 512)])
def test_any_number_of_references_fits_any_shape(count: int, size: tuple[int, int]) -> None:
    references = tuple((f"example.com/{number}.png", None) for number in range(count))
    assert opened(draw(Scene("join", "job/0", size, references), "JPEG")).size == size


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=60))
def test_letters_of_any_script_can_be_asked_for(prompt: str) -> None:
    assert opened(draw(scene(prompt=prompt, size=(96, 64)), "PNG")).size == (96, 64)


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("a café\nby the sea\x00", "a cafe by the sea"),
        ("a cat 一只猫", "a cat ..."),
        ("кот", "(a prompt of 3 characters that the sandbox has no letters for)"),
        ("\ud800 half", " half"),
    ],
)
def test_what_the_font_lacks_is_said(prompt: str, shown: str) -> None:
    assert drawable(prompt) == shown


def test_a_picture_is_whole_to_its_last_chunk() -> None:
    data = draw(scene(), "PNG")
    assert data[-12:] == struct.pack(">I4sI", 0, b"IEND", 0xAE426082)
