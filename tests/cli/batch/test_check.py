"""The check finds every way in which a project is not what its manifest says, from its files alone."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cli.batch.locks import locked, sha256
from cli.batch.manifests import asset, orderable
from imgen.batch.check import check
from imgen.batch.disk import look
from imgen.batch.lock import LockFile
from imgen.batch.manifest import load
from imgen.batch.reading.findings import BadManifest
from imgen.batch.standing import Standing, standings
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.batch.check import CheckReport
    from imgen.batch.standing import Standings

STYLE = asset("day.png", references='["style.jpg"]')
NIGHT = asset("night.png", references='["day.png"]')
MANIFEST = asset("cat.png") + STYLE + NIGHT
PATHS = ("cat.png", "day.png", "night.png")


def made(project: Path, **changes: Any) -> None:
    """Make and lock every asset as the manifest has it."""
    manifest = load(project / "assets.toml", "assets.toml", orderable)
    lock = LockFile(project / "assets.lock", "assets.lock")
    for each in manifest.assets:
        item = next(item for item in standings(manifest, lock.assets, sandbox=False).items if item.asset == each)
        assert item.recipe
        path = project / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(each.path)
        lock.update([locked(each.path, each.path, recipe=item.recipe, **changes)])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "style.jpg").write_bytes(b"a style")
    (tmp_path / "assets.toml").write_text(MANIFEST)
    made(tmp_path)
    return tmp_path


def checked(project: Path, *, sandbox: bool = False) -> CheckReport:
    return check(project / "assets.toml", "assets.toml", orderable, sandbox=sandbox)


def said(project: Path, *, sandbox: bool = False) -> list[str]:
    return [str(each) for each in checked(project, sandbox=sandbox).differences]


def state(project: Path) -> Standings:
    manifest = load(project / "assets.toml", "assets.toml", orderable)
    return standings(manifest, LockFile(project / "assets.lock", "assets.lock").assets, sandbox=False)


def relock(project: Path, path: str, **changes: Any) -> None:
    lock = LockFile(project / "assets.lock", "assets.lock")
    lock.update([replace(lock.assets[path], **changes)])


def test_a_project_that_is_what_it_says(project: Path) -> None:
    report = checked(project)

    assert (report.assets, report.differences, report.exit_code) == (3, (), ExitCode.DONE)
    assert [item.standing for item in state(project).items] == [Standing.CURRENT] * 3


def removed(path: Path) -> bool:
    path.unlink()
    return True


CHANGED = "has another recipe now: its prompt, a parameter or a reference changed"
NIGHT_TOO = "night.png goes on from day.png, which is made anew"
DIFFERENCES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "gone": (lambda at: (at / "cat.png").unlink(), ["cat.png is gone from the disk; job abc234 made it"]),
    "by hand": (
        lambda at: (at / "cat.png").write_text("cat.pnG"),
        ["cat.png was changed by hand since it was made"],
    ),
    "by hand, another size": (
        lambda at: (at / "cat.png").write_text("x"),
        ["cat.png was changed by hand since it was made"],
    ),
    "prompt": (
        lambda at: (at / "assets.toml").write_text(MANIFEST.replace("a cat", "a dog", 1)),
        [f"cat.png {CHANGED}"],
    ),
    "reference": (
        lambda at: (at / "style.jpg").write_bytes(b"another style"),
        [f"day.png {CHANGED}", NIGHT_TOO],
    ),
    "both by hand and recipe": (
        lambda at: ((at / "style.jpg").write_bytes(b"x"), (at / "day.png").write_text("mine")),
        ["day.png was changed by hand since it was made, and its recipe changed"],
    ),
    "never made": (
        lambda at: (at / "assets.toml").write_text(MANIFEST + asset("new.png")),
        ["new.png was never made"],
    ),
    "made by others": (
        lambda at: ((at / "assets.toml").write_text(MANIFEST + asset("new.png")), (at / "new.png").write_text("")),
        ["new.png is there, and the lock does not know it"],
    ),
    "no longer wanted": (
        lambda at: (at / "assets.toml").write_text(STYLE + NIGHT),
        ["cat.png is no longer in the manifest"],
    ),
    "no longer wanted and gone": (
        lambda at: ((at / "assets.toml").write_text(STYLE + NIGHT), removed(at / "cat.png")),
        ["cat.png is no longer in the manifest, and its file is gone"],
    ),
    "the sandbox's": (lambda at: relock(at, "cat.png", sandbox=True), ["cat.png was made in the sandbox only"]),
    "another width": (
        lambda at: (at / "assets.toml").write_text(MANIFEST + "max_width = 800\ntag = true\n"),
        ["night.png has another max_width now: 800, before none and is to be tagged"],
    ),
    "no tag any more": (
        lambda at: relock(at, "night.png", tag=True),
        ["night.png is not to be tagged any more"],
    ),
    "a picture it goes on from gets another width": (
        lambda at: (at / "assets.toml").write_text(asset("cat.png") + STYLE + "max_width = 800\n" + NIGHT),
        ["day.png has another max_width now: 800, before none", NIGHT_TOO],
    ),
    "a picture it goes on from is gone": (
        lambda at: (at / "day.png").unlink(),
        ["day.png is gone from the disk; job abc234 made it"],
    ),
    "another service": (
        lambda at: (at / "assets.toml").write_text('[defaults]\nprovider = "reapi"\n' + MANIFEST),
        [],
    ),
    "the lock": (
        lambda at: (at / "assets.lock").unlink(),
        [f"{p} is there, and the lock does not know it" for p in PATHS],
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_difference_is_found_and_named(project: Path, name: str) -> None:
    change, expected = DIFFERENCES[name]
    change(project)

    assert said(project) == expected
    assert checked(project).exit_code == (ExitCode.DIFFERENT if expected else ExitCode.DONE)


def test_a_folder_in_the_place_of_a_picture_is_refused(project: Path) -> None:
    (project / "cat.png").unlink()
    (project / "cat.png").mkdir()

    with pytest.raises(BadManifest, match=r"assets.toml:2: path: 'cat.png' is a folder"):
        checked(project)


def test_what_the_sandbox_made_is_accepted_where_the_sandbox_is_meant(project: Path) -> None:
    for path in PATHS:
        relock(project, path, sandbox=True)

    assert len(said(project)) == 3
    assert said(project, sandbox=True) == []


def test_each_difference_stands_on_its_line(project: Path) -> None:
    (project / "assets.toml").write_text(MANIFEST + asset("new.png"))
    (project / "day.png").unlink()

    assert [(each.path, each.kind, each.line) for each in checked(project).differences] == [
        ("day.png", "missing", 4),
        ("new.png", "missing", 12),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes among its files")
def test_a_pipe_in_the_place_of_a_picture_holds_nothing_up(project: Path) -> None:
    (project / "cat.png").unlink()
    os.mkfifo(project / "cat.png")

    assert said(project) == ["cat.png cannot be read: it is no file"]


def test_files_are_looked_at_in_the_order_they_are_given_by_any_number_of_threads(tmp_path: Path) -> None:
    names = [f"{n:04}" for n in range(500, 0, -1)]
    for name in names:
        (tmp_path / name).write_text(name)
    expected = {name: 4 if int(name) % 2 else 5 for name in names} | {"gone": 4}

    one, several = look(tmp_path, expected, 1), look(tmp_path, expected, 4)

    assert list(several) == [*names, "gone"]
    assert several == one
    assert several["gone"] is None
    assert [found.sha256 if found else "" for found in several.values()] == [
        *(sha256(name) if int(name) % 2 else None for name in names),
        "",
    ]


def test_ten_thousand_assets_are_checked_in_no_time(tmp_path: Path) -> None:
    (tmp_path / "assets.toml").write_text("".join(asset(f"{n}.png") for n in range(10_000)))
    began = time.process_time()

    report = checked(tmp_path)

    assert len(report.differences) == 10_000
    assert time.process_time() - began < 20  # it takes a second; squares of it would take minutes
