"""A whole fleet on this machine, to see that it keeps its promise: PostgreSQL, workers, and a far side that counts.

Everything runs as on several machines: each worker is a process with a home of its own, which is deleted with it when
it is killed. The services are the sandbox, one for all workers, whose jobs are counted at the end.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.errors import ExitCode, UsageProblem
from imgen.fleet.local import local_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imgen.records import JobRecord

_SECONDS = 2.0  # that a job takes in the sandbox
_PATIENCE = 600.0  # seconds
_LOOK = 0.1
_BETWEEN = (0.5, 1.5)  # seconds between two kills


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial: of a manifest, in a folder, with so many workers and kills; `environ` is that of this process."""

    cwd: Path
    manifest: str
    workers: int
    kills: int
    environ: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a trial came to. `submits` are the jobs that the far side made, `made` the assets with their file in place.

    `doubled` are jobs of the far side beyond one an asset, `lost` those that are neither in the ledger nor uncertain
    there.
    """

    assets: int
    made: int
    kills: int
    submits: int
    doubled: int
    lost: int
    uncertain: int

    @property
    def exit_code(self) -> ExitCode:
        """Whether the promise was kept, and every asset made."""
        if self.doubled or self.lost:
            return ExitCode.BUG
        if self.uncertain:
            return ExitCode.UNCERTAIN
        return ExitCode.DONE if self.made == self.assets else ExitCode.PARTIAL


@dataclass(slots=True)
class _Worker:
    """A running worker, with the home that it has for itself."""

    process: subprocess.Popen[bytes]
    home: Path


def try_fleet(trial: Trial, say: Callable[[str], None]) -> Counted:
    """Run a trial to its end. Raises `BadConfiguration` where there is no PostgreSQL, and `UsageProblem`."""
    from imgen_providers.sandbox.server import SandboxServer

    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="imgen-fleet-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = stack.enter_context(local_postgres())
        far_side = folder / "far side"
        server = stack.enter_context(SandboxServer(far_side, seconds=_SECONDS))
        fleet = _Fleet(trial, folder, postgres.url, server.origin)
        stack.callback(fleet.end)
        fleet.make_ledger()
        say(f"PostgreSQL runs in {postgres.folder}; the services are {server.origin}.")
        assets = fleet.batch("--queue")["assets"]
        assert isinstance(assets, list)
        say(f"{len(assets):,} assets are queued for {trial.workers} workers.")
        kills = fleet.work(say)
        made = fleet.batch("--collect", fails=True)
        return count(made, fleet.jobs(), far_side, kills)


class _Fleet:
    """The processes of a trial."""

    def __init__(self, trial: Trial, folder: Path, ledger: str, far_side: str) -> None:
        self._trial = trial
        self._folder = folder
        self._ledger = ledger
        self._environ = {
            **trial.environ,
            "IMGEN_LEDGER": ledger,
            "IMGEN_STORE": f"file://{folder}/store",
            "IMGEN_SANDBOX_SERVER": far_side,
            "IMGEN_SANDBOX_SECONDS": str(_SECONDS),
            "IMGEN_HOME": str(folder / "home"),
        }
        (folder / "home").mkdir(mode=0o700)
        self._workers: list[_Worker] = []
        self._started = 0
        self._chance = random.Random(len(trial.manifest))

    def make_ledger(self) -> None:
        """Make the tables of the trial's own ledger."""
        from imgen.fleet.engine import tables, version
        from imgen.ledger.postgres.address import parse
        from imgen.ledger.postgres.engine_rows import making_tables
        from imgen.ledger.postgres.setup import set_up

        address = parse(self._ledger, {})
        set_up(address, time_zone="UTC", also=making_tables(address, tables(), version()))

    def batch(self, action: str, *, fails: bool = False) -> dict[str, object]:
        """Run `imgen batch` to its end; returns its report. Raises `UsageProblem` where it fails."""
        ended = subprocess.run(  # noqa: S603  (this very program)
            [sys.executable, "-m", "imgen", "batch", self._trial.manifest, action, "--sandbox", "--json"],
            cwd=self._trial.cwd,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        answer = json.loads(ended.stdout)
        if ended.returncode and not fails:
            raise UsageProblem(answer["error"]["message"], answer["error"]["hint"])
        report: dict[str, object] = answer["batch"]
        return report

    def work(self, say: Callable[[str], None]) -> int:
        """Let the workers work until nothing is left, killing some on the way; returns how many were killed."""
        for _ in range(self._trial.workers):
            self._start()
        kills, deadline = 0, time.monotonic() + _PATIENCE
        next_kill = time.monotonic() + self._chance.uniform(*_BETWEEN)
        while self._workers and time.monotonic() < deadline:
            time.sleep(_LOOK)
            if kills < self._trial.kills and time.monotonic() >= next_kill:
                self._kill(self._chance.choice(self._workers))
                kills += 1
                say(f"Killed a worker ({kills} of {self._trial.kills}), and deleted its home; another one starts.")
                self._start()
                next_kill = time.monotonic() + self._chance.uniform(*_BETWEEN)
            self._workers = [worker for worker in self._workers if worker.process.poll() is None]
        return kills

    def end(self) -> None:
        """End what still runs."""
        for worker in self._workers:
            self._kill(worker)

    def jobs(self) -> list[JobRecord]:
        """Every job in the ledger."""
        from imgen.ledger.postgres.address import parse
        from imgen.ledger.postgres.ledger import PostgresLedger

        ledger = PostgresLedger(parse(self._ledger, {}), self._folder / "home")
        try:
            return ledger.jobs.find("")
        finally:
            ledger.close()

    def _start(self) -> None:
        home = self._folder / f"worker {self._started}"
        home.mkdir(mode=0o700)
        self._started += 1
        process = subprocess.Popen(
            [sys.executable, "-m", "imgen", "work", "--until-idle", "--sandbox", "--quiet"],
            cwd=home,
            env={**self._environ, "IMGEN_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "workers.log").open("ab"),
        )
        self._workers.append(_Worker(process, home))

    def _kill(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.wait()
        shutil.rmtree(worker.home, ignore_errors=True)


def count(made: dict[str, object], jobs: list[JobRecord], far_side: Path, kills: int) -> Counted:
    """Compare what the far side has with what the ledger has; `made` is the report of the last `imgen batch`."""
    there = [json.loads(path.read_bytes()) for path in (far_side / "jobs").glob("*.json")]
    prompts = Counter(job["order"]["prompt"] for job in there)
    ordered = Counter(job.request.prompt for job in jobs)
    known = {job.remote_id for job in jobs}
    uncertain = Counter(job.request.prompt for job in jobs if job.state == "uncertain")
    unknown = Counter(job["order"]["prompt"] for job in there if job["id"] not in known)
    assets = made["assets"]
    assert isinstance(assets, list)
    good = ("made", "found", "current", "converted")
    return Counted(
        assets=len(assets),
        made=sum(asset["outcome"] in good for asset in assets),
        kills=kills,
        submits=len(there),
        doubled=sum((prompts - ordered).values()),
        lost=sum((unknown - uncertain).values()),
        uncertain=uncertain.total(),
    )
