"""Coming back to a job in another process and another folder, and taking over one that was made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, SMALL, Program, served
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def log() -> list[str]:
    """A line for every request that reached the services."""
    return []


@pytest.fixture
def there(imgen: Program, tmp_path: Path, log: list[str]) -> Iterator[Program]:
    """imgen with services that live longer than its processes."""
    with served(tmp_path / "far side", log) as origin:
        yield imgen.at(origin)


def submitted(there: Program, provider: str = "3daistudio") -> str:
    """The id that `--no-wait` prints."""
    ended = there.run("generate", "a red fox", "-p", provider, *SMALL, "--no-wait")
    assert ended.code == ExitCode.DONE, ended.stderr
    (job_id,) = ended.lines
    return job_id


def posts(log: list[str]) -> int:
    return sum(line.startswith("POST ") for line in log)


def test_each_command_finds_the_job_by_id_by_prefix_and_by_remote_id(
    there: Program, tmp_path: Path, log: list[str]
) -> None:
    job_id = submitted(there)
    (record,) = there.jobs()
    assert record.id == job_id
    assert record.state in (State.QUEUED, State.RUNNING)
    assert record.remote_id
    elsewhere = there.elsewhere(tmp_path / "elsewhere")

    asked = elsewhere.run("status", job_id[:3], "--json")
    waited = elsewhere.run("wait", record.remote_id, *OFTEN)
    downloaded = elsewhere.run("download", job_id)

    assert [job["id"] for job in asked.json["jobs"]] == [job_id]
    assert (asked.code, waited.code, downloaded.code) == (0, 0, 0), waited.stderr
    (result,) = there.jobs()[0].results
    assert result.path
    assert result.path.parent == there.cwd
    assert waited.lines == downloaded.lines == [str(result.path)]
    assert list(elsewhere.cwd.iterdir()) == []
    assert posts(log) == 1


def test_without_ids_everything_open_is_meant(there: Program, log: list[str]) -> None:
    ids = {submitted(there), submitted(there, "gptproto")}

    answer = there.run("status", "--json")
    assert {job["id"] for job in answer.json["jobs"]} == ids
    waited = there.run("wait", "--json", *OFTEN)
    assert {job["state"] for job in waited.json["jobs"]} == {"saved"}
    before = len(log)
    for command in ("status", "wait", "download"):
        nothing = there.run(command)
        assert (nothing.code, nothing.stdout) == (0, b"")
        assert nothing.stderr == "Nothing is open: every job is saved or closed.\n"

    assert len(log) == before
    assert posts(log) == 2


def test_status_asks_once_and_saves_nothing_and_download_does_not_wait(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far side", log, seconds=600) as origin:
        there = imgen.at(origin)
        job_id = submitted(there)
        answer = there.run("status")
        asked = sum("/status/" in line for line in log)
        downloaded = there.run("download", job_id)
        waited = there.run("wait", job_id, "--timeout", "0.2", "--json", *OFTEN)

    assert answer.code == ExitCode.DONE
    assert answer.stderr == (
        f"The key of 3D AI Studio goes to {origin} (THREEDAISTUDIO_BASE_URL), not to https://api.3daistudio.com.\n"
    )
    assert job_id in answer.stdout.decode()
    assert asked == 1
    assert (downloaded.code, downloaded.stdout) == (ExitCode.UNFINISHED, b"")
    assert downloaded.stderr.splitlines()[-1] == f"  try: imgen wait {job_id}"
    assert waited.code == waited.json["exit_code"] == ExitCode.UNFINISHED
    assert waited.json["error"]["hint"] == f"imgen wait {job_id}"
    assert waited.json["jobs"][0]["state"] in ("queued", "running")
    assert list(there.cwd.iterdir()) == []


def test_a_picture_that_was_deleted_is_fetched_again(there: Program, log: list[str]) -> None:
    saved = there.run("generate", "a red fox", "-p", "3daistudio", *SMALL, "-o", "fox.png", *OFTEN)
    path = there.cwd / "fox.png"
    picture = path.read_bytes()
    path.unlink()

    again = there.run("download", there.jobs()[0].id, "--json")

    assert (saved.code, again.code) == (0, 0), again.stderr
    assert again.json["jobs"][0]["files"][0]["path"] == str(path)
    assert path.read_bytes() == picture
    assert posts(log) == 1


@pytest.mark.parametrize("provider", ["3daistudio", "gptproto"])
def test_a_job_that_was_submitted_elsewhere_is_taken_over(there: Program, tmp_path: Path, provider: str) -> None:
    submitted(there, provider)
    (theirs,) = there.jobs()
    assert theirs.remote_id
    mine = Program(tmp_path / "another home", tmp_path / "desk", there.variables)

    adopted = mine.run("wait", "-p", provider, theirs.remote_id, "--json", *OFTEN)
    again = mine.run("status", "-p", provider, theirs.remote_id, "--json")

    assert (adopted.code, again.code) == (0, 0), adopted.stderr
    (job,) = adopted.json["jobs"]
    assert (job["provider"], job["remote_id"], job["state"]) == (provider, theirs.remote_id, "saved")
    assert [job["id"] for job in again.json["jobs"]] == [job["id"]]
    assert len(mine.jobs()) == 1


def test_an_id_that_the_service_does_not_know_is_not_taken_over(there: Program, log: list[str]) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"

    answer = there.run("status", "-p", "3daistudio", unknown)
    answered = there.run("wait", "-p", "3daistudio", unknown, "--json")

    assert (answer.code, answer.stdout) == (ExitCode.REFUSED, b"")
    assert "Nothing was recorded." in answer.stderr
    assert answered.code == answered.json["exit_code"] == ExitCode.REFUSED
    assert answered.json["error"]["code"] == "job_not_found"
    assert there.jobs() == []
    assert posts(log) == 0


def test_a_service_that_cannot_be_reached_or_refuses_the_key_says_nothing_of_the_job(imgen: Program) -> None:
    unreachable = imgen.at("http://127.0.0.1:9").run("wait", "-p", "3daistudio", "some-id", "--json")

    assert unreachable.code == unreachable.json["exit_code"] == ExitCode.UNREACHABLE
    assert unreachable.json["error"]["code"] == "unreachable"
    assert imgen.jobs() == []


def test_a_job_that_was_forgotten_is_open_no_more(imgen: Program) -> None:
    doubtful = Program(imgen.home, imgen.cwd, {"IMGEN_SANDBOX_FAULTS": "lost-reply"})

    lost = doubtful.run("generate", "a blue fox", "--sandbox", *SMALL)
    job_id = imgen.jobs()[-1].id
    refused = imgen.run("generate", "a blue fox", "--sandbox", *SMALL)
    still = imgen.run("wait")
    closed = imgen.run("forget", job_id)
    nothing = imgen.run("wait")

    assert (lost.code, refused.code, still.code) == (10, 10, 10)
    assert f"imgen wait {job_id}" in refused.stderr
    assert (closed.code, closed.stderr) == (0, f"Closed: {job_id}.\n")
    assert nothing.code == ExitCode.DONE
    assert len(imgen.jobs()) == 1
