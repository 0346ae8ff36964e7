"""A Ctrl-C at any line of a display's start ends it without a bug, and with the cursor."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING

import pytest
from rich.live import Live

from imgen.batch.report import Tally
from imgen.jobs.progress import JobView
from imgen.records import State
from imgen.screen.batch_display import BatchLive
from imgen.screen.console import Streams
from imgen.screen.live import LiveDisplay

if TYPE_CHECKING:
    from types import FrameType

TERMINAL = Streams(True, True, True, color=None, ci=False, dumb=False, width=80, unicode=True)
JOB = JobView("k3f9", "reapi", "m", "a fox", State.RUNNING, "a1", 3.0)


class Pressed:
    """A trace function at whose line of that number, within the start of a region, Ctrl-C is pressed once."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: FrameType, event: str, _: object) -> Pressed:
        if event == "line" and self._is_in_start(frame):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self

    def _is_in_start(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code is Live.start.__code__:
                return True
            frame = frame.f_back
        return False


@pytest.mark.parametrize("kind", ["jobs", "batch"])
def test_a_ctrl_c_anywhere_in_the_start_is_no_bug_and_the_cursor_comes_back(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for line in itertools.count(1):
        display = (
            LiveDisplay(TERMINAL, clock=lambda: 0.0)
            if kind == "jobs"
            else BatchLive(lambda: Tally(1, {}, 1, "$0", None, None), TERMINAL, lambda: 0.0)
        )
        pressed, before = Pressed(line), sys.gettrace()
        sys.settrace(pressed)
        try:
            display.show([JOB])
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        display.close()
        written = capfd.readouterr().err
        assert written.rfind("\x1b[?25h") >= written.rfind("\x1b[?25l"), f"line {line}: {written!r}"
        if pressed.left > 0:
            break
    assert line > 10
