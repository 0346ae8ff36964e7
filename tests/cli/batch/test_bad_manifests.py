"""What is wrong in a manifest is said in one go, each with its file, line and field, before anything is sent."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cli.batch.manifests import asset, loaded, orderable, wrong
from imgen.batch.manifest import load
from imgen.batch.reading.findings import BadManifest
from imgen.errors import ExitCode, UsageProblem
from imgen.installation import installation

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "assets.toml: it is empty. imgen batch --init writes one to start from."),
        (" \n\n", "assets.toml: it is empty. imgen batch --init writes one to start from."),
        (b"\xff\xfe[\x00", "assets.toml:1: it is not valid UTF-8. Save it as UTF-8."),
        (b"a = 1\nb = '\xe9'\n", "assets.toml:2: it is not valid UTF-8. Save it as UTF-8."),
        (b"x" * 20_000_001, "assets.toml: it is larger than 20 MB."),
        (
            "a = 1\nb = \n",
            "assets.toml:2: it is not valid TOML: invalid value. https://toml.io shows the form.",
        ),
        (
            "[[asset]]\npath = '",
            """assets.toml:2: it is not valid TOML: expected "'". https://toml.io shows the form.""",
        ),
        ("a = " + "[" * 100_000, "assets.toml: it is nested too deeply for a manifest."),
        ("a = " + "9" * 5000, "assets.toml: it has a number with too many digits."),
        ("\n" + "a." * 100_000 + "a = 1", "assets.toml:2: a key has more than 16 parts."),
        ("a = {" + "'a'." * 100_000 + "a = 1}", "assets.toml:1: a key has more than 16 parts."),
        ("[defaults]\n", "assets.toml: it has no assets. Each begins with [[asset]]."),
        ("asset = []", "assets.toml:1: asset: it has no assets. Each begins with [[asset]]."),
        ("[asset]\npath = 'a.png'", "assets.toml:1: asset: asset is no list of tables. Each begins with [[asset]]."),
        ("asset = [1]", "assets.toml:1: it is 1, which is not a table."),
        ("defaults = 7\n" + asset(), "assets.toml:1: it is 7, which is not a table."),
        (
            "asset = [\n{path = 'a.png'}]",
            "assets.toml:2: prompt: it has neither prompt nor prompt_file. It takes one of them.",
        ),
        ("[default]\n" + asset(), "assets.toml:1: default: there is no such table. Did you mean defaults?"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert wrong(tmp_path, text) == [said]


def test_a_manifest_that_is_a_folder_missing_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "name").write_text(asset())

    said = []
    for name in ("folder.toml", "missing.toml", "name"):
        with pytest.raises(BadManifest) as caught:
            load(tmp_path / name, name, orderable)
        said.append(caught.value.message)
        assert caught.value.exit_code is ExitCode.USAGE

    assert said == [
        "folder.toml: it is a folder, not a file.",
        "missing.toml: there is no such file.",
        "name: its name does not say what it is.",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes among its files")
def test_a_pipe_is_refused_without_waiting_for_what_it_may_bring(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "assets.toml")
    os.mkfifo(tmp_path / "prompt.txt")

    with pytest.raises(BadManifest, match="it is a pipe or a device, not a file"):
        load(tmp_path / "assets.toml", "assets.toml", orderable)
    (tmp_path / "assets.toml").unlink()

    assert wrong(tmp_path, '[[asset]]\npath = "a.png"\nprompt_file = "prompt.txt"') == [
        "assets.toml:3: prompt_file: 'prompt.txt' is a pipe or a device, not a file."
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"promt": '"x"'}, "assets.toml:4: promt: there is no such field. Did you mean prompt?"),
        ({"zzz": "1"}, "assets.toml:4: zzz: there is no such field. There are: model, provider, aspect,"),
        ({"prompt": "7"}, "assets.toml:3: prompt: it is 7, which is not a text."),
        ({"prompt": '""'}, "assets.toml:3: prompt: it is '', which is not a text."),
        ({"prompt": '"  "'}, "assets.toml:3: prompt: it is empty."),
        ({"count": '"2"'}, "assets.toml:4: count: it is '2', which is not a whole number from 1 to 100."),
        ({"count": "0"}, "assets.toml:4: count: it is 0, which is not a whole number from 1 to 100."),
        ({"count": "true"}, "assets.toml:4: count: it is True, which is not a whole number from 1 to 100."),
        ({"count": "2.0"}, "assets.toml:4: count: it is 2.0, which is not a whole number from 1 to 100."),
        ({"format": '"gif"'}, """assets.toml:4: format: it is 'gif', which is not "png", "jpeg" or "webp"."""),
        ({"size": '"big"'}, """assets.toml:4: size: it is 'big', which is not pixels such as "1920x1080"."""),
        ({"size": '"0x10"'}, """assets.toml:4: size: it is '0x10', which is not pixels such as "1920x1080"."""),
        ({"references": '"a.png"'}, "assets.toml:4: references: it is 'a.png', which is not a list of texts."),
        (
            {"options": "{when = 2020-01-01}"},
            "assets.toml:4: options: it is {'when': datetime.date(2020, 1, 1)}, which is",
        ),
        (
            {"options": "{x = inf}"},
            "assets.toml:4: options: it is {'x': inf}, which is not a table of values that JSON has.",
        ),
        ({"options": f"{{x = 0x{'f' * 5000}}}"}, "assets.toml:4: options: a number in it has too many digits."),
        ({"count": f"0x{'f' * 5000}"}, "assets.toml:4: count: it is a number with thousands of digits, which is not"),
        ({"tag": '"yes"'}, "assets.toml:4: tag: it is 'yes', which is not true or false."),
        (
            {"max_width": "20000"},
            "assets.toml:4: max_width: it is 20000, which is not a whole number of pixels from 1 to",
        ),
        ({"convert": '"webp"'}, "assets.toml:4: convert: it is 'webp', and the path is a png file."),
        (
            {"convert": "false", "max_width": "9"},
            "assets.toml:5: max_width: it re-encodes the picture, which convert = false",
        ),
        (
            {"prompt_file": '"x.txt"'},
            "assets.toml:4: prompt_file: it has both prompt and prompt_file. It takes one of them.",
        ),
        ({"for": "{a = []}"}, "assets.toml:4: for: it is {'a': []}, which is not a table of lists of texts, such as"),
        ({"for": "{a = [1.5]}"}, "assets.toml:4: for: it is {'a': [1.5]}, which is not a table of lists of texts"),
        ({"for": '{"a b" = ["x"]}'}, "assets.toml:4: for: 'a b' cannot be the name of values. Letters, digits and _."),
        (
            {"for": '{index = ["x"]}'},
            "assets.toml:4: for: 'index' cannot be the name of values. Letters, digits and _.",
        ),
        (
            {"for": '{a = ["x", "y"]}'},
            "assets.toml:2: path: it does not have {a} in it, so 2 assets would be one file.",
        ),
        (
            {"prompt": '"{nmae}"', "for": '{name = ["x"]}'},
            "assets.toml:3: prompt: it has {nmae} in it, and for has no values of that name. Did you mean name?",
        ),
    ],
)
def test_a_field_that_cannot_be(tmp_path: Path, fields: dict[str, str], said: str) -> None:
    (found,) = wrong(tmp_path, asset(**fields))

    assert found.startswith(said)


