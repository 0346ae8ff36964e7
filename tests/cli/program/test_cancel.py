"""imgen cancel: what a service can stop is stopped, what it cannot is said at once, and nothing is bought by it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from pathlib import Path

    from cli.program.program import Program

HOURS = 3600.0
MODELS = {
    "fal": ("-m", "nano-banana-2.1"),
    "gemini": ("-m", "nano-banana-2.1", "--channel", "batch"),
    "gmicloud": ("-m", "gemini-3-pro"),
}


def ordered(here: Program, provider: str) -> str:
    """The id of a job that a service has accepted."""
    ended = here.run("generate", "a fox", "-p", provider, *MODELS[provider], "--no-wait", "-q")
    assert ended.code == ExitCode.DONE, ended.stderr
    return ended.lines[-1]


@pytest.mark.parametrize("provider", ["fal", "gemini"])
def test_a_job_that_has_not_begun_is_stopped_and_counts_as_uncertain_until_it_is_closed(
    tmp_path: Path, imgen: Program, provider: str
) -> None:
    with SandboxServer(tmp_path / "far", seconds=8 * HOURS) as server:
        here = imgen.at(server.origin)
        job = ordered(here, provider)
        stopped = here.run("cancel", job)
        again = here.run("cancel", job)

    assert (stopped.code, f"Cancelled: {job}." in stopped.stderr) == (ExitCode.DONE, True), stopped.stderr
    assert f"imgen forget {job}" in stopped.stderr
    assert here.jobs()[0].state is State.CANCELLED
    assert (again.code, again.stderr) == (ExitCode.DONE, f"{job} is cancelled: there is nothing to stop.\n")
    [row] = here.run("costs", "--json").json["costs"]["rows"]
    assert row["doubtful_jobs"] == 1
    assert here.run("forget", job).code == ExitCode.DONE
    assert here.run("costs", "--json").json["costs"]["rows"] == []


def test_what_has_begun_at_fal_goes_on_and_what_has_ended_is_fetched(tmp_path: Path, imgen: Program) -> None:
    later = 0.0
    with SandboxServer(tmp_path / "far", seconds=8 * HOURS, now=lambda: time.time() + later) as server:
        here = imgen.at(server.origin)
        job = ordered(here, "fal")
        later = 4 * HOURS
        begun = here.run("cancel", job, "--json")
        later = 9 * HOURS
        ended = here.run("cancel", job)
        saved = here.run("download", job, "-q")

    assert begun.code == ExitCode.UNFINISHED, begun.stderr
    assert begun.json["jobs"][0]["state"] == "running"
    assert "goes on so far" in begun.json["error"]["message"]
    assert ended.code == ExitCode.NOT_SAVED, ended.stderr
    assert f"imgen download {job}" in ended.stderr
    assert saved.code == ExitCode.DONE, saved.stderr


def test_a_service_that_cannot_be_asked_is_not_and_nothing_is_asked_of_the_others(
    tmp_path: Path, imgen: Program
) -> None:
    log: list[str] = []
    with SandboxServer(tmp_path / "far", seconds=8 * HOURS, log=log.append) as server:
        here = imgen.at(server.origin)
        jobs = [ordered(here, provider) for provider in ("fal", "gmicloud")]
        before = len(log)
        refused = here.run("cancel", *jobs)

    assert refused.code == ExitCode.USAGE
    assert f"cannot be asked to stop a job: {jobs[1]} goes on" in " ".join(refused.stderr.split())
    assert log[before:] == []
