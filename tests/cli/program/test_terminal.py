"""imgen on a real terminal, read back through a terminal emulator, and ended there in every way."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, SMALL, Program, until
from cli.program.terminal import PATIENCE, terminal
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

SHOW_CURSOR, HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"


def fox(*options: str) -> tuple[str, ...]:
    return (*IMGEN, "generate", "a red fox", "--sandbox", *SMALL, *options)


def check_recovered(imgen: Program, hint: str) -> Path:
    """The printed command, run as it was printed, saves the picture."""
    command = hint.strip().removeprefix("try: ").split()
    assert command[:2] == ["imgen", "wait"]
    ended = imgen.run(*command[1:])
    assert ended.code == ExitCode.DONE, ended.stderr
    (job,) = imgen.jobs()
    path = job.results[0].path
    assert path
    assert ended.lines == [str(path)]
    assert path.exists()
    return path


def test_a_row_moves_and_ends_in_the_saved_path_which_is_shown_once(imgen: Program) -> None:
    with terminal(imgen, *fox("-o", "fox.png"), IMGEN_SANDBOX_SECONDS="0.6") as shown:
        shown.until(r"a red fox +running ")
        code = shown.rest()

    assert code == ExitCode.DONE
    path = str(imgen.cwd / "fox.png")
    assert [path in line for line in shown.lines] == [False, False, True]
    assert shown.lines[0].startswith("3D AI Studio: gemini-3.1-flash")
    assert shown.lines[1].startswith(f"✓ {imgen.jobs()[0].id}")
    assert HIDE_CURSOR in shown.raw
    assert shown.raw.rindex(SHOW_CURSOR) > shown.raw.rindex(HIDE_CURSOR)


def test_a_redirected_stdout_gets_the_path_while_the_row_moves(imgen: Program) -> None:
    with terminal(imgen, "/bin/sh", "-c", '"$@" > paths.txt', "sh", *fox("-o", "fox.png")) as shown:
        code = shown.rest()

    assert code == ExitCode.DONE
    assert (imgen.cwd / "paths.txt").read_text() == f"{imgen.cwd / 'fox.png'}\n"
    assert HIDE_CURSOR in shown.raw


def test_picture_bytes_never_reach_a_terminal(imgen: Program) -> None:
    with terminal(imgen, *fox("-o", "-")) as shown:
        code = shown.rest()

    assert code == ExitCode.USAGE
    assert shown.lines == [
        "imgen: -o - would write picture bytes to this terminal.",
        "  try: Send it to a file or a program: imgen ... -o - > fox.png",
    ]
    assert imgen.jobs() == []


def test_a_prompt_is_asked_for_on_a_terminal(imgen: Program) -> None:
    with terminal(imgen, *IMGEN, "generate", "-", "--sandbox", *SMALL, "--no-wait", "-q") as shown:
        shown.until("Type the prompt, then Ctrl-D.")
        shown.type(b"a typed fox\n\x04")
        code = shown.rest()

    assert code == ExitCode.DONE
    assert [job.request.prompt for job in imgen.jobs()] == ["a typed fox"]


def test_ctrl_c_stops_the_waiting_and_the_printed_command_comes_back(imgen: Program) -> None:
    with terminal(imgen, *fox(), IMGEN_SANDBOX_SECONDS="1.5") as shown:
        shown.until(r"a red fox +(queued|running) ")
        shown.type(b"\x03")
        code = shown.rest()

    assert code == ExitCode.INTERRUPTED
    (job,) = imgen.jobs()
    assert shown.lines[-2:] == ["imgen: Stopped waiting; the job goes on.", f"  try: imgen wait {job.id}"]
    assert shown.raw.rindex(SHOW_CURSOR) > shown.raw.rindex(HIDE_CURSOR)
    assert b"Traceback" not in shown.raw
    check_recovered(imgen, shown.lines[-1])


def test_ctrl_c_while_a_submit_hangs_ends_soon_and_says_what_may_have_happened(imgen: Program) -> None:
    with terminal(imgen, *fox(), IMGEN_SANDBOX_FAULTS="slow-reply=30") as shown:
        shown.until(r"a red fox +submitting ")
        until(lambda: imgen.jobs()[0].state is State.SUBMITTING)  # until then it is not sent, and is cancelled
        began = time.monotonic()
        shown.type(b"\x03")
        shown.until("Waiting up to 3 s for the answer")
        assert time.monotonic() - began < 1
        code = shown.rest()
        took = time.monotonic() - began

    assert code == ExitCode.INTERRUPTED
    assert took < 6
    (job,) = imgen.jobs()
    assert job.state is State.UNCERTAIN
    assert b"Traceback" not in shown.raw
    screen = " ".join(" ".join(shown.lines).split())
    assert f"imgen forget {job.id}" in screen
    assert screen.count("before an answer came") == 1
    assert "--resubmit" in screen


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_signal_is_heard_like_ctrl_c(imgen: Program, end: signal.Signals) -> None:
    with terminal(imgen, *fox(), IMGEN_SANDBOX_SECONDS="1.5") as shown:
        shown.until(r"a red fox +(queued|running) ")
        shown.process.send_signal(end)
        code = shown.rest()

    assert code == ExitCode.INTERRUPTED
    assert shown.raw.rindex(SHOW_CURSOR) > shown.raw.rindex(HIDE_CURSOR)
    check_recovered(imgen, shown.lines[-1])


def test_a_terminal_that_goes_away_leaves_the_job_to_come_back_to(imgen: Program) -> None:
    with terminal(imgen, *fox(), IMGEN_SANDBOX_SECONDS="1") as shown:
        shown.until(r"a red fox +(queued|running) ")
        shown.hang_up()
        code = shown.process.wait(PATIENCE)

    (job,) = imgen.jobs()
    assert code == ExitCode.INTERRUPTED
    check_recovered(imgen, f"imgen wait {job.id}")


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.1])
def test_ctrl_c_just_as_the_work_begins_is_no_traceback(imgen: Program, delay: float) -> None:
    with terminal(imgen, *fox()) as shown:
        until((imgen.home / "owners").exists)
        time.sleep(delay)
        shown.type(b"\x03")
        code = shown.rest()

    assert b"Traceback" not in shown.raw, shown.raw.decode()
    # Where Ctrl-C met an exec() of a text, as dataclasses use, Python ends by the signal: 130 to a shell as well.
    assert code in (ExitCode.INTERRUPTED, -signal.SIGINT), shown.raw.decode()
    assert imgen.run("wait", "--timeout", "20").code in (ExitCode.DONE, ExitCode.UNCERTAIN)
    assert {job.state for job in imgen.jobs()} <= {State.SAVED, State.CANCELLED, State.UNCERTAIN}
