"""`channel = "batch"`: one run submits at half the price, a later one collects, and nothing is bought twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cli.program.test_batch_run import asset, counts, lock, write
from imgen.records import State
from imgen_providers.sandbox.faults import parse_faults
from imgen_providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from cli.program.program import Program
    from imgen.records import JobRecord

HOURS = 3600.0
ASSETS = 20
HALF = Decimal("0.0168")  # dollars for a picture of nano-banana-2.1 at 1K
LATER = '[defaults]\nprovider = "gemini"\nmodel = "nano-banana-2.1"\nresolution = "1K"\nchannel = "batch"\n'


@dataclass
class Google:
    """A Gemini API whose batches take eight hours; `later` is how many seconds its clock is ahead of ours.

    The process `victim` is killed when its `kill_at`th submit has made a batch and is about to be answered.
    """

    folder: Path
    later: float = 0.0
    log: list[str] = field(default_factory=list)
    victim: subprocess.Popen[bytes] | None = None
    kill_at: int = 0

    def note(self, line: str) -> None:
        self.log.append(line)
        if self.victim and self.submits == self.kill_at:
            self.victim.kill()
            self.victim.wait()
            self.victim = None

    @property
    def submits(self) -> int:
        """How many batches were made; a request that a kill cut short made none."""
        return sum(":batchGenerateContent" in line and "body cut short" not in line for line in self.log)

    def names(self) -> Counter[str]:
        """The display names of all batches, and how many each has."""
        kept = (json.loads(path.read_text()) for path in self.folder.rglob("*.json"))
        bodies = (each.get("order", {}).get("body", {}) for each in kept)
        return Counter(body["displayName"] for body in bodies if "displayName" in body)


@contextmanager
def google(folder: Path, here: Program, faults: str = "") -> Iterator[tuple[Google, Program]]:
    """The service, and the program as it goes there."""
    far = Google(folder)
    now, script = lambda: time.time() + far.later, parse_faults(faults)
    with SandboxServer(folder, seconds=8 * HOURS, faults=script, now=now, log=far.note) as server:
        yield far, here.at(server.origin)


def manifest(here: Program, count: int = ASSETS) -> None:
    write(here, *(asset(f"art/{number}.png") for number in range(count)), defaults=LATER)


def uncertain(here: Program) -> list[JobRecord]:
    return [job for job in here.jobs() if job.state is State.UNCERTAIN and job.forgotten_at is None]


def test_twenty_assets_are_submitted_tonight_and_collected_tomorrow(tmp_path: Path, imgen: Program) -> None:
    with google(tmp_path / "far", imgen) as (far, here):
        manifest(here)
        planned = here.run("batch", "--plan", "--json").json["batch"]
        tonight = here.run("batch", "--json", "--max-cost", f"{HALF * ASSETS}usd")
        meanwhile = here.run("batch")
        far.later = 12 * HOURS
        tomorrow = here.run("batch", "--json")

    assert [Decimal(total["cost"]["amount"]) for total in planned["totals"]] == [HALF * ASSETS]
    assert (tonight.code, counts(tonight)) == (7, {"waiting": ASSETS}), tonight.stderr
    assert Decimal(tonight.json["batch"]["spent"]["usd"]) == HALF * ASSETS
    assert tonight.json["error"]["code"] == "unfinished"
    assert (meanwhile.code, meanwhile.lines) == (7, [])
    assert f"{ASSETS} waiting for nothing." in meanwhile.stderr
    assert "the next imgen batch collects it" in meanwhile.stderr
    assert (tomorrow.code, counts(tomorrow)) == (0, {"found": ASSETS}), tomorrow.stderr
    assert far.submits == ASSETS
    assert {each.model for each in lock(here).values()} == {"batch/gemini-nano-banana-2.1"}
    assert here.run("batch", "--check").code == 0


@pytest.mark.parametrize("kill_at", [1, 8, ASSETS])
def test_a_run_that_is_killed_is_gone_on_with_by_the_next_and_each_is_bought_once(
    tmp_path: Path, imgen: Program, kill_at: int
) -> None:
    with google(tmp_path / "far", imgen) as (far, here):
        manifest(here)
        far.kill_at = kill_at
        with here.start("batch") as process:
            far.victim = process
            process.wait(timeout=60)
        assert process.returncode == -9
        # What a kill met before a byte had left is at no service: a user who has looked says so.
        after = here.run("batch", "--json")
        made = far.names()
        for job in uncertain(here):
            assert after.code == 10
            assert job.request.idempotency_key not in made
            assert here.run("forget", job.id).code == 0
        again = here.run("batch", "--json")
        far.later = 12 * HOURS
        tomorrow = here.run("batch", "--json")

    assert (again.code, counts(again)) == (7, {"waiting": ASSETS}), again.stderr
    assert (tomorrow.code, counts(tomorrow)) == (0, {"found": ASSETS}), tomorrow.stderr
    assert far.submits == ASSETS
    assert set(far.names().values()) == {1}


def test_a_lost_reply_is_found_by_our_name_in_another_process_and_saved(tmp_path: Path, imgen: Program) -> None:
    with google(tmp_path / "far", imgen) as (far, here):
        far.kill_at = 1
        model = ("-p", "gemini", "-m", "nano-banana-2.1", "--channel", "batch")
        order = ("generate", "a red fox", *model, "-o", "fox.{ext}")
        with here.start(*order, "--no-wait") as process:
            far.victim = process
            process.wait(timeout=60)
        [lost] = here.jobs()
        assert (process.returncode, lost.remote_id) == (-9, None)
        far.later = 12 * HOURS
        waited = here.run("wait", "--json")  # the first poll is at once: the batch may be over for hours

    [job] = waited.json["jobs"]
    assert (waited.code, job["state"], job["id"]) == (0, "saved", lost.id), waited.stderr
    assert job["remote_id"].startswith("batches/")
    assert far.submits == 1


def test_waiting_for_a_batch_is_said_to_be_long(tmp_path: Path, imgen: Program) -> None:
    with google(tmp_path / "far", imgen) as (_, here):
        order = ("generate", "a red fox", "-p", "gemini", "-m", "nano-banana-2.1", "--channel", "batch")
        waited = here.run(*order, "--timeout", "0.5")
        left = here.run(*order, "--no-wait")

    assert "A batch can take 24 hours." in waited.stderr
    assert "24 hours" not in left.stderr


def test_wait_and_no_wait_say_what_is_waited_for(tmp_path: Path, imgen: Program) -> None:
    with google(tmp_path / "far", imgen) as (far, here):
        manifest(here, 1)
        assert here.run("batch", "--no-wait", "--wait").code == 2
        submitted = here.run("batch", "--no-wait")
        stopped = here.run("batch", "--wait", "--timeout", "0.5", "--json")
        far.later = 12 * HOURS
        waited = here.run("batch", "--wait", "--json")

    assert (submitted.code, submitted.lines) == (0, [job.id for job in here.jobs()])
    assert (stopped.code, counts(stopped)) == (7, {"waiting": 1})
    assert (waited.code, counts(waited)) == (0, {"found": 1}), waited.stderr
    assert far.submits == 1


def test_what_goes_on_from_a_picture_under_way_is_ordered_by_the_run_that_collects_it(
    tmp_path: Path, imgen: Program
) -> None:
    with google(tmp_path / "far", imgen) as (far, here):
        write(here, asset("first.png"), asset("second.png", references='["first.png"]'), defaults=LATER)
        runs = []
        for _ in range(3):
            runs.append(here.run("batch", "--json"))
            far.later += 12 * HOURS

    assert [run.code for run in runs] == [7, 7, 0], runs[0].stderr
    assert [counts(run) for run in runs] == [
        {"waiting": 2},
        {"found": 1, "waiting": 1},
        {"current": 1, "found": 1},
    ]
    assert far.submits == 2


def test_a_batch_that_expired_at_google_is_a_failure_and_the_next_run_orders_it_again(
    tmp_path: Path, imgen: Program
) -> None:
    with google(tmp_path / "far", imgen, faults="job-failed*1") as (far, here):
        manifest(here, 1)
        runs = []
        for _ in range(3):
            runs.append(here.run("batch", "--json"))
            far.later += 12 * HOURS

    assert [run.code for run in runs] == [7, 5, 7], [run.stderr for run in runs]
    assert counts(runs[1]) == {"failed": 1}
    assert far.submits == 2
