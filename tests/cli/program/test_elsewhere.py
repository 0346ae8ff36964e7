"""A paid picture whose folder cannot take it any more is saved in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, SMALL, Program, served
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

FOX = ("generate", "a red fox", "--sandbox", *SMALL)


def left_unsaved(imgen: Program, *options: str) -> str:
    """A job of two pictures whose folder is gone and cannot be made again: a file has its name."""
    assert imgen.run(*FOX, "-n", "2", "-o", "there/", "--no-wait", *options).code == 0
    (job, *_) = imgen.jobs()
    folder = imgen.cwd / "there"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    return job.id


@pytest.mark.parametrize("command", ["wait", "download"])
def test_a_second_place_saves_what_the_first_cannot_take(imgen: Program, command: str) -> None:
    job = left_unsaved(imgen)
    stuck = imgen.run("wait", job, *OFTEN, "--timeout", "10")
    assert stuck.code == ExitCode.NOT_SAVED, stuck.stderr
    assert f"imgen download {job} -o" in stuck.stderr

    ended = imgen.run(command, job, "-o", "elsewhere/")

    assert ended.code == ExitCode.DONE, ended.stderr
    assert sorted(ended.lines) == sorted(map(str, (imgen.cwd / "elsewhere").iterdir()))
    assert len(ended.lines) == 2
    assert imgen.jobs()[0].state is State.SAVED


def test_a_name_is_numbered_through_all_jobs_and_a_name_that_is_taken_is_kept(imgen: Program) -> None:
    jobs = []
    for prompt in ("a fox", "an owl"):
        assert imgen.run("generate", prompt, "--sandbox", *SMALL, "--no-wait").code == 0
        jobs.append(imgen.jobs()[-1].id)
    (imgen.cwd / "pets-2.png").write_text("mine")

    ended = imgen.run("wait", *jobs, "-o", "pets.png", *OFTEN)

    assert ended.code == ExitCode.DONE, ended.stderr
    names = sorted(path.name for path in imgen.cwd.iterdir())
    assert names == ["pets-1.png", "pets-2-2.png", "pets-2.png"]
    assert (imgen.cwd / "pets-2.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("wait", "-o", "x/"), "-o says where the pictures of named jobs go."),
        (("download", "--all", "-o", "x/"), "-o says where the pictures of named jobs go."),
        (("download", "JOB", "-o", "-"), "not standard output"),
        (("download", "JOB", "-o", "taken/x.png"), "cannot hold pictures"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_place_that_cannot_be_meant_changes_nothing(imgen: Program, line: tuple[str, ...], says: str) -> None:
    job = left_unsaved(imgen)
    (imgen.cwd / "taken").write_text("a file")
    before = imgen.jobs()[0].target

    ended = imgen.run(*(job if word == "JOB" else word for word in line))

    assert ended.code == ExitCode.USAGE
    assert says in ended.stderr
    assert imgen.jobs()[0].target == before


def test_overwrite_says_where_the_old_picture_is_left_by_another_format(imgen: Program, tmp_path: Path) -> None:
    old = imgen.cwd / "fox.png"
    old.write_bytes(b"yesterday's fox")
    with served(tmp_path / "far", [], faults="jpeg-as-png") as origin:
        ended = imgen.at(origin).run("generate", "a fox", "-p", "reapi", *SMALL, "-o", "fox.png", "--overwrite", *OFTEN)

    assert ended.lines, ended.stderr
    (path,) = ended.lines
    assert old.read_bytes() == b"yesterday's fox"
    assert path != str(old)
    assert ended.code == ExitCode.PARTIAL
    assert f"{old} is the old picture still" in ended.stderr
    assert f"try: Use {path}" in ended.stderr


def test_overwrite_of_the_same_format_replaces_and_is_done(imgen: Program) -> None:
    (imgen.cwd / "fox-1.png").write_bytes(b"one")
    (imgen.cwd / "fox-2.png").write_bytes(b"two")

    ended = imgen.run(*FOX, "-n", "2", "-p", "reapi", "-o", "fox.png", "--overwrite", *OFTEN)

    assert ended.code == ExitCode.DONE, ended.stderr
    assert sorted(ended.lines) == [str(imgen.cwd / "fox-1.png"), str(imgen.cwd / "fox-2.png")]
    assert (imgen.cwd / "fox-1.png").stat().st_size > 100
