"""Where pictures go: a place that cannot take them is found before they are paid for, and no file is lost to one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, SMALL, Program
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

FOX = ("generate", "a red fox", "--sandbox", "-p", "3daistudio", *SMALL, *OFTEN)


def with_faults(imgen: Program, faults: str) -> Program:
    return replace(imgen, variables={**imgen.variables, "IMGEN_SANDBOX_FAULTS": faults})


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("template", ["{provider}/{id}.png", "{provider}/{slug}.png", "{provider}/{id}/fox.png"])
def test_a_link_that_leads_out_of_the_folder_is_found_before_anything_is_sent(
    imgen: Program, elsewhere: Path, template: str
) -> None:
    (imgen.cwd / "3daistudio").symlink_to(elsewhere)

    ended = imgen.run(*FOX, "-o", template)

    assert ended.code == ExitCode.USAGE, ended.stderr
    assert f"{imgen.cwd / '3daistudio'} is a link that leads out of {imgen.cwd}" in ended.stderr
    assert imgen.jobs() == []


def test_a_link_that_appears_after_the_order_costs_no_picture(imgen: Program, elsewhere: Path) -> None:
    """It is said after payment, as often as it is asked, and the picture is there once the link is gone."""
    folder = imgen.cwd / "3daistudio"
    job_id = imgen.run(*FOX, "-o", "{provider}/{id}.png", "--no-wait").lines[0]
    folder.rmdir()
    folder.symlink_to(elsewhere)

    for _ in range(2):
        ended = imgen.run("wait", job_id, *OFTEN)
        assert ended.code == ExitCode.NOT_SAVED
        assert "leads out of" in ended.stderr
        assert "Traceback" not in ended.stderr

    folder.unlink()
    assert imgen.run("download", job_id).lines == [str(folder / f"{job_id}.png")]
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("template", ["{provider}/{slug}.png", "{provider}/{id}.png", "{date}/../{provider}/x.png"])
def test_a_file_where_a_templates_folder_should_be_is_found_before_anything_is_sent(
    imgen: Program, template: str
) -> None:
    (imgen.cwd / "3daistudio").write_text("words")

    ended = imgen.run(*FOX, "-o", template)

    assert ended.code == ExitCode.USAGE, ended.stderr
    if ".." not in template:
        assert f"{imgen.cwd / '3daistudio'} cannot hold pictures: a file stands where a folder" in ended.stderr
    assert imgen.jobs() == []


def test_a_folder_that_cannot_take_a_picture_later_is_named(imgen: Program) -> None:
    job_id = imgen.run(*FOX, "-o", "{provider}/{id}.png", "--no-wait").lines[0]
    (imgen.cwd / "3daistudio").rmdir()
    (imgen.cwd / "3daistudio").write_text("words")

    ended = imgen.run("wait", job_id, *OFTEN)

    assert ended.code == ExitCode.NOT_SAVED
    assert f"{imgen.cwd / '3daistudio'} cannot take it" in ended.stderr


def test_overwriting_holds_for_the_name_that_was_given_and_no_other(imgen: Program) -> None:
    """The extension follows the bytes; a file that has that name by chance was never spoken of."""
    (imgen.cwd / "cat.png").write_bytes(b"named")
    (imgen.cwd / "cat.jpg").write_bytes(b"never named")

    ended = with_faults(imgen, "jpeg-as-png").run(*FOX, "-o", "cat.png", "--overwrite")

    assert ended.lines == [str(imgen.cwd / "cat-2.jpg")], ended.stderr
    assert (imgen.cwd / "cat.jpg").read_bytes() == b"never named"
    assert (imgen.cwd / "cat.png").read_bytes() == b"named"


def test_consent_to_overwrite_does_not_outlive_the_file_it_was_given_for(imgen: Program) -> None:
    dog = imgen.cwd / "dog.png"
    dog.write_bytes(b"old")
    first = imgen.run(*FOX, "-o", "dog.png", "--overwrite", "--no-wait").lines[0]
    second = imgen.run("generate", "a blue dog", *FOX[2:], "-o", "dog.png", "--overwrite")
    assert second.lines == [str(dog)], second.stderr
    paid = dog.read_bytes()
    assert paid != b"old"

    waited = imgen.run("wait", first, *OFTEN)

    assert waited.lines == [str(imgen.cwd / "dog-2.png")], waited.stderr
    assert "taken meanwhile" in waited.stderr
    assert dog.read_bytes() == paid
    assert {job.state for job in imgen.jobs()} == {State.SAVED}


def test_overwriting_is_no_consent_to_a_file_that_appears_after_the_order(imgen: Program) -> None:
    job_id = imgen.run(*FOX, "-o", "dog.png", "--overwrite", "--no-wait").lines[0]
    (imgen.cwd / "dog.png").write_bytes(b"came later")

    assert imgen.run("wait", job_id, *OFTEN).lines == [str(imgen.cwd / "dog-2.png")]
    assert (imgen.cwd / "dog.png").read_bytes() == b"came later"


def test_several_files_are_overwritten_each_by_its_own_picture(imgen: Program) -> None:
    files = [imgen.cwd / f"dog-{number}.png" for number in range(1, 6)]
    for file in files:
        file.write_bytes(b"old")

    ended = imgen.run(*FOX, "-o", "dog.png", "-n", "5", "--overwrite")

    assert ended.lines == [str(file) for file in files], ended.stderr
    assert sorted(imgen.cwd.iterdir()) == files
    assert all(file.read_bytes() != b"old" for file in files)