PATHS = {
    "../x.png": "'../x.png' leaves the project.",
    "a/../../x.png": "'a/../../x.png' leaves the project.",
    "/etc/x.png": "'/etc/x.png' is an absolute path.",
    "C:/x.png": "'C:/x.png' is an absolute path.",
    "~/x.png": "'~/x.png' starts at a home folder.",
    "a\\\\x.png": "'a\\\\x.png' has a backslash in it.",
    "a\\u001b]52;c;x\\u0007.png": "'a\\x1b]52;c;x\\x07.png' has a control character in it.",
    "a\\nb.png": "'a\\nb.png' has a control character in it.",
    "a\\u202egnp.png": "'a\\u202egnp.png' has a control character in it.",
    "a\\u0000.png": "'a\\x00.png' has a control character in it.",
    "art/": "'art/' is a folder.",
    ".": "'.' is a folder.",
    "cat": "'cat' has no ending.",
    "cat.gif": "'cat.gif' ends in .gif, which cannot be written.",
    ".png": "'.png' has no ending.",
    "con.png": "'con.png' is no file name on every system (reserved name).",
    "art/LPT1.x/a.png": "'LPT1.x' is no file name on every system (reserved name).",
    "a|b.png": "'a|b.png' is no file name on every system (invalid character).",
    "ab:c/d?.png": "'ab:c' is no file name on every system (invalid character).",
    "art./a.png": "'art.' is no file name on every system (invalid character).",
    f"{'x' * 250}.png": f"'{'x' * 250}.png' is no file name on every system (invalid length).",
    "folder.png": "'folder.png' is a folder.",
    "{nme}.png": "it has {nme} in it, and for has no values of that name.",
    "{index}.png": "it has {index} in it, and there is no count.",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_no_picture_can_have(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder.png").mkdir()

    (found,) = wrong(tmp_path, asset(path))

    assert found.startswith(f"assets.toml:2: path: {PATHS[path]}")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("a.png", "a.png", "'a.png' is the path of another asset, on line 2."),
        ("a.png", "./a.png", "'a.png' is the path of another asset, on line 2."),
        ("Art/Cat.png", "art/cat.PNG", "'art/cat.PNG' and 'Art/Cat.png' (line 2) are one file on many systems."),
        (
            "caf\u00e9.png",
            "cafe\u0301.png",
            "'cafe\u0301.png' and 'caf\u00e9.png' (line 2) are one file on many systems.",
        ),
        ("a.png", "a.png/b.png", "'a.png/b.png' lies in 'a.png', which is an asset's file."),
    ],
)
def test_two_assets_that_are_one_file(tmp_path: Path, first: str, second: str, said: str) -> None:
    (found,) = wrong(tmp_path, asset(first) + asset(second))

    assert found.startswith(f"assets.toml:5: path: {said}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make symbolic links")
