"""The display that suits the surroundings, and what it costs to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imgen.jobs.progress import JobView
from imgen.records import State
from imgen.screen.console import Streams
from imgen.screen.display import display_for

TERMINAL = {
    "stdin_is_terminal": True,
    "stdout_is_terminal": True,
    "stderr_is_terminal": True,
    "color": None,
    "ci": False,
    "dumb": False,
    "width": 80,
    "unicode": True,
}


@pytest.mark.parametrize(
    ("changed", "quiet", "name"),
    [
        ({}, False, "LiveDisplay"),
        ({"stdout_is_terminal": False, "stdin_is_terminal": False}, False, "LiveDisplay"),
        ({"stderr_is_terminal": False}, False, "LineDisplay"),
        ({"stderr_is_terminal": False, "color": True}, False, "LineDisplay"),
        ({"dumb": True}, False, "LineDisplay"),
        ({"ci": True}, False, "LineDisplay"),
        ({}, True, "SilentDisplay"),
    ],
)
def test_live_only_where_it_can_be_drawn(changed: dict[str, bool], quiet: bool, name: str) -> None:
    standard_streams = Streams(**(TERMINAL | changed))  # type: ignore[arg-type]
    assert type(display_for(standard_streams, quiet=quiet, clock=lambda: 0.0)).__name__ == name


def test_a_silent_display_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    display = display_for(Streams(**TERMINAL), quiet=True, clock=lambda: 0.0)  # type: ignore[arg-type]
    display.say("the next submit waits 20 s")
    display.show([JobView("k3f9", "reapi", "m", "a fox", State.RUNNING, "a1", 3.0)])
    display.close()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "module", ["console", "display", "durations", "envelope", "failure", "lines", "tables", "text"]
)
def test_nothing_heavy_is_imported_before_it_is_drawn_with(module: str) -> None:
    code = f"import sys, imgen.screen.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"rich", "pydantic", "httpx", "typer"} & set(done.stdout.split()) == set()
