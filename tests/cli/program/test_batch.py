"""imgen batch as a project and its CI run it: the installed program, in a folder of its own."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import jsonschema

from cli.batch.locks import locked
from cli.program.program import Program
from imgen.batch.lock import LockFile
from imgen.batch.manifest import load
from imgen.batch.standing import standings

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, path: str) -> None:
    """Make and lock one asset, as a run would."""
    manifest = load(folder / "assets.toml", "assets.toml", lambda _: None)
    lock = LockFile(folder / "assets.lock", "assets.lock")
    item = next(each for each in standings(manifest, lock.assets, sandbox=False).items if each.asset.path == path)
    assert item.recipe
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text(path)
    lock.update([locked(path, path, recipe=item.recipe)])


def test_a_project_begins_is_planned_and_is_checked(imgen: Program) -> None:
    nothing, begun, again, planned, checked = imgen.run_lines(
        [
            (("batch",), {}, b""),
            (("batch", "--init"), {}, b""),
            (("batch", "--init"), {}, b""),
            (("batch", "--plan", "--sandbox"), {}, b""),
            (("batch", "--check"), {}, b""),
        ]
    )

    assert (nothing.code, "assets.toml: there is no such file." in nothing.stderr) == (2, True)
    assert "imgen batch --init" in nothing.stderr
    assert begun.lines == [str(imgen.cwd / "assets.toml"), str(imgen.cwd / ".gitattributes")]
    assert (again.code, "assets.toml is there already" in again.stderr) == (2, True)
    assert planned.code == 0
    assert planned.lines == [
        "make      art/lighthouse.png: was never made (3daistudio, 15 credits)",
        "make      art/icon-cart.webp: was never made (3daistudio, 15 credits)",
        "make      art/icon-heart.webp: was never made (3daistudio, 15 credits)",
    ]
    assert (
        "In all: 3 pictures free in the sandbox (at most 45 credits of 3daistudio for real); 0 up to date."
        in planned.stderr
    )
    assert checked.code == 13
    assert checked.lines[0] == "missing   art/lighthouse.png: was never made"
    assert "3 differences among 3 assets of assets.toml." in checked.stderr


def test_a_check_passes_and_then_names_what_was_changed(imgen: Program) -> None:
    assert imgen.run("batch", "--init").code == 0
    for path in ("art/lighthouse.png", "art/icon-cart.webp", "art/icon-heart.webp"):
        make(imgen.cwd, path)

    fine = imgen.run("batch", "--check")
    (imgen.cwd / "art/icon-cart.webp").write_text("mine")
    edited = imgen.run("batch", "--check", "--json")
    plan = imgen.run("batch", "--plan", "--json", "--sandbox", "--force", "*heart*")

    assert (fine.code, fine.stdout, fine.stderr) == (0, b"", "All 3 assets are what assets.toml says.\n")
    assert (edited.code, edited.json["exit_code"]) == (13, 13)
    assert edited.json["batch"] == {
        "manifest": "assets.toml",
        "assets": 3,
        "differences": [
            {
                "path": "art/icon-cart.webp",
                "kind": "edited",
                "reason": "was changed by hand since it was made",
                "line": 23,
            }
        ],
    }
    assert [each["path"] for each in plan.json["batch"]["orders"]] == ["art/icon-heart.webp"]
    assert [each["path"] for each in plan.json["batch"]["left"]] == ["art/icon-cart.webp"]
    assert plan.json["batch"]["totals"] == [
        {"provider": "3daistudio", "assets": 1, "cost": {"amount": "15", "unit": "credits"}, "unknown_costs": 0}
    ]
    assert not imgen.home.exists()


def test_all_that_is_wrong_is_said_in_one_go_each_on_a_line(imgen: Program) -> None:
    text = (
        '[[asset]]\npath = "../a.png"\nprompt = "x"\naspect = "7:1"\n[[asset]]\npath = "b.png"\npromt = "::error::x"\n'
    )
    (imgen.cwd / "assets.toml").write_text(text)

    ended = imgen.run("batch", "--check")
    as_json = imgen.run("batch", "--check", "--json")

    assert (ended.code, ended.stdout) == (2, b"")
    assert ended.stderr.splitlines()[:2] == [
        "assets.toml:2: path: '../a.png' leaves the project. Nothing outside the manifest's folder is read or written.",
        "assets.toml:7: promt: there is no such field. Did you mean prompt?",
    ]
    assert "2 things are wrong, and nothing was sent." in ended.stderr
    assert (as_json.json["exit_code"], as_json.json["error"]["code"]) == (2, "manifest")
    assert "assets.toml:7: promt: there is no such field." in as_json.json["error"]["message"]


def test_on_github_actions_a_check_is_annotated_and_summarised(imgen: Program) -> None:
    assert imgen.run("batch", "--init").code == 0
    summary = imgen.cwd / "summary.md"
    summary.write_text("before\n")
    actions = Program(imgen.home, imgen.cwd, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})

    differs = actions.run("batch", "--check")
    (imgen.cwd / "assets.toml").write_text('[[asset]]\npath = "a.gif"\nprompt = "x"\n')
    wrong = actions.run("batch", "--check")

    annotations = [line for line in differs.stderr.splitlines() if line.startswith("::")]
    assert annotations[0] == (
        "::error file=assets.toml,line=17,title=art/lighthouse.png::art/lighthouse.png was never made"
    )
    assert len(annotations) == 3
    assert summary.read_text().startswith("before\n### imgen batch: 3 of 3 assets differ\n")
    assert "::error file=assets.toml,line=2,title=path::'a.gif' ends in .gif, which cannot be written." in wrong.stderr
    assert wrong.code == 2


def test_the_schema_of_a_manifest_is_printed_for_editors(imgen: Program) -> None:
    printed = imgen.run("schema", "manifest")

    schema = json.loads(printed.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {"defaults", "asset"} == set(schema["properties"])


def test_a_check_reads_and_writes_nothing_but_the_project(imgen: Program) -> None:
    assert imgen.run("batch", "--init").code == 0
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in imgen.cwd.iterdir()}

    assert imgen.run("batch", "--check").code == 13

    assert before == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in imgen.cwd.iterdir()}
    assert not imgen.home.exists()
