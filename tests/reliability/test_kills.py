"""SIGKILL at every named moment of a run, eight runs at once on one ledger; then `imgen wait` settles what is left."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, OFTEN, Program
from imgen.errors import ExitCode
from imgen.jobs.records import JobRecord, State
from imgen_providers.catalog import SERVICES
from reliability.moments import MOMENTS, Moment

if TYPE_CHECKING:
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
    services = list(SERVICES)
    found = []
    for run in range(batch * AT_ONCE, (batch + 1) * AT_ONCE):
        turn, number = divmod(run, len(MOMENTS))
        found.append(Victim(f"fox {run}", services[(turn + number) % len(services)], MOMENTS[number]))
    return found


def start(here: Program, far_side: FarSide, victim: Victim) -> subprocess.Popen[bytes]:
    """Begin the run, and arrange for its end."""
    arguments = ["generate", victim.prompt, "-p", victim.service, *OFTEN]
    by_service = victim.moment.seen_by == "the service"
    process = subprocess.Popen(
        [*IMGEN, *arguments] if by_service else [*MORTAL, victim.moment.name, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=here.cwd,
        env=here.environ,
    )
    if by_service:
        far_side.kill(process.pid, victim.prompt, victim.moment.name)
    return process


def kill_at_once(here: Program, far_side: FarSide, batch: list[Victim]) -> None:
    """Run them all beside each other; each dies at its own moment."""
    with ExitStack() as stack:
        processes = []
        for victim in batch:
            process = stack.enter_context(start(here, far_side, victim))
            stack.callback(process.kill)
            processes.append(process)
        for victim, process in zip(batch, processes, strict=True):
            assert process.wait(timeout=40) == -signal.SIGKILL, f"{victim} lived on"


def check_ledger(here: Program) -> dict[str, JobRecord]:
    """It is whole, each prompt is in it once, and the pictures it calls saved are all the files there are."""
    ledger = sqlite3.connect(here.home / "ledger.sqlite3")
    try:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        ledger.close()
    jobs = here.jobs()
    found = {job.request.prompt: job for job in jobs}
    assert len(found) == len(jobs)
    saved = {result.path: result.sha256 for job in jobs for result in job.results if job.state is State.SAVED}
    there = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in here.cwd.iterdir()}
    assert there == saved, "a picture twice, a part, or none"
    return found


@pytest.mark.parametrize("batch", [pytest.param(n, marks=[] if n < SAMPLE else pytest.mark.whole) for n in range(BATCHES)])
def test_a_run_killed_at_any_moment_is_settled_by_the_next_wait(
    imgen: Program, far_side: FarSide, batch: int
) -> None:
    here = imgen.at(far_side.origin)
    killed = victims(batch)

    kill_at_once(here, far_side, killed)
    waited = here.run("wait", "--timeout", "20", *OFTEN)

    jobs = check_ledger(here)
    for victim in killed:
        job = jobs.get(victim.prompt)
        charges = far_side.charges(victim.prompt)
        state = job.state if job else None

        assert charges == victim.moment.charged, victim
        assert state in (victim.moment.states_at(victim.service) or (None,)), victim
    doubtful = [job.id for job in jobs.values() if job.state is State.UNCERTAIN]
    assert waited.code == (ExitCode.UNCERTAIN if doubtful else ExitCode.DONE), waited.stderr
    for job_id in doubtful:
        assert f"imgen forget {job_id}" in waited.stderr
