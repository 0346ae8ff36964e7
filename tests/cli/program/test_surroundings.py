"""Where imgen runs may be odd: streams, the locale, the time zone, limits, and folders that change while it waits."""

from __future__ import annotations

import shutil
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, OFTEN, SMALL, Program, until
from cli.program.test_odd_answers import ACCEPTED, LINK, PICTURE, SHOWN, answering, finished, plain
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.testing.wire import reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FOX = ("generate", "a red fox", "--sandbox", *SMALL, "-o", "fox.png", *OFTEN)
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "a zone too far away": {"TZ": "XXX+25:59"},
    "a zone of a day": {"TZ": "XXX-24"},
    "a zone that does not exist": {"TZ": "Nowhere/Here"},
    "a zone that is no zone": {"TZ": ":/etc/passwd"},
    "no terminal": {"TERM": "dumb", "COLUMNS": "1"},
    "columns that are no number": {"COLUMNS": "many", "LINES": "-1"},
    "a locale that does not exist": {"LC_ALL": "xx_YY", "PYTHONUTF8": ""},
    "no folder for files": {"TMPDIR": "/nonexistent"},
}


@pytest.mark.parametrize("surroundings", VARIABLES)
def test_a_picture_is_made_whatever_the_variables(imgen: Program, surroundings: str) -> None:
    here = replace(imgen, variables={**imgen.variables, **VARIABLES[surroundings]})

    ended = here.run(*FOX)

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert [job.state for job in here.jobs()] == [State.SAVED]


def test_bytes_for_a_closed_stream_are_refused_before_anything_is_sent(imgen: Program) -> None:
    command = ["sh", "-c", '"$@" >&-', "sh", *IMGEN, *FOX[:-4], "-o", "-"]

    ended = subprocess.run(command, cwd=imgen.cwd, env=imgen.environ, capture_output=True, timeout=30)

    assert ended.returncode == ExitCode.USAGE, ended.stderr
    assert b"-o - wants standard output, which is closed." in ended.stderr
    assert imgen.jobs() == []


def _removed(folder: Path) -> None:
    shutil.rmtree(folder)


def _taken(folder: Path) -> None:
    (folder / "fox.png").write_text("mine")


def _a_folder(folder: Path) -> None:
    (folder / "fox.png").mkdir()


def _a_dangling_link(folder: Path) -> None:
    (folder / "fox.png").symlink_to(folder / "nowhere")


@pytest.mark.parametrize("change", [_removed, _taken, _a_folder, _a_dangling_link])
def test_what_happens_to_the_folder_while_a_job_runs_costs_no_picture(
    imgen: Program, change: Callable[[Path], None]
) -> None:
    running = reply({"id": "job-0123456789", "status": "processing"})
    with answering(imgen, reply(ACCEPTED["reapi"]), running) as (here, server):
        line = ("generate", "a red fox", "-p", "reapi", "-o", str(here.cwd / "fox.png"), *OFTEN)
        with here.start(*line) as process:
            until(lambda: len(server.requests) > 1)
            change(here.cwd)
            server.script[:] = [reply(finished("reapi", LINK.replace("ORIGIN", server.origin))), SHOWN]
            out, _ = process.communicate(timeout=20)

    assert process.returncode == ExitCode.DONE
    (job,) = here.jobs()
    (result,) = job.results
    assert result.path
    assert result.path.read_bytes() == PICTURE
    assert out.decode() == f"{result.path}\n"


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="this system has no job control")
def test_a_job_that_was_stopped_by_the_shell_goes_on(imgen: Program) -> None:
    running = reply({"id": "job-0123456789", "status": "processing"})
    with answering(imgen, reply(ACCEPTED["reapi"]), running) as (here, server):
        with here.start("generate", "a red fox", "-p", "reapi", "-o", "fox.png", *OFTEN) as process:
            until(lambda: len(server.requests) > 1)
            process.send_signal(signal.SIGSTOP)
            server.script[:] = [reply(finished("reapi", LINK.replace("ORIGIN", server.origin))), SHOWN]
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=20)
        posts = [one for one in server.requests if one.method == "POST"]

    assert process.returncode == ExitCode.DONE
    assert len(posts) == 1
    assert (here.cwd / "fox.png").read_bytes() == PICTURE


def test_a_ledger_that_is_removed_while_a_job_runs_is_no_bug(imgen: Program) -> None:
    running = reply({"id": "job-0123456789", "status": "processing"})
    with answering(imgen, reply(ACCEPTED["reapi"]), running) as (here, server):
        line = ("generate", "a red fox", "-p", "reapi", "-o", "fox.png", *OFTEN)
        with here.start(*line, stderr=subprocess.PIPE) as process:
            until(lambda: len(server.requests) > 1)
            shutil.rmtree(here.home)
            server.script[:] = [reply(finished("reapi", LINK.replace("ORIGIN", server.origin))), SHOWN]
            _, err = process.communicate(timeout=20)
        taken_over = here.run("wait", "-p", "reapi", "job-0123456789", *OFTEN)
        posts = [one for one in server.requests if one.method == "POST"]

    assert process.returncode == ExitCode.NOT_SAVED, err
    assert b"it was removed or replaced while imgen ran" in err
    assert b"imgen wait -p PROVIDER REMOTE_ID" in err
    assert taken_over.code == ExitCode.DONE, taken_over.stderr
    assert len(posts) == 1
