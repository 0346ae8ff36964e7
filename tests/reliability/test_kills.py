"""SIGKILL at every named moment of a run, eight runs at once on one ledger; then `imgen wait` settles what is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, OFTEN, Program
from imgen.errors import ExitCode
from imgen.records import State
from reliability.channels import CHANNELS, Channel
from reliability.evidence import check_ledger
from reliability.moments import MOMENTS, Moment, part_of

if TYPE_CHECKING:
    from reliability.conftest import Tell
    from reliability.far_side import FarSide

MORTAL = (sys.executable, "-P", str(Path(__file__).with_name("mortal.py")))
AT_ONCE = 8
TIMES = 3  # that every moment meets every channel that has it
SAMPLE = 4  # the batches that every run of the tests has: each moment at least once


@dataclass(frozen=True, slots=True)
class Victim:
    """One run, and the moment it is to die at."""

    prompt: str
    channel: Channel
    moment: Moment


def victims() -> list[Victim]:
    """Every run: each moment once, then each once more at the next of its channels, and so on."""
    found: list[Victim] = []
    for turn in range(TIMES * len(CHANNELS)):
        for number, moment in enumerate(MOMENTS):
            channels = [channel for channel in CHANNELS.values() if moment.meets(channel)]
            if turn < TIMES * len(channels):
                channel = channels[(turn + 2 * number) % len(channels)]
                found.append(Victim(f"fox {len(found)}", channel, moment))
    return found


VICTIMS = victims()
BATCHES = [VICTIMS[first : first + AT_ONCE] for first in range(0, len(VICTIMS), AT_ONCE)]


def start(here: Program, far_side: FarSide, victim: Victim) -> subprocess.Popen[bytes]:
    """Begin the run, and arrange for its end."""
    arguments = ["generate", victim.prompt, *victim.channel.order, *OFTEN]
    moment = victim.moment
    if moment.came:
        far_side.hold(victim.prompt, moment.came)
    by_itself = not moment.at_the_service and not moment.came
    with last_words(here, victim).open("wb") as said:
        process = subprocess.Popen(
            [*MORTAL, moment.name, *arguments] if by_itself else [*IMGEN, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=here.cwd,
            env=here.environ,
        )
    if moment.at_the_service:
        far_side.kill(process.pid, victim.prompt, moment.name)
    return process


def last_words(here: Program, victim: Victim) -> Path:
    """What the run said before its end."""
    return here.home.with_name(f"{victim.prompt}.txt")


def kill_at_once(here: Program, far_side: FarSide, batch: list[Victim]) -> dict[str, str]:
    """Run them all beside each other; each dies at its own moment. Returns how much had come of each held answer."""
    came = {}
    with ExitStack() as stack:
        processes = []
        for victim in batch:
            process = stack.enter_context(start(here, far_side, victim))
            stack.callback(process.kill)
            processes.append(process)
        for victim, process in zip(batch, processes, strict=True):
            if victim.moment.came:
                came[victim.prompt] = until_it_came(here, victim, process)
                process.kill()
        for victim, process in zip(batch, processes, strict=True):
            try:
                ended = process.wait(timeout=160)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{victim} hangs: {last_words(here, victim).read_text()}")
            assert ended == -signal.SIGKILL, f"{victim} lived on: {last_words(here, victim).read_text()}"
    return came


def until_it_came(here: Program, victim: Victim, process: subprocess.Popen[bytes]) -> str:
    """Wait until the client has as much of its answer on disk as the service sends; how the job must say it."""
    assert victim.moment.came
    end = time.monotonic() + 100
    while time.monotonic() < end and process.poll() is None:
        job = next((job for job in here.jobs() if job.request.prompt == victim.prompt), None)
        part = here.home / "answers" / f"{job.id}.part" if job else None
        if part and part.exists():
            first, _, body = part.read_bytes().partition(b"\n")
            size = int(
                {key.lower(): value for key, value in json.loads(first or b"{}").items()}.get("content-length", 0)
            )
            if first and len(body) == (sent := part_of(victim.moment.came, size)):
                return f"The answer was cut at {sent:,} of {size:,} bytes."
        time.sleep(0.02)
    pytest.fail(f"{victim} has not got its part: {last_words(here, victim).read_text()}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "batch",
    [pytest.param(each, id=str(n), marks=[] if n < SAMPLE else pytest.mark.whole) for n, each in enumerate(BATCHES)],
)
def test_a_run_killed_at_any_moment_is_settled_by_the_next_wait(
    imgen: Program, far_side: FarSide, batch: list[Victim], print_report: Tell
) -> None:
    here = imgen.at(far_side.origin)

    came = kill_at_once(here, far_side, batch)
    waited = here.run("wait", "--timeout", "20", *OFTEN)

    recorded = check_ledger(here)
    jobs = {job.request.prompt: job for job in recorded}
    assert len(jobs) == len(recorded), "an order is there twice"
    for victim in batch:
        job = jobs.get(victim.prompt)
        charges = far_side.charges(victim.prompt)
        state = job.state if job else None
        print_report("death", [victim.moment.name, victim.channel.name, charges, state and state.value])

        assert charges == victim.moment.charged, victim
        assert state in (victim.moment.states_at(victim.channel) or (None,)), victim
        if victim.prompt in came:
            assert job
            assert job.problem
            assert came[victim.prompt] in job.problem.message
    doubtful = [job.id for job in jobs.values() if job.state is State.UNCERTAIN]
    assert waited.code == (ExitCode.UNCERTAIN if doubtful else ExitCode.DONE), waited.stderr
    closing = [line.split()[2:] for line in waited.stderr.splitlines() if line.strip().startswith("imgen forget ")]
    assert sorted(job_id for each in closing for job_id in each) == sorted(doubtful)


def test_every_moment_meets_every_channel_that_has_it() -> None:
    met = Counter((victim.moment.name, victim.channel.name) for victim in VICTIMS)
    assert met == {
        (moment.name, channel.name): TIMES
        for moment in MOMENTS
        for channel in CHANNELS.values()
        if moment.meets(channel)
    }
    assert {victim.moment for batch in BATCHES[:SAMPLE] for victim in batch} == set(MOMENTS)
    assert {victim.channel.name for batch in BATCHES[:SAMPLE] for victim in batch} == set(CHANNELS)