@pytest.mark.parametrize("link", ["folder", "file", "chain"])
def test_nothing_leaves_the_project_through_a_link(tmp_path: Path, link: str) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    (outside / "x.png").write_bytes(b"x")
    (project / "art").mkdir()
    match link:
        case "folder":
            (project / "art").rmdir()
            (project / "art").symlink_to(outside)
        case "file":
            (project / "art/x.png").symlink_to(outside / "x.png")
        case _:
            (project / "art/x.png").symlink_to(project / "next")
            (project / "next").symlink_to(outside / "new.png")

    said = "'art/x.png' leads out of the project by a link."
    references = asset("a.png", references='["art/x.png"]')
    prompt_file = '[[asset]]\npath = "a.png"\nprompt_file = "art/x.png"'

    assert wrong(project, asset("art/x.png"))[0].startswith(f"assets.toml:2: path: {said}")
    assert wrong(project, references)[0].startswith(f"assets.toml:4: references: {said}")
    assert wrong(project, prompt_file)[0].startswith(f"assets.toml:3: prompt_file: {said}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make symbolic links")
def test_a_link_that_stays_in_the_project_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "art").symlink_to("real")

    assert not wrong(tmp_path, asset("art/x.png"))


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nothing.png", "there is no file 'nothing.png'."),
        ("cat.pngg", "there is no file 'cat.pngg'. Did you mean the asset cat.png?"),
        ("Cat.png", "there is no asset 'Cat.png'. Did you mean cat.png?"),
        ("../x.png", "'../x.png' leaves the project."),
        ("folder", "'folder' is a folder."),
        ("http://example.com/a.png", "it takes https URLs, not http://."),
        ("ftp://example.com/a.png", "it takes https URLs, not ftp://."),
        ("https:///a.png", "a URL in it names no host."),
        ("https://[x/a.png", "a URL in it cannot be read."),
        ("https://me:secret@example.com/a.png", "the URL to example.com has a user name or password in it"),
        ("https://example.com/a b.png", "a URL in it has a space or control character."),
        ("https://example.com/a\\nb.png", "a URL in it has a space or control character."),
    ],
)
def test_a_reference_that_cannot_be_sent(tmp_path: Path, reference: str, said: str) -> None:
    (tmp_path / "folder").mkdir()

    (found,) = wrong(tmp_path, asset() + asset("b.png", references=f'["{reference}"]'))

    assert found.startswith(f"assets.toml:7: references: {said}")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="for root and on Windows all files are readable"
)
def test_a_reference_that_is_closed_to_us(tmp_path: Path) -> None:
    (tmp_path / "style.png").write_bytes(b"x")
    (tmp_path / "style.png").chmod(0)

    assert wrong(tmp_path, asset(references='["style.png"]')) == [
        "assets.toml:4: references: 'style.png' cannot be read: permission denied."
    ]


