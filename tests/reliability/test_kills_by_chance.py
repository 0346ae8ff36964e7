"""SIGKILL at moments of chance: with the services inside the program that dies, and of one that waits."""

from __future__ import annotations

import json
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, SMALL, Program, served, until
from imgen.errors import ExitCode
from imgen.records import JobRecord, State
from imgen_providers.sandbox.gemini_batches import PART
from reliability.channels import CHANNELS
from reliability.evidence import check_ledger

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

SLOW = "slow-reply=0.25*always,trickling-answer=0.3*always,slow-picture=0.4*always"


@dataclass(frozen=True, slots=True)
class Victim:
    """One run that is going to be killed, by the prompt that only it has."""

    prompt: str
    process: subprocess.Popen[bytes]
    here: Program
    far_side: Path

    def accepted(self) -> bool:
        """Whether the services have made its job."""
        return any(prompt == self.prompt for prompt in prompts_of(self.far_side))

    def recorded(self) -> bool:
        """Whether the ledger has its job."""
        return any(job.request.prompt == self.prompt for job in self.here.jobs())

    def saving(self) -> bool:
        """Whether some of its picture is here."""
        return any(self.slug in path.name for path in self.here.cwd.glob(".*.part"))

    def placed(self) -> bool:
        """Whether its picture is in place, whatever the ledger says."""
        return any(self.here.cwd.glob(f"{self.slug}-*.png"))

    @property
    def slug(self) -> str:
        """Its prompt in file names."""
        return self.prompt.replace(" ", "-")


def prompts_of(far_side: Path) -> list[str]:
    """The prompt of each job that the services made; a request of a batch is none of its own."""
    orders = [json.loads(path.read_bytes())["order"] for path in (far_side / "jobs").glob("*.json")]
    return [order["prompt"] for order in orders if order["service"] != PART]


def kill(victim: Victim, moment: str, delay: float) -> None:
    """Kill it `delay` seconds after the moment, or as soon as it has ended by itself."""
    happened: dict[str, Callable[[], bool]] = {
        "start": lambda: True,
        "recorded": victim.recorded,
        "accepted": victim.accepted,
        "saving": victim.saving,
        "placed": victim.placed,
    }
    until(lambda: happened[moment]() or victim.process.poll() is not None)
    time.sleep(delay)
    victim.process.kill()
    victim.process.wait()


def kill_several(here: Program, far_side: Path, name: str, moments: list[tuple[str, float]], *options: str) -> None:
    """As many runs as there are moments, beside each other, each killed at its own."""
    with ExitStack() as stack:
        victims = []
        for number, _ in enumerate(moments):
            prompt = f"fox {name} {number}"
            process = stack.enter_context(here.start("generate", prompt, *OFTEN, *options))
            victims.append(Victim(prompt, process, here, far_side))
        for victim, (moment, delay) in zip(victims, moments, strict=True):
            kill(victim, moment, delay)


def check_money(jobs: list[JobRecord], made: list[str]) -> None:
    """Each job that the services made was ordered once, and is accounted for."""
    states = {job.request.prompt: job.state for job in jobs}
    assert len(made) == len(set(made))
    for prompt, state in states.items():
        allowed = {State.SAVED, State.UNCERTAIN} if prompt in made else {State.CANCELLED, State.UNCERTAIN}
        assert state in allowed, (prompt, state)
    assert set(made) <= set(states)
    for job in jobs:
        if job.state is State.CANCELLED:
            assert job.problem
            assert job.problem.code == "never_sent"


MOMENTS = ["start", "recorded", "accepted", "saving", "placed"]
WAITS = 3
KILLS = len(MOMENTS) + WAITS
"""The kills of one run of this file, without what only the whole proof has."""
LONGEST = {"start": 0.6, "recorded": 0.3, "accepted": 0.8, "saving": 0.45, "placed": 0.004}  # seconds


def moments(chance: random.Random) -> list[tuple[str, float]]:
    """Every moment of a run once, each with some delay."""
    return [(moment, chance.uniform(0.0, LONGEST[moment])) for moment in MOMENTS]


@pytest.mark.parametrize(
    "channel",
    [
        "3daistudio",
        *(
            pytest.param(name, marks=pytest.mark.whole)
            for name in ("gemini", "gemini-batch", "openai", "openrouter", "fal")
        ),
    ],
)
def test_with_the_services_inside_they_die_too_and_the_jobs_live_on(imgen: Program, channel: str) -> None:
    slow = Program(imgen.home, imgen.cwd, {"IMGEN_SANDBOX_SECONDS": "0.3", "IMGEN_SANDBOX_FAULTS": SLOW})
    far_side = imgen.home / "sandbox"
    order = [*CHANNELS[channel].order, *(SMALL if channel == "3daistudio" else ())]

    kill_several(slow, far_side, "by chance", moments(random.Random(4)), *order, "--sandbox")
    waited = imgen.run("wait", "--sandbox", "--timeout", "20", *OFTEN)

    jobs = check_ledger(imgen)
    check_money(jobs, prompts_of(far_side))
    doubtful = [job.id for job in jobs if job.state is State.UNCERTAIN]
    assert waited.code == (ExitCode.UNCERTAIN if doubtful else ExitCode.DONE), waited.stderr


def test_a_wait_that_is_killed_over_and_over_saves_each_picture_once(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    chance = random.Random(6)
    with served(tmp_path / "far side", log, faults="slow-picture=0.3*always", seconds=0.1) as origin:
        here = imgen.at(origin)
        submitted = here.run("generate", "a red fox", "-p", "3daistudio", *SMALL, "-n", "4", "--no-wait")
        for _ in range(WAITS):
            with here.start("wait", *OFTEN) as process:
                until(lambda: any(here.cwd.iterdir()) or process.poll() is not None)
                time.sleep(chance.uniform(0.0, 0.4))
        finished = here.run("wait", *submitted.lines, *OFTEN)

    assert finished.code == ExitCode.DONE, finished.stderr
    jobs = check_ledger(here)
    assert [len(job.results) for job in jobs] == [4]
    assert sum(line.startswith("POST ") for line in log) == 1
