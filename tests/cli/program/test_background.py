"""The tests themselves pass where the parent ignores signals: nohup, `&` in a script, many CI systems."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:randomly")
WITH_CTRL_C = "tests/cli/program/test_several_services.py::test_ctrl_c_moves_on_to_nobody"
WITH_HANGUP = "tests/cli/program/test_terminal.py::test_a_polite_signal_is_heard_like_ctrl_c"


@pytest.mark.skipif(shutil.which("sh") is None, reason="only a POSIX shell ignores signals for what it starts")
def test_programs_that_tests_start_hear_signals_that_the_parent_ignores() -> None:
    run = subprocess.run(
        ["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *PYTEST, WITH_CTRL_C, WITH_HANGUP],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert run.returncode == 0, run.stdout[-3000:]