def test_a_circle_of_references_is_named_once(tmp_path: Path) -> None:
    text = (
        asset("a.png", references='["b.png"]')
        + asset("b.png", references='["c.png"]')
        + asset("c.png", references='["a.png"]')
        + asset("d.png", references='["d.png"]')
        + asset("e.png", references='["a.png"]')
    )

    assert wrong(tmp_path, text) == [
        "assets.toml:4: references: it goes in a circle: a.png -> b.png -> c.png -> a.png.",
        "assets.toml:16: references: it goes in a circle: d.png -> d.png.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "assets.txt: there is no file"),
        ("\n", "'assets.txt' is empty."),
        (b"\xff", "assets.txt: it is not valid UTF-8."),
        (b"x" * 1_000_001, "'assets.txt' is larger than 1 MB."),
    ],
)
def test_a_prompt_file_that_holds_no_prompt(tmp_path: Path, text: str | bytes, said: str) -> None:
    if text:
        (tmp_path / "assets.txt").write_bytes(text.encode() if isinstance(text, str) else text)

    (found,) = wrong(tmp_path, '[[asset]]\npath = "a.png"\nprompt_file = "assets.txt"\n')

    assert found.startswith(
        f"assets.toml:3: prompt_file: {said}" if text else "assets.toml:3: prompt_file: there is no"
    )


@pytest.mark.parametrize("count", ["", "count = 100\n"])
def test_a_matrix_of_a_million_is_refused_at_once(tmp_path: Path, count: str) -> None:
    values = ", ".join(f'"{n}"' for n in range(100))
    text = asset("{a}{b}{c}.png", **{"for": f"{{a = [{values}], b = [{values}], c = [{values}]}}"}) + count
    began = time.process_time()

    found = wrong(tmp_path, text)

    made = "100,000,000" if count else "1,000,000"
    assert found == [f"assets.toml:4: for: it makes {made} assets; a manifest holds at most 100,000."]
    assert time.process_time() - began < 5


def test_many_matrices_that_make_too_many_together(tmp_path: Path) -> None:
    values = ", ".join(f'"{n}"' for n in range(300))
    one = asset("X{a}-{b}.png", **{"for": f"{{a = [{values}], b = [{values}]}}"})

    found = wrong(tmp_path, one.replace("X", "x") + one.replace("X", "y"))

    assert found == ["assets.toml:8: for: the assets up to here are 100,000; a manifest holds at most 100,000."]


def test_all_of_it_is_said_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = (
        asset("/x.png", count="0")
        + asset("b.png", promt='"x"')
        + asset("../c.png")
        + asset("d.png", references='["e"]')
    )

    assert [found.split(": ")[0:2] for found in wrong(tmp_path, text)] == [
        ["assets.toml:4", "count"],
        ["assets.toml:8", "promt"],
        ["assets.toml:10", "path"],
        ["assets.toml:15", "references"],
    ]


def test_an_asset_with_a_wrong_field_is_checked_for_the_rest_too(tmp_path: Path) -> None:
    found = wrong(tmp_path, asset("../a.png", colour='"x"', tag='"yes"', references='["gone.png"]') + asset("a.png"))

    assert [each.split(": ")[1] for each in found] == ["path", "colour", "tag"]
    assert [each.split(": ")[1] for each in wrong(tmp_path, asset(colour="1", references='["gone.png"]'))] == [
        "colour",
        "references",
    ]


