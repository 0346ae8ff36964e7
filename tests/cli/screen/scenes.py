"""Plays one scene on the real display of this process: run by test_live.py on a terminal of its own.

After each step it names the step in the terminal's title and waits for a line on stdin.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgen.errors import Problem
from imgen.jobs.progress import JobView, Progress
from imgen.records import State
from imgen.screen.console import Streams
from imgen.screen.display import display_for
from imgen.screen.exchanges import exchanges_shown

if TYPE_CHECKING:
    from imgen.jobs.progress import Display

FOX = JobView(
    id="k3f9",
    provider="3daistudio",
    model="gemini-3.1-flash",
    prompt="a red fox in the snow, golden hour, looking over its shoulder, 35 mm film",
    state=State.RUNNING,
    remote_id="a1b2",
    elapsed=18,
    progress=Progress(0.42, "service", remaining=24),
)
OPEN = (
    FOX,
    replace(FOX, id="8mq2", progress=Progress(0.31, "estimate", samples=34, remaining=40)),
    replace(
        FOX,
        id="8mq3",
        prompt="雪の中の赤い狐、夕暮れ、肩越しに振り返る",
        progress=Progress(0.31, "estimate", remaining=90),
    ),
    replace(FOX, id="77ab", state=State.QUEUED, position=3, progress=None),
    replace(FOX, id="77ac", state=State.SUBMITTING, progress=None, remote_id=None, elapsed=2),
    replace(FOX, id="77ad", state=State.READY, progress=None, received=1_400_000, elapsed=724),
    replace(FOX, id="77ae", activity="waiting 20 s, rate limited"),
    replace(FOX, id="77af", progress=None),
)
LONG_PATH = Path("/pictures/2026-11-20/a-red-fox-in-the-snow-golden-hour-looking-over-its-shoulder-k3f9-1.png")


def step(name: str) -> None:
    sys.stderr.write(f"\x1b]2;{name}\x07")
    sys.stderr.flush()
    sys.stdin.readline()


def open_jobs(display: Display) -> None:
    display.show(OPEN)
    step("drawn")
    display.show(OPEN)
    step("again")


def settling(display: Display) -> None:
    display.show(OPEN[:4])
    step("open")
    display.say("the next submit waits [red]20 s[/red] \x1b[2J\u202e::error::")
    refusal = Problem("content_policy", "The content policy of 3D AI Studio refused the prompt, and nothing was paid.")
    done = (
        replace(OPEN[0], state=State.SAVED, saved=(LONG_PATH,), differences=("1024x1024 instead of 1376x768",)),
        replace(OPEN[1], state=State.FAILED, problem=refusal),
        replace(OPEN[2], state=State.UNCERTAIN, problem=Problem("uncertain", "It may have been charged.")),
    )
    settled_and_open = (*(replace(job, done=True) for job in done), OPEN[3])
    display.show(settled_and_open)
    display.show(settled_and_open)
    step("settled")
    display.close()
    step("closed")


def many(display: Display) -> None:
    jobs = tuple(replace(OPEN[number % 8], id=f"{number:04d}") for number in range(1000))
    display.show(jobs)
    step("drawn")


def saving(display: Display) -> None:
    received = int(os.environ["RECEIVED"])
    display.show([replace(FOX, state=State.READY, progress=None, received=received)])
    step("drawn")


def finishing(display: Display) -> None:
    display.show(OPEN[:1])
    step("drawn")
    display.show([replace(FOX, state=State.SAVED, elapsed=40, saved=(Path("/pictures/fox.png"),), done=True)])
    display.close()


def interrupted(display: Display) -> None:
    # A run in the background starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    display.show(OPEN[:1])
    step("drawn")


class Pressed(io.BufferedWriter):
    """stderr at whose next write Ctrl-C is pressed, when all of it has arrived."""

    armed = True

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        self.flush()
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt
        return written


def interrupted_in_a_write(display: Display) -> None:
    display.show(OPEN[3:5])
    sys.stderr = io.TextIOWrapper(Pressed(io.FileIO(sys.stderr.fileno(), "w", closefd=False)))
    with suppress(KeyboardInterrupt):
        display.show(OPEN[1:5])
    display.show(OPEN[1:5])
    step("drawn")


def hung_up(display: Display) -> None:
    display.show(OPEN[:1])
    step("drawn")
    display.show(OPEN[:2])
    display.say("never shown")
    display.close()
    sys.stdout.write("went on\n")


def talking(display: Display) -> None:
    display.show(OPEN[:1])
    # A thread that polls has heard from the service; only the next frame may draw it.
    exchange = "> GET https://service.example/jobs\n< 200 OK \x1b[2J\u202e[red]"
    poll = threading.Thread(target=logging.getLogger("imgen_providers.exchanges").debug, args=(exchange,))
    poll.start()
    poll.join()
    step("heard")
    display.show(OPEN[:1])
    step("drawn")


SCENES = {
    scene.__name__: scene
    for scene in (open_jobs, settling, many, saving, finishing, interrupted, interrupted_in_a_write, hung_up, talking)
}


def main() -> None:
    standard_streams = Streams.of(sys.stdin, sys.stdout, sys.stderr, os.environ)
    with exchanges_shown():
        display = display_for(standard_streams, quiet=False, clock=lambda: 7.5)
        try:
            SCENES[sys.argv[1]](display)
        except KeyboardInterrupt:
            pass
        finally:
            display.close()


if __name__ == "__main__":
    main()
