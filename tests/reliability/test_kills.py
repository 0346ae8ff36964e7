"""SIGKILL at every named moment of a run, eight runs at once on one ledger; then `imgen wait` settles what is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, OFTEN, Program
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.catalog import SERVICES
from reliability.evidence import check_ledger
from reliability.moments import MOMENTS, Moment

if TYPE_CHECKING:
    from reliability.conftest import Tell
    from reliability.far_side import FarSide

MORTAL = (sys.executable, "-P", str(Path(__file__).with_name("mortal.py")))
AT_ONCE = 8
BATCHES = 63  # 504 runs, so that every moment meets every service seven times
SAMPLE = 4  # the batches that every run of the tests has: each moment at least once


@dataclass(frozen=True, slots=True)
class Victim:
    """One run, and the moment it is to die at."""

    prompt: str
    service: str
    moment: Moment


def victims(batch: int) -> list[Victim]:
    """The runs of one batch."""
    found = []
    for run in range(batch * AT_ONCE, (batch + 1) * AT_ONCE):
        turn, number = divmod(run, len(MOMENTS))
        services = [name for name in SERVICES if MOMENTS[number].meets(name)]
        found.append(Victim(f"fox {run}", services[(turn + number) % len(services)], MOMENTS[number]))
    return found


def start(here: Program, far_side: FarSide, victim: Victim) -> subprocess.Popen[bytes]:
    """Begin the run, and arrange for its end."""
    arguments = ["generate", victim.prompt, "-p", victim.service, *OFTEN]
    with last_words(here, victim).open("wb") as said:
        process = subprocess.Popen(
            [*IMGEN, *arguments] if victim.moment.at_the_service else [*MORTAL, victim.moment.name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=here.cwd,
            env=here.environ,
        )
    if victim.moment.at_the_service:
        far_side.kill(process.pid, victim.prompt, victim.moment.name)
    return process


def last_words(here: Program, victim: Victim) -> Path:
    """What the run said before its end."""
    return here.home.with_name(f"{victim.prompt}.txt")


def kill_at_once(here: Program, far_side: FarSide, batch: list[Victim]) -> None:
    """Run them all beside each other; each dies at its own moment."""
    with ExitStack() as stack:
        processes = []
        for victim in batch:
            process = stack.enter_context(start(here, far_side, victim))
            stack.callback(process.kill)
            processes.append(process)
        for victim, process in zip(batch, processes, strict=True):
            ended = process.wait(timeout=100)
            assert ended == -signal.SIGKILL, f"{victim} lived on: {last_words(here, victim).read_text()}"


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "batch", [pytest.param(n, marks=[] if n < SAMPLE else pytest.mark.whole) for n in range(BATCHES)]
)
def test_a_run_killed_at_any_moment_is_settled_by_the_next_wait(
    imgen: Program, far_side: FarSide, batch: int, print_report: Tell
) -> None:
    here = imgen.at(far_side.origin)
    killed = victims(batch)

    kill_at_once(here, far_side, killed)
    waited = here.run("wait", "--timeout", "20", *OFTEN)

    recorded = check_ledger(here)
    jobs = {job.request.prompt: job for job in recorded}
    assert len(jobs) == len(recorded), "an order is there twice"
    for victim in killed:
        job = jobs.get(victim.prompt)
        charges = far_side.charges(victim.prompt)
        state = job.state if job else None
        print_report("death", [victim.moment.name, charges, state and state.value])

        assert charges == victim.moment.charged, victim
        assert state in (victim.moment.states_at(victim.service) or (None,)), victim
    doubtful = [job.id for job in jobs.values() if job.state is State.UNCERTAIN]
    assert waited.code == (ExitCode.UNCERTAIN if doubtful else ExitCode.DONE), waited.stderr
    closing = [line.split()[2:] for line in waited.stderr.splitlines() if line.strip().startswith("imgen forget ")]
    assert sorted(job_id for each in closing for job_id in each) == sorted(doubtful)
