"""The same picture has the same recipe on every machine, and another one has another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cli.batch.locks import sha256
from imgen.batch.asset import Asset, AssetPicture, FilePicture, LinkPicture
from imgen.batch.recipe import recipe

BASE = Asset(
    path="art/cat.png",
    entry=0,
    prompt="a cat, \u732b",
    references=(AssetPicture("a.png"), FilePicture("style/b.png"), LinkPicture("https://example.com/c.png")),
    model="gemini-3-pro",
    aspect="16:9",
    resolution="2K",
    size=(1920, 1080),
    format="png",
    options={"seed": 7, "a": {"c": 1, "b": [2.5, True, None]}},
)


def of(asset: Asset, contents: str = "") -> str:
    return recipe(
        asset, lambda path: sha256("asset " + path + contents), lambda path: sha256("file " + path + contents)
    )


def test_the_hash_is_the_same_everywhere_and_in_every_version() -> None:
    # Were one of these to change, every project would buy its pictures again.
    assert of(BASE) == "fe5b18253af3c33576108f8cbbe4e9bb67dcc03a159049e278da54957df377b0"
    assert of(Asset("x.png", 0, "a cat")) == "3fda7c1337ae0f4d37060095a4cea81cce191c0a80b6a669615c9cb86eb4de2c"


def test_what_makes_no_other_picture_is_no_part_of_it() -> None:
    other = replace(
        BASE, path="b.webp", entry=9, provider="reapi", channel="official", convert=False, max_width=9, tag=True
    )
    turned = replace(BASE, options={"a": {"b": [2.5, True, None], "c": 1}, "seed": 7})

    assert of(other) == of(BASE) == of(turned)


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, prompt="a dog"),
        replace(BASE, prompt="a cat, \u732b "),
        replace(BASE, references=BASE.references[:2]),
        replace(BASE, references=BASE.references[::-1]),
        replace(BASE, model="gemini-3.1-flash"),
        replace(BASE, model=None),
        replace(BASE, aspect="1:1"),
        replace(BASE, resolution="4K"),
        replace(BASE, size=(1080, 1920)),
        replace(BASE, format="webp"),
        replace(BASE, quality="high"),
        replace(BASE, options={}),
        replace(BASE, options={**BASE.options, "seed": 8}),
    ],
)
def test_everything_a_model_is_asked_for_is_part_of_it(other: Asset) -> None:
    assert of(other) != of(BASE)


def test_a_reference_counts_by_its_bytes_and_not_by_its_name() -> None:
    moved = replace(BASE, references=(FilePicture("moved.png"),))
    here = replace(BASE, references=(FilePicture("here.png"),))

    assert recipe(moved, str, lambda _: "1") == recipe(here, str, lambda _: "1")
    assert of(here) != of(here, contents="other")
