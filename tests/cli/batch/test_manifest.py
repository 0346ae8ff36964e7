"""A manifest becomes assets, each with what it is to be, in an order in which they can be made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.batch.manifests import asset, loaded
from imgen.batch.asset import AssetPicture, FilePicture, LinkPicture

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.batch.manifest import Manifest


def paths(manifest: Manifest) -> list[str]:
    return [each.path for each in manifest.assets]


def test_the_smallest_manifest_leaves_everything_open(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path, '[[asset]]\npath = "cat.png"\nprompt = "a cat"\n').assets

    assert (found.path, found.prompt) == ("cat.png", "a cat")
    assert (found.model, found.provider, found.aspect, found.resolution, found.size, found.format) == (None,) * 6
    assert found.convert
    assert not found.tag
    assert found.file_format == "png"


def test_every_field_is_read(tmp_path: Path) -> None:
    (tmp_path / "style.png").write_bytes(b"x")
    text = """
[[asset]]
path = "./art//cat.JPG"
prompt = "a cat"
model = "gemini-3-pro"
provider = "reapi"
size = "1920×1080"
format = "jpg"
references = ["style.png", "https://example.com/a.png"]
channel = "official"
options = {seed = 7, nested = {list = [1, 2.5, "x", true]}}
convert = "jpeg"
max_width = 800
tag = true
"""

    (found,) = loaded(tmp_path, text).assets

    assert found.path == "art/cat.JPG"
    assert (found.model, found.provider, found.channel) == ("gemini-3-pro", "reapi", "official")
    assert (found.size, found.format, found.file_format) == ((1920, 1080), "jpeg", "jpeg")
    assert found.references == (FilePicture("style.png"), LinkPicture("https://example.com/a.png"))
    assert found.options == {"seed": 7, "nested": {"list": [1, 2.5, "x", True]}}
    assert (found.convert, found.max_width, found.tag) == (True, 800, True)


def test_defaults_hold_where_an_asset_does_not_say_otherwise(tmp_path: Path) -> None:
    text = (
        '[defaults]\nmodel = "gemini-3-pro"\naspect = "16:9"\ntag = true\noptions = {a = 1, b = 1}\n'
        + asset("one.png")
        + asset("two.png", aspect='"1:1"', options="{b = 2}", tag="false")
    )

    one, two = loaded(tmp_path, text).assets

    assert (one.model, one.aspect, one.tag, one.options) == ("gemini-3-pro", "16:9", True, {"a": 1, "b": 1})
    assert (two.model, two.aspect, two.tag, two.options) == ("gemini-3-pro", "1:1", False, {"a": 1, "b": 2})


def test_a_matrix_makes_an_asset_of_every_combination(tmp_path: Path) -> None:
    text = asset(
        "{kind}/{size}.png",
        prompt='"a {kind}, {{kind}}, {not a name}, {\\"json\\": 1}, {size}"',
        **{"for": '{kind = ["cart", "heart"], size = [1, 2]}'},
    )

    found = loaded(tmp_path, text).assets

    assert [each.path for each in found] == ["cart/1.png", "cart/2.png", "heart/1.png", "heart/2.png"]
    assert found[0].prompt == 'a cart, {kind}, {not a name}, {"json": 1}, 1'


def test_without_a_matrix_braces_in_a_prompt_are_braces(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path, asset(prompt='"{name} and {{name}}"')).assets

    assert found.prompt == "{name} and {{name}}"


def test_a_value_is_not_looked_at_again_for_names(tmp_path: Path) -> None:
    text = asset("{a}-{b}.png", prompt='"{a}"', **{"for": '{a = ["{b}"], b = ["x"]}'})

    (found,) = loaded(tmp_path, text).assets

    assert (found.path, found.prompt) == ("{b}-x.png", "{b}")


@pytest.mark.parametrize(
    ("path", "count", "made"),
    [
        ("cat.png", "1", ["cat.png"]),
        ("cat.png", "3", ["cat-1.png", "cat-2.png", "cat-3.png"]),
        ("{index}/cat.png", "2", ["1/cat.png", "2/cat.png"]),
        ("a.b/cat.tar.png", "2", ["a.b/cat.tar-1.png", "a.b/cat.tar-2.png"]),
    ],
)
def test_a_count_numbers_its_pictures_as_o_does(tmp_path: Path, path: str, count: str, made: list[str]) -> None:
    assert paths(loaded(tmp_path, asset(path, count=count))) == made


def test_a_prompt_file_is_the_same_prompt_on_every_system(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa {name}\r\nin snow\r\n")
    text = '[[asset]]\npath = "{name}.png"\nprompt_file = "a.txt"\nfor = {name = ["fox"]}\n'

    (found,) = loaded(tmp_path, text).assets

    assert found.prompt == "a fox\nin snow"


def test_a_prompt_file_may_be_named_by_a_value(tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_text("a {animal}")
    text = '[[asset]]\npath = "{animal}.png"\nprompt_file = "{animal}.txt"\nfor = {animal = ["fox"]}\n'

    (found,) = loaded(tmp_path, text).assets

    assert found.prompt == "a fox"


def test_assets_come_after_those_they_go_on_from_and_else_as_they_are_written(tmp_path: Path) -> None:
    text = (
        asset("z.png")
        + asset("night.png", references='["day.png", "z.png"]')
        + asset("late.png", references='["night.png"]')
        + asset("day.png")
        + asset("a.png")
    )

    manifest = loaded(tmp_path, text)

    assert paths(manifest) == ["z.png", "day.png", "night.png", "late.png", "a.png"]
    assert manifest.assets[2].references == (AssetPicture("day.png"), AssetPicture("z.png"))
    assert manifest.line(manifest.assets[2], "references") == 7


def test_a_reference_to_each_asset_of_a_matrix(tmp_path: Path) -> None:
    names = {"for": '{name = ["cart", "heart"]}'}
    text = asset("night/{name}.png", references='["{name}.png"]', **names) + asset("{name}.png", **names)

    manifest = loaded(tmp_path, text)

    assert paths(manifest) == ["cart.png", "night/cart.png", "heart.png", "night/heart.png"]


def test_a_chain_of_thousands_is_put_in_order(tmp_path: Path) -> None:
    chain = [asset(f"{n}.png", references=f'["{n + 1}.png"]') for n in range(3000)]

    manifest = loaded(tmp_path, "".join(chain) + asset("3000.png"))

    assert paths(manifest) == [f"{n}.png" for n in range(3000, -1, -1)]


ROWS = [
    {"path": "cat.png", "prompt": 'a "cat", {x}', "references": ["style.png"], "options": {"seed": 7}},
    {"path": "{n}.webp", "prompt": "a {n}", "for": {"n": ["x", "y"]}, "max_width": 64, "tag": True},
]


def test_every_form_of_a_manifest_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "style.png").write_bytes(b"x")
    toml = asset(prompt="'a \"cat\", {x}'", references='["style.png"]', options="{seed = 7}") + asset(
        "{n}.webp", prompt='"a {n}"', **{"for": '{n = ["x", "y"]}', "max_width": "64", "tag": "true"}
    )
    jsonl = "\n\n".join(map(json.dumps, ROWS))
    csv = (
        "path, prompt,references,options,for,max_width,tag\n"
        'cat.png,"a ""cat"", {x}",style.png,"{""seed"": 7}",,,\n\n'
        '{n}.webp,a {n},,,"{""n"": [""x"", ""y""]}",64,true\n'
    )
    yaml = (
        "asset:\n  - path: cat.png\n    prompt: 'a \"cat\", {x}'\n    references: [style.png]\n    options: {seed: 7}\n"
        "  - path: '{n}.webp'\n    prompt: a {n}\n    for: {n: [x, y]}\n    max_width: 64\n    tag: true\n"
    )

    expected = loaded(tmp_path, toml).assets

    assert [each.path for each in expected] == ["cat.png", "x.webp", "y.webp"]
    assert loaded(tmp_path, jsonl, "assets.jsonl").assets == expected
    assert loaded(tmp_path, csv, "assets.csv").assets == expected
    assert loaded(tmp_path, csv.replace("\n", "\r\n"), "assets.csv").assets == expected
    assert loaded(tmp_path, yaml, "assets.yaml").assets == expected
    assert loaded(tmp_path, b"\xef\xbb\xbf" + toml.replace("\n", "\r\n").encode()).assets == expected


def test_a_row_over_several_lines_stands_where_it_begins(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, 'path,prompt\na.png,"one\ntwo"\nb.png,x\n', "assets.csv")

    assert [manifest.line(each) for each in manifest.assets] == [2, 4]
    assert manifest.assets[0].prompt == "one\ntwo"


def test_lines_in_yaml(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, "asset:\n- path: a.png\n  prompt: x\n- prompt: |\n    y\n  path: b.png\n", "a.yml")

    assert [manifest.line(each, "path") for each in manifest.assets] == [2, 6]
    assert manifest.line(manifest.assets[1]) == 4
