"""The lock survives kills, branches, clones and other versions, and is never overwritten where it cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.batch.locks import lock_text, locked
from imgen.batch.lock import Content, LockFile, check_writable, line, lock_path, merge_attribute, read
from imgen.batch.reading.findings import BadManifest
from imgen.errors import ExitCode, UsageProblem
from imgen.installation import installation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from imgen.batch.lock import Locked

NAMES = ["ant", "bee", "cat", "dog", "elk"]


def base() -> dict[str, Locked]:
    return {f"{name}.png": locked(f"{name}.png") for name in NAMES}


def wrong(path: Path) -> list[str]:
    with pytest.raises(BadManifest) as caught:
        read(path, path.name)
    assert caught.value.exit_code is ExitCode.USAGE
    return [str(found) for found in caught.value.findings]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    full = locked(
        "ärt/cat.webp",
        original=Content("0" * 64, 7),
        sandbox=True,
        max_width=800,
        tag=True,
        model="a \u202e \x1b model",
    )
    adopted = locked("dog.png", job=None, service=None, model=None, cost=None)

    LockFile(tmp_path / "assets.lock", "assets.lock").update([full, adopted])

    assert read(tmp_path / "assets.lock", "assets.lock") == {full.path: full, adopted.path: adopted}
    assert read(tmp_path / "none.lock", "none.lock") == {}


def test_one_line_an_asset_in_the_order_of_paths(tmp_path: Path) -> None:
    path = tmp_path / "assets.lock"
    lock = LockFile(path, "assets.lock")

    lock.update(reversed(base().values()))
    lock.update([locked("bee.png", "other")], removed=["ant.png", "unknown.png"])

    header, *lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(header) == {"imgen_lock": 1}
    assert [json.loads(each)["path"] for each in lines if each] == ["bee.png", "cat.png", "dog.png", "elk.png"]
    assert [bool(each) for each in lines] == [False, True] * 4
    assert "\x1b" not in line(locked(model="\x1b"))
    assert lock.assets["bee.png"] == locked("bee.png", "other")


def test_what_another_process_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "assets.lock"
    one, other = LockFile(path, "assets.lock"), LockFile(path, "assets.lock")

    one.update([locked("a.png")])
    other.update([locked("b.png")])
    one.update([locked("c.png")], removed=["b.png"])

    assert set(read(path, "assets.lock")) == {"a.png", "c.png"}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["assets.lock"]


def test_a_lock_that_broke_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "assets.lock"
    lock = LockFile(path, "assets.lock")
    lock.update([locked()])
    path.write_text("<<<<<<< HEAD\n")

    with pytest.raises(BadManifest, match="a merge left a conflict here"):
        lock.update([locked("b.png")])

    assert path.read_text() == "<<<<<<< HEAD\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make symbolic links")
def test_a_link_is_never_followed_out_of_the_project(tmp_path: Path) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.write_text("mine")
    project.mkdir()
    (project / "assets.lock").symlink_to(outside)

    assert wrong(project / "assets.lock")[0].startswith(
        "assets.lock: 'assets.lock' leads out of the project by a link."
    )
    assert outside.read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights on files")
def test_a_new_lock_is_as_open_as_any_new_file(tmp_path: Path) -> None:
    LockFile(tmp_path / "assets.lock", "assets.lock").update([locked()])
    (tmp_path / "other").touch()

    assert (tmp_path / "assets.lock").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_lock_has_its_manifests_name(tmp_path: Path) -> None:
    assert lock_path(tmp_path / "art.v2.toml") == tmp_path / "art.v2.lock"


def test_a_folder_that_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"assets\.lock cannot be written: no such file or directory"):
        check_writable(tmp_path / "gone" / "assets.lock", "assets.lock")

    check_writable(tmp_path / "assets.lock", "assets.lock")

    assert list(tmp_path.iterdir()) == []


# Broken ---------------------------------------------------------------------------------------------------------


def change(name: str, value: object) -> Callable[[str], str]:
    def changed(text: str) -> str:
        header, _, first, *rest = text.split("\n")
        return "\n".join([header, "", json.dumps({**json.loads(first), name: value}), *rest])

    return changed


CHECKOUT = "git checkout brings back what it was."
BROKEN: list[tuple[Callable[[str], str], list[str]]] = [
    (lambda text: "", ["assets.lock:1: it is no lock of imgen."]),
    (lambda text: "# yarn lockfile v1\n", ["assets.lock:1: it is no lock of imgen."]),
    (lambda text: "[" * 100_000, ["assets.lock:1: it is no lock of imgen."]),
    (lambda text: "[1]\n", ["assets.lock:1: it is no lock of imgen."]),
    (
        lambda text: text.replace('{"imgen_lock": 1}', '{"imgen_lock": 2, "new": true}'),
        [f"assets.lock:1: it has version 2, which this imgen does not know. {installation().upgraded()}"],
    ),
    (lambda text: "<<<<<<< HEAD\n" + text, ["assets.lock:1: a merge left a conflict here."]),
    (lambda text: text.replace("\n\n", "\n<<<<<<< ours\n", 1), ["assets.lock:2: a merge left a conflict here."]),
    (lambda text: text + ">>>>>>> theirs\n", ["assets.lock:12: a merge left a conflict here."]),
    (lambda text: text[:-20], [f"assets.lock:11: the line is broken: it is not valid JSON. {CHECKOUT}"]),
    (
        lambda text: text.replace('"path"', "path"),
        [f"assets.lock:{n}: the line is broken: it is not valid JSON. {CHECKOUT}" for n in (3, 5, 7, 9, 11)],
    ),
    (lambda text: text + "7\n", ["assets.lock:12: the line is broken: input should be an object."]),
    (lambda text: text + "[" * 100_000, ["assets.lock:12: the line is broken: it is not valid JSON."]),
    (
        lambda text: text.replace('"path": "bee', '"path": "b\nee'),
        [f"assets.lock:{n}: the line is broken: it is not valid JSON. {CHECKOUT}" for n in (5, 6)],
    ),
    (change("size", "7"), ["assets.lock:3: size: the line is broken: input should be a valid integer."]),
    (change("size", -1), ["assets.lock:3: size: the line is broken: no such value was ever written."]),
    (change("sha256", "f" * 63), ["assets.lock:3: sha256: the line is broken: no such value"]),
    (change("recipe", "F" * 64), ["assets.lock:3: recipe: the line is broken: no such value"]),
    (change("original", {"sha256": "x", "size": 1}), ["assets.lock:3: original: the line is broken: no such value"]),
    (change("path", "../../etc/x.png"), ["assets.lock:3: path: the line is broken: no such value"]),
    (change("path", "/etc/x.png"), ["assets.lock:3: path: the line is broken: no such value"]),
    (change("path", "./ant.png"), ["assets.lock:3: path: the line is broken: no such value"]),
    (change("path", "ant.sh"), ["assets.lock:3: path: the line is broken: no such value"]),
    (change("cost", {"amount": "-5", "unit": "usd"}), ["assets.lock:3: cost: the line is broken: no such value"]),
    (change("cost", {"amount": "NaN", "unit": "usd"}), ["assets.lock:3: cost: the line is broken: no such value"]),
    (change("cost", {"amount": "1e9", "unit": "usd"}), ["assets.lock:3: cost: the line is broken: no such value"]),
    (change("time", "today"), ["assets.lock:3: time: the line is broken: no such value"]),
    (change("new", 1), ["assets.lock:3: new: the line is broken: unexpected keyword argument."]),
    (lambda text: "\ufeff\0" + text, ["assets.lock:1: it is no lock of imgen."]),
]


@pytest.mark.parametrize(("broken", "said"), BROKEN)
def test_a_broken_lock_is_said_with_its_line(tmp_path: Path, broken: Callable[[str], str], said: list[str]) -> None:
    path = tmp_path / "assets.lock"
    path.write_text(broken(lock_text(base().values())), encoding="utf-8", newline="")

    found = wrong(path)

    assert len(found) == len(said)
    for sentence, start in zip(found, said, strict=True):
        assert sentence.startswith(start)


def test_a_lock_that_is_a_folder_or_no_text(tmp_path: Path) -> None:
    (tmp_path / "folder.lock").mkdir()
    (tmp_path / "assets.lock").write_bytes(b'{"imgen_lock": 1}\n\n\xff')

    assert wrong(tmp_path / "folder.lock")[0].startswith("folder.lock: 'folder.lock' is a folder.")
    assert wrong(tmp_path / "assets.lock")[0].startswith("assets.lock:3: it is not valid UTF-8.")


def test_windows_line_ends_and_another_order_are_read(tmp_path: Path) -> None:
    path = tmp_path / "assets.lock"
    header, *lines = lock_text(base().values()).split("\n")
    path.write_text("\r\n".join([header, *reversed(lines), lines[1], ""]), newline="")

    assert read(path, "assets.lock") == base()


# Branches -------------------------------------------------------------------------------------------------------


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    names = {f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=30)


def merged(folder: Path, ours: Sequence[Locked], theirs: Sequence[Locked], *, union: bool) -> bool:
    """Write both in branches of their own and merge; whether git had no conflict."""
    lock = folder / "assets.lock"
    git(folder, "init", "-q", "-b", "main")
    if union:
        (folder / ".gitattributes").write_text(merge_attribute("assets.lock") + "\n")
    LockFile(lock, lock.name).update(base().values())
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "base")
    for branch, made in (("ours", ours), ("theirs", theirs)):
        git(folder, "checkout", "-qb", branch, "main")
        LockFile(lock, lock.name).update(made)
        assert git(folder, "commit", "-qam", branch).returncode == 0
    git(folder, "checkout", "-q", "ours")
    return git(folder, "merge", "-q", "theirs").returncode == 0


@pytest.mark.parametrize("union", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(["ant"], ["elk"], id="far apart"),
        pytest.param(["bee"], ["cat"], id="neighbours"),
        pytest.param(["ant", "cat", "elk"], ["bee", "dog"], id="every other one"),
        pytest.param(["ant2", "bee2"], ["cat2", "dog2"], id="new ones in gaps of their own"),
        pytest.param(["bee2"], ["bee", "elk"], id="a new one after a changed one"),
    ],
)
def test_branches_that_made_different_assets_merge(
    tmp_path: Path, ours: list[str], theirs: list[str], union: bool
) -> None:
    made = [[locked(f"{name}.png", f"new {name}") for name in names] for names in (ours, theirs)]

    assert merged(tmp_path, *made, union=union)

    expected = base() | {each.path: each for each in made[0] + made[1]}
    assert read(tmp_path / "assets.lock", "assets.lock") == expected


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param([f"cat-{n}" for n in range(0, 20, 2)], [f"cat-{n}" for n in range(1, 20, 2)], id="in one gap"),
        pytest.param(["ant2", "bee2"], ["bee", "cat"], id="new ones before changed ones"),
        pytest.param(["ant", "ant2"], ["ant3", "bee"], id="all that touch"),
    ],
)
def test_new_assets_in_one_place_merge_with_the_attribute(tmp_path: Path, ours: list[str], theirs: list[str]) -> None:
    later = {"time": "2026-11-27T00:00:00Z"}
    made = [[locked(f"{name}.png", f"new {name}", **later) for name in names] for names in (ours, theirs)]

    assert merged(tmp_path, *made, union=True)

    expected = base() | {each.path: each for each in made[0] + made[1]}
    assert read(tmp_path / "assets.lock", "assets.lock") == expected


def test_new_assets_in_one_gap_are_one_conflict_without_it(tmp_path: Path) -> None:
    lock = tmp_path / "assets.lock"

    assert not merged(tmp_path, [locked("cat-1.png")], [locked("cat-2.png")], union=False)

    lines = lock.read_text().splitlines(keepends=True)
    marks = [number for number, text in enumerate(lines, start=1) if text.startswith(("<<<<<<<", "=======", ">>>>>>>"))]
    assert len(marks) == 3
    assert wrong(lock)[0].startswith(f"assets.lock:{marks[0]}: a merge left a conflict here. Delete the lines with")
    lock.write_text("".join(text for number, text in enumerate(lines, start=1) if number not in marks))
    assert set(read(lock, "assets.lock")) == {*base(), "cat-1.png", "cat-2.png"}


@pytest.mark.parametrize("union", [False, True])
def test_an_asset_made_on_both_branches_is_the_newer_one(tmp_path: Path, union: bool) -> None:
    ours, theirs = (
        locked(content="ours", time="2026-11-27T00:00:00Z"),
        locked(content="theirs", time="2026-11-26T09:00:00Z"),
    )

    assert merged(tmp_path, [ours], [theirs], union=union) == union

    if union:
        assert read(tmp_path / "assets.lock", "assets.lock") == base() | {"cat.png": ours}
    else:
        assert "a merge left a conflict" in wrong(tmp_path / "assets.lock")[0]


def test_the_same_change_on_both_branches_is_one(tmp_path: Path) -> None:
    same = replace(locked("cat.png", "new"))

    assert merged(tmp_path, [same], [same, locked("cow.png")], union=True)

    assert read(tmp_path / "assets.lock", "assets.lock") == base() | {"cat.png": same, "cow.png": locked("cow.png")}
