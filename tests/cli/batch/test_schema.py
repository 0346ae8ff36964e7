"""The JSON Schema, the reader and the manifest to start from agree."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from cli.batch.manifests import asset, loaded, wrong
from imgen.batch.reading.fields import WANTED, Choices, Defaults, Entry, Manifest, json_schema, names
from imgen.batch.reading.starter import ATTRIBUTES, MANIFEST

if TYPE_CHECKING:
    from pathlib import Path


def invalid(text: str) -> list[str]:
    errors = Draft202012Validator(json_schema()).iter_errors(tomllib.loads(text))
    return ["/".join(map(str, error.absolute_path)) for error in errors]


GOOD = [
    asset(),
    asset(format='"jpg"', size='"1920x1080"', count="3", references='["https://example.com/a.png"]', tag="true"),
    asset("{n}.webp", **{"for": '{n = ["x", 7]}', "options": "{a = {b = [1, 2.5]}}", "convert": "false"}),
    '[defaults]\nmodel = "gemini-3-pro"\nmax_width = 800\nconvert = "png"\n' + asset(),
    MANIFEST,
]
BAD = {
    asset(promt='"x"'): "asset/0",
    asset(prompt="7"): "asset/0/prompt",
    asset(prompt='""'): "asset/0/prompt",
    asset(count="0"): "asset/0/count",
    asset(count="101"): "asset/0/count",
    asset(count='"2"'): "asset/0/count",
    asset(format='"gif"'): "asset/0/format",
    asset(size='"big"'): "asset/0/size",
    asset(references='"a.png"'): "asset/0/references",
    asset(max_width="99999"): "asset/0/max_width",
    asset(convert='"gif"'): "asset/0/convert",
    asset(tag='"yes"'): "asset/0/tag",
    asset("{n}.png", **{"for": "{n = []}"}): "asset/0/for/n",
    asset(prompt_file='"x.txt"'): "asset/0",
    '[[asset]]\nprompt = "x"\n': "asset/0",
    '[[asset]]\npath = "x.png"\n': "asset/0",
    '[defaults]\npath = "x.png"\n' + asset(): "defaults",
    "[default]\n" + asset(): "",
    "asset = []\n": "asset",
    "[defaults]\n": "",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_the_reader_takes_the_schema_takes(tmp_path: Path, text: str) -> None:
    assert wrong(tmp_path, text) == []
    assert invalid(text) == []


@pytest.mark.parametrize("text", BAD)
def test_what_the_schema_refuses_the_reader_refuses(tmp_path: Path, text: str) -> None:
    assert BAD[text] in invalid(text)
    assert wrong(tmp_path, text)


def test_the_schema_is_one_and_an_editor_has_a_word_for_every_field() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    parts: list[dict[str, Any]] = [schema, *schema["$defs"].values()]

    described = [field.get("description") for part in parts for field in part.get("properties", {}).values()]

    assert all(described)
    assert '"null"' not in str(schema).replace("'", '"').replace(str(schema["$defs"].get("JsonValue", {})), "")
    assert set(schema["$defs"]["Entry"]["properties"]) == {*names(Choices), "path", "prompt", "prompt_file", "for"}


def test_every_field_has_the_words_for_what_it_takes() -> None:
    assert set(WANTED) == {*names(Entry), *names(Defaults), *names(Manifest)}


def test_the_manifest_to_start_from_makes_three_pictures(tmp_path: Path) -> None:
    found = loaded(tmp_path, MANIFEST)

    assert [each.path for each in found.assets] == ["art/lighthouse.png", "art/icon-cart.webp", "art/icon-heart.webp"]
    assert {each.model for each in found.assets} == {"gemini-3.1-flash"}
    assert ATTRIBUTES == "assets.lock merge=union eol=lf\n"


def test_what_is_commented_out_in_it_works_too(tmp_path: Path) -> None:
    whole = MANIFEST.replace("# [[asset]]", "[[asset]]")
    for field in ("provider", "max_width", "tag", "path", "prompt", "references"):
        whole = whole.replace(f"\n# {field} = ", f"\n{field} = ")

    found = loaded(tmp_path, whole)

    assert found.assets[-1].goes_on_from == ("art/lighthouse.png",)
    assert (found.assets[0].provider, found.assets[0].max_width, found.assets[0].tag) == ("gmicloud", 800, True)
