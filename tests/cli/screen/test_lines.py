"""The log of a run, line by line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgen.errors import Problem
from imgen.jobs.progress import JobView, Progress
from imgen.records import State
from imgen.screen.lines import LineDisplay

FOX = JobView(
    id="k3f9",
    provider="3daistudio",
    model="gemini-3.1-flash",
    prompt="a red fox",
    state=State.PLANNED,
    remote_id=None,
    elapsed=0,
)
ACCEPTED = replace(FOX, state=State.QUEUED, remote_id="a1b2c3d4-0000-4000-8000-000000000000")
RUNNING = replace(ACCEPTED, state=State.RUNNING)


class Log:
    """A display on a clock of its own, and what it wrote to stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.now = 1000.0
        self.display = LineDisplay(lambda: self.now)
        self._capsys = capsys

    def show(self, *jobs: JobView) -> list[str]:
        """Show the jobs; the new lines."""
        self.display.show(jobs)
        captured = self._capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


def test_a_job_from_acceptance_to_its_picture(log: Log) -> None:
    """The remote id stands in the first line, whole: it is what the money went into."""
    fox_1 = Path("fox-k3f9-1.png")
    assert log.show(FOX) == []
    assert log.show(replace(FOX, state=State.SUBMITTING)) == []
    assert log.show(ACCEPTED) == ["k3f9 3daistudio gemini-3.1-flash: accepted as a1b2c3d4-0000-4000-8000-000000000000"]
    assert log.show(replace(RUNNING, progress=Progress(0.42, "service"))) == ["k3f9 running 42%"]
    assert log.show(replace(RUNNING, progress=Progress(0.61, "service"))) == []
    assert log.show(replace(RUNNING, state=State.READY)) == ["k3f9 ready"]
    saved = replace(RUNNING, state=State.SAVED, saved=(fox_1,), differences=("format: ordered png, got jpeg",))
    assert log.show(saved) == [
        "k3f9 saved fox-k3f9-1.png",
        "k3f9 not as ordered: format: ordered png, got jpeg",
    ]
    assert log.show(replace(saved, done=True)) == []


def test_each_saved_picture_has_its_line_once(log: Log) -> None:
    first, second = Path("fox-1.png"), Path("fox-2.png")
    log.show(replace(RUNNING, state=State.READY, saved=(first,)))
    assert log.show(replace(RUNNING, state=State.SAVED, saved=(first, second))) == ["k3f9 saved fox-2.png"]


def test_a_place_in_the_queue_is_said_once(log: Log) -> None:
    lines = log.show(replace(ACCEPTED, position=3))
    assert lines[1:] == ["k3f9 queued, number 3 in line"]
    assert log.show(replace(ACCEPTED, position=2)) == []


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.EXPIRED, State.UNCERTAIN])
def test_an_end_without_a_picture_says_why_on_one_line(log: Log, state: State) -> None:
    log.show(RUNNING)
    ended = replace(RUNNING, state=state, problem=Problem("policy", "the prompt was refused"), done=True)
    assert log.show(ended) == [f"k3f9 {state}: the prompt was refused"]
    assert log.show(ended) == []


def test_an_end_without_a_reason_is_said_too(log: Log) -> None:
    running = replace(RUNNING, remote_id="its-id")
    log.show(running)
    assert log.show(replace(running, state=State.CANCELLED, done=True)) == ["k3f9 cancelled"]


def test_a_countdown_is_one_activity(log: Log) -> None:
    log.show(RUNNING)
    waiting = replace(RUNNING, activity="waiting 20 s, rate limited")
    assert log.show(waiting) == ["k3f9 running: waiting 20 s, rate limited"]
    assert log.show(replace(waiting, activity="waiting 19 s, rate limited")) == []
    assert log.show(replace(waiting, activity="state FOO is not documented")) == [
        "k3f9 running: state FOO is not documented"
    ]


def test_a_heartbeat_after_thirty_seconds_of_silence(log: Log) -> None:
    log.show(RUNNING)
    log.now += 29
    assert log.show(replace(RUNNING, elapsed=89)) == []
    log.now += 1
    estimated = replace(RUNNING, elapsed=90, progress=Progress(0.75, "estimate", 34, remaining=30))
    assert log.show(estimated) == ["k3f9 running, 90 s so far, about 30 s to go (estimate)"]
    log.now += 10
    assert log.show(estimated) == []
    log.now += 20
    from_service = replace(RUNNING, elapsed=120, progress=Progress(0.8, "service", remaining=25))
    assert log.show(from_service) == ["k3f9 running 80%, 2 min so far, about 25 s to go"]


def test_several_jobs_share_one_heartbeat(log: Log) -> None:
    saved = replace(RUNNING, id="77ab", state=State.SAVED, saved=(Path("a.png"),), done=True)
    jobs = (replace(RUNNING, elapsed=40), replace(ACCEPTED, id="8mq2", elapsed=90), saved)
    log.show(*jobs)
    log.now += 30
    assert log.show(*jobs) == ["1 queued, 1 running, 1 saved, 90 s so far"]


def test_nothing_beats_once_all_is_settled(log: Log) -> None:
    done = replace(RUNNING, done=True)
    log.show(done)
    log.now += 300
    assert log.show(done) == []


def test_lines_are_harmless_whatever_the_service_says(log: Log) -> None:
    log.show(RUNNING)
    nasty = Problem("x", "no\n::error::\x1b[2J ##[group]")
    assert log.show(replace(RUNNING, state=State.FAILED, problem=nasty)) == [
        "k3f9 failed: no ::error::\\x1b[2J ## [group]"
    ]


def test_what_is_said_delays_the_heartbeat(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log.show(RUNNING)
    log.now += 29
    log.display.say("the next submit waits 20 s")
    assert capsys.readouterr().err == "the next submit waits 20 s\n"
    log.now += 29
    assert log.show(RUNNING) == []


def test_an_attempt_that_fails_again_and_again_is_said_once_and_its_end_too(log: Log) -> None:
    refused = Problem("unreachable", "It could not be reached.")
    failing = replace(FOX, activity="not reached, trying again", problem=refused)

    assert log.show(failing) == [
        "k3f9 planned: not reached, trying again",
        "k3f9 planned: It could not be reached.",
    ]
    assert log.show(replace(FOX, state=State.SUBMITTING, problem=refused)) == []
    assert log.show(failing) == []
    assert log.show(replace(FOX, state=State.CANCELLED, problem=refused, done=True)) == ["k3f9 not sent"]
