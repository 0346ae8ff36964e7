"""Pictures of the fleet's storage on a machine that neither ordered nor made them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.fleet.test_program import ASSETS, run
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from cli.program.program import Program
    from imgen.ledger.postgres.ledger import PostgresLedger
    from imgen.records import JobRecord


@pytest.fixture
def made(laptop: Program, ledger: PostgresLedger, tmp_path: Path) -> JobRecord:
    """A job that a worker has saved in the storage; its service is gone with that worker."""
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    run(laptop, "batch", "--queue", "--sandbox", "--only", "art/fox.png")
    run(replace(laptop, home=tmp_path / "worker"), "work", "--until-idle", "--sandbox", "--poll-every", "0.05", "-q")
    [job] = ledger.jobs.find("")
    return job


@pytest.fixture
def desk(laptop: Program, tmp_path: Path) -> Program:
    """Another machine."""
    return replace(laptop.elsewhere(tmp_path / "another desk"), home=tmp_path / "another home")


def stored(job: JobRecord) -> Path:
    """The object of a job's picture, in a storage that is a folder."""
    return Path(str(job.results[0].object).removeprefix("file://"))


def test_a_picture_comes_from_the_storage_once(desk: Program, made: JobRecord) -> None:
    answer = run(desk, "download", made.id, "--json").json
    [file] = answer["jobs"][0]["files"]

    here = Path(file["path"])
    assert here.is_relative_to(desk.home)
    assert here.read_bytes() == stored(made).read_bytes()
    assert (file["object"], file["state"], file["sha256"]) == (made.results[0].object, "saved", made.results[0].sha256)
    stored(made).unlink()
    assert run(desk, "download", made.id).lines == [str(here)]
    assert [job.state for job in desk.jobs()] == []


def test_it_goes_where_it_is_wanted(desk: Program, made: JobRecord) -> None:
    downloaded = run(desk, "download", made.id, "-o", "pictures/")

    [path] = map(Path, downloaded.lines)
    assert path.parent == desk.cwd / "pictures"
    assert path.read_bytes() == stored(made).read_bytes()


@pytest.mark.parametrize("command", ["status", "history", "show", "wait"])
def test_json_names_the_object(desk: Program, made: JobRecord, command: str) -> None:
    named = ["--sandbox"] if command == "history" else [made.id]

    [job] = run(desk, command, *named, "--json").json["jobs"]

    assert [(file["object"], file["path"]) for file in job["files"]] == [(made.results[0].object, None)]


def test_show_and_gallery_show_it(desk: Program, made: JobRecord) -> None:
    shown = run(desk, "show", made.id)
    run(desk, "gallery", "--sandbox", "-o", "page.html")

    here = shown.lines[-2].strip()
    assert Path(here).read_bytes() == stored(made).read_bytes()
    assert shown.lines[-1].strip() == made.results[0].object
    assert "data:image" in (desk.cwd / "page.html").read_text()


def test_open_opens_it(desk: Program, made: JobRecord, tmp_path: Path) -> None:
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text("#!/bin/sh\n")
    opener.chmod(0o755)
    viewing = replace(desk, variables={**desk.variables, "PATH": str(opener.parent)})

    [path] = run(viewing, "open", made.id).lines

    assert Path(path).read_bytes() == stored(made).read_bytes()


def test_an_edit_goes_on_from_it(desk: Program, made: JobRecord, ledger: PostgresLedger) -> None:
    run(desk, "edit", "at night", "-i", made.id, "--sandbox", "-o", "night.png", "--poll-every", "0.05")

    assert (desk.cwd / "night.png").exists()
    assert ledger.jobs.find("")[-1].parent_id == made.id


def test_other_bytes_are_not_delivered(desk: Program, made: JobRecord) -> None:
    stored(made).write_bytes(b"another picture")

    refused = run(desk, "download", made.id, code=ExitCode.NOT_SAVED)

    assert f"is not the picture that was saved for job {made.id}" in refused.stderr.replace("\n", " ")
    assert refused.lines == []
    assert not list(desk.home.rglob(f"{made.id}*"))


def test_a_picture_that_is_gone_from_the_storage_is_reported(desk: Program, made: JobRecord) -> None:
    stored(made).unlink()

    refused = run(desk, "download", made.id, code=ExitCode.NOT_SAVED)
    shown = run(desk, "show", made.id)

    for ended in (refused, shown):
        assert f"The picture of job {made.id} is not in the storage any more" in ended.stderr.replace("\n", " ")


def test_without_the_storage_its_name_and_the_setting_are_reported(desk: Program, made: JobRecord) -> None:
    bare = replace(desk, variables={n: v for n, v in desk.variables.items() if n != "IMGEN_STORE"})

    refused = run(bare, "open", made.id, code=ExitCode.KEY)
    gallery = run(bare, "gallery", "--sandbox", code=ExitCode.USAGE)

    for ended in (refused, gallery):
        assert "and IMGEN_STORE is not set here." in ended.stderr.replace("\n", " ")
