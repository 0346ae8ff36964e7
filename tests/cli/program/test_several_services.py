"""An order with several services to choose from: it moves on when nothing was accepted, and never after Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.program.program import served, until
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

    from cli.program.program import Program

NOWHERE = "http://127.0.0.1:9"
FOX = ("generate", "a fox", "-p", "auto", "-m", "gemini-3-pro", "--timeout", "20")


def with_a_dead_first(imgen: Program, origin: str) -> Program:
    """Keys for 3D AI Studio, which does not answer, and for GPTProto behind it."""
    program = imgen.at(origin)
    keep = ("IMGEN_", "THREEDAISTUDIO_", "GPTPROTO_")
    variables = {name: value for name, value in program.variables.items() if name.startswith(keep)}
    return replace(program, variables={**variables, "THREEDAISTUDIO_BASE_URL": NOWHERE})


def test_the_next_service_gets_an_order_that_reached_no_service(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        ended = with_a_dead_first(imgen, origin).run(*FOX)

    assert ended.code == 0, ended.stderr
    assert "3daistudio takes it" in ended.stderr
    assert "gptproto takes it" in ended.stderr
    assert {job.provider: job.state for job in imgen.jobs()} == {
        "3daistudio": State.CANCELLED,
        "gptproto": State.SAVED,
    }


def test_ctrl_c_moves_on_to_no_service(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        program = with_a_dead_first(imgen, origin)
        with program.start(*FOX, stderr=subprocess.PIPE) as process:
            until(imgen.jobs)
            process.send_signal(signal.SIGINT)
            _, answer = process.communicate(timeout=20)

    # Python itself dies of a signal that meets it in the middle of an import; a shell calls both 130.
    assert process.returncode in (130, -signal.SIGINT)
    assert b"gptproto takes it" not in answer
    assert not [line for line in log if "POST" in line]
    assert imgen.run("status").code == 0  # settles what was planned, should Ctrl-C have come that early
    assert {job.state for job in imgen.jobs()} == {State.CANCELLED}


def test_a_wait_that_is_over_moves_on_to_no_service(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        ended = with_a_dead_first(imgen, origin).run(*FOX[:-1], "0.5")

    assert ended.code == 6
    assert not [line for line in log if "POST" in line]