def test_what_the_catalogue_does_not_have_is_said_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "assets.toml").write_text(asset(aspect='"7:1"') + asset("../x.png"))

    with pytest.raises(BadManifest) as caught:
        load(
            tmp_path / "assets.toml",
            "assets.toml",
            lambda each: UsageProblem(f"No {each.aspect}.", "It has: 1:1", about="aspect"),
        )

    assert [str(found) for found in caught.value.findings] == [
        "assets.toml:4: aspect: No 7:1. It has: 1:1",
        "assets.toml:6: path: '../x.png' leaves the project. Nothing outside the manifest's folder is read or written.",
    ]
    assert caught.value.message.startswith("2 things are wrong, and nothing was sent.\nassets.toml:4: aspect: No 7:1.")
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.jsonl",
            '{"path": "a.png", "prompt": "x"}\n{"path"\n[',
            ["a.jsonl:2: it is not valid JSON (column 8).", "a.jsonl:3:"],
        ),
        ("a.jsonl", "[1]", ["a.jsonl:1: it is [1], which is not a table."]),
        ("a.jsonl", "[" * 100_000, ["a.jsonl: it is nested too deeply for a manifest."]),
        ("a.jsonl", "9" * 5000, ["a.jsonl:1: it is not valid JSON (a number is too long)."]),
        (
            "a.jsonl",
            '\n{"path": "\\ud800.png", "prompt": "\\ud800"}',
            ["a.jsonl:2: path: it is '\\ud800.png',", "a.jsonl:2: prompt:"],
        ),
        (
            "a.jsonl",
            '{"path": "a.png", "prompt": "x", "options": {"x": NaN}}',
            ["a.jsonl:1: options: it is {'x': nan}"],
        ),
        ("a.csv", "path,prompt\na.png,x,y\n", ["a.csv:2: the row has 3 cells, and the first row names 2 fields."]),
        ("a.csv", "path,path\n", ["a.csv:1: path: the first row names a column twice."]),
        ("a.csv", 'path,prompt\na.png,"x\n', ["a.csv:2: it is not valid CSV: unexpected end of data."]),
        ("a.csv", "path,prompt,count\na.png,x,many\n", ["a.csv:2: count: it is 'many', which is not a whole number"]),
        ("a.csv", "path,promt\na.png,x\n", ["a.csv:2: promt: there is no such field. Did you mean prompt?"]),
        ("a.csv", "path,prompt\n", ["a.csv:1: asset: it has no assets."]),
        (
            "a.yaml",
            "asset:\n- &a {path: a.png, prompt: x}\n- *a\n",
            ["a.yaml:2: a manifest has no anchors and aliases"],
        ),
        ("a.yaml", "asset: [\n", ["a.yaml:2: it is not valid YAML: "]),
        ("a.yaml", "- 1\n", ["a.yaml:1: it is not a table with defaults and asset."]),
        (
            "a.yaml",
            "asset:\n- path: a.png\n  prompt: !!python/object/apply:os.system [ls]\n",
            ["a.yaml:3: it is not valid YAML: "],
        ),
        ("a.yaml", "[" * 5000, ["a.yaml"]),
        ("a.yaml", "asset:\n- path: a.png\n  prompt: 7\n", ["a.yaml:3: prompt: it is 7, which is not a text."]),
    ],
)
def test_the_other_forms_have_their_own_sentences(tmp_path: Path, name: str, text: str, said: list[str]) -> None:
    found = wrong(tmp_path, text, name)

    assert len(found) == len(said)
    for sentence, start in zip(found, said, strict=True):
        assert sentence.startswith(start)


def test_yaml_without_its_extra_says_which_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert wrong(tmp_path, "asset: []", "a.yaml") == [
        f"a.yaml: reading YAML needs PyYAML. {installation().with_extra('yaml')}"
    ]


def test_ten_thousand_mistakes_take_no_time(tmp_path: Path) -> None:
    text = "".join(json.dumps({"path": f"{n}.gif", "prompt": "x", "promt": "y"}) + "\n" for n in range(10_000))
    toml = "".join(asset(f"{n}.gif") for n in range(10_000))
    began = time.process_time()

    assert len(wrong(tmp_path, text, "a.jsonl")) == 10_000
    assert len(wrong(tmp_path, toml)) == 10_000
    assert time.process_time() - began < 20  # it takes a second or two; squares of it would take minutes


def test_a_manifest_in_which_all_is_well_is_not_refused(tmp_path: Path) -> None:
    assert len(loaded(tmp_path, asset()).assets) == 1
