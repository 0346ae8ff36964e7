"""Where the parent ignores signals (nohup, `&` in a script, many CI systems): the program, and the tests themselves."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, SMALL, Program, until
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    shutil.which("sh") is None, reason="only a POSIX shell ignores signals for what it starts"
)
ROOT = Path(__file__).parents[3]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:randomly")
WITH_CTRL_C = "tests/cli/program/test_several_services.py::test_ctrl_c_moves_on_to_no_service"
WITH_HANGUP = "tests/cli/program/test_terminal.py::test_a_polite_signal_is_heard_like_ctrl_c"


IGNORING = ("sh", "-c", 'trap "" INT HUP; exec "$@"', "sh")


@contextmanager
def followed(imgen: Program, seconds: str) -> Iterator[subprocess.Popen[bytes]]:
    """An order whose job was accepted, by a program that inherits SIGINT and SIGHUP as ignored."""
    with subprocess.Popen(
        [*IGNORING, *IMGEN, "generate", "a red fox", "--sandbox", *SMALL, "-o", "fox.png"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=imgen.cwd,
        env={**imgen.environ, "IMGEN_SANDBOX_SECONDS": seconds},
    ) as process:
        try:
            until(lambda: any(job.remote_id for job in imgen.jobs()))
            yield process
        finally:
            process.kill()


def test_a_ctrl_c_that_the_parent_ignores_ends_no_order(imgen: Program) -> None:
    with followed(imgen, "1.5") as process:
        for each in (signal.SIGINT, signal.SIGHUP, signal.SIGINT):
            process.send_signal(each)
        out, err = process.communicate(timeout=30)

    assert process.returncode == ExitCode.DONE, err
    assert out.decode().strip() == str(imgen.cwd / "fox.png")
    assert [job.state for job in imgen.jobs()] == [State.SAVED]


def test_sigterm_ends_an_order_whose_parent_ignores_ctrl_c_with_the_way_back(imgen: Program) -> None:
    with followed(imgen, "30") as process:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)

    (job,) = imgen.jobs()
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert b"Traceback" not in err
    assert f"imgen wait {job.id}" in err.decode()


def test_programs_that_tests_start_hear_signals_that_the_parent_ignores() -> None:
    run = subprocess.run(
        [*IGNORING, *PYTEST, WITH_CTRL_C, WITH_HANGUP],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert run.returncode == 0, run.stdout[-3000:]
