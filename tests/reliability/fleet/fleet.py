"""A fleet to break: workers as processes with homes of their own, a PostgreSQL, and a far side that counts charges."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import postgres
from cli.program.program import IMGEN, Program
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.ledger import PostgresLedger
from imgen.records import OPEN, JobRecord, State
from imgen_providers.catalog import SERVICES
from reliability.far_side import FarSide, fault_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MORTAL = Path(__file__).with_name("mortal.py")

_PATIENCE = 540.0  # seconds for a fleet to become idle
_BIND = "-c listen_addresses={hosts} -p {port} -c unix_socket_directories={folder} -c max_connections=200"


@dataclass(slots=True)
class Worker:
    """A running `imgen work`, and its home."""

    process: subprocess.Popen[bytes]
    home: Path

    def kill(self) -> None:
        """SIGKILL, and its disk is gone as that of a runner is."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def signal(self, number: int) -> None:
        """Send a signal to it."""
        os.kill(self.process.pid, number)

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


@dataclass(slots=True)
class Fleet:
    """All that a proof needs: `far` counts, `server` is a PostgreSQL that may be stopped, `laptop` has no key."""

    folder: Path
    server: postgres.Server
    url: str
    far: FarSide
    variables: dict[str, str]
    workers: list[Worker] = field(default_factory=list)
    hosts: str = "127.0.0.1"

    @property
    def laptop(self) -> Program:
        """The machine that orders: it knows where the services are, and has no key."""
        desk = self.folder / "desk"
        desk.mkdir(exist_ok=True)
        return keyless(Program(self.folder / "home of the laptop", desk, self.variables))

    @property
    def store(self) -> Path:
        """The folder that pictures are stored in."""
        return self.folder / "store"

    def start(
        self,
        *options: str,
        until: tuple[str, str] | None = None,
        within: Sequence[str] = (),
        **variables: str,
    ) -> Worker:
        """One more worker, on a machine of its own; `until` a signal stops it at a moment (`mortal.py`).

        `within` is a command that runs another one in its own process.
        """
        program = [*within, *([sys.executable, "-P", str(MORTAL), *until] if until else IMGEN)]
        home = self.folder / f"home {secrets.token_hex(4)}"
        home.mkdir(mode=0o700)
        with (self.folder / "workers.log").open("ab") as log:
            process = subprocess.Popen(
                [*program, "work", "--poll-every", "0.3", *options],
                cwd=home,
                env={**os.environ, **self.variables, **variables, "IMGEN_HOME": str(home), "PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        worker = Worker(process, home)
        self.workers.append(worker)
        return worker

    def write(self, prompts: list[str], name: str = "assets.toml", provider: str = "3daistudio") -> None:
        """Write a manifest with an asset for each prompt, on the laptop."""
        write_manifest(self.laptop.cwd / name, prompts, provider)

    def order(self, prompts: list[str], *options: str, name: str = "assets.toml", provider: str = "3daistudio") -> None:
        """Queue an asset for each prompt, from the laptop."""
        self.write(prompts, name, provider)
        command, laptop = [*IMGEN, "batch", name, "--queue", *options], self.laptop
        queued = subprocess.run(command, cwd=laptop.cwd, env=laptop.environ, capture_output=True, timeout=300.0)
        assert queued.returncode == 0, queued.stderr.decode()

    def ledger(self) -> PostgresLedger:
        """The ledger, seen by this test."""
        return PostgresLedger(parse(self.url, {}), self.folder / "looking", patience=60.0)

    def jobs(self) -> list[JobRecord]:
        """Every job."""
        ledger = self.ledger()
        try:
            return ledger.jobs.find("")
        finally:
            ledger.close()

    def open_jobs(self) -> list[JobRecord]:
        """The jobs that are not over."""
        return [job for job in self.jobs() if job.state in OPEN]

    def until_idle(self, patience: float = _PATIENCE) -> None:
        """Wait until no job is open any more."""
        deadline = time.monotonic() + patience
        while self.open_jobs():
            assert time.monotonic() < deadline, Counter(str(job.state) for job in self.jobs())
            time.sleep(0.5)

    def end(self) -> None:
        """Kill what still runs."""
        for worker in self.workers:
            if worker.runs:
                worker.signal(signal.SIGCONT)
            worker.kill()

    # The database -----------------------------------------------------------------------------------------

    def restart(self, mode: str) -> None:
        """Restart PostgreSQL: "fast", "immediate" (a crash), or "kill" (of its main process)."""
        if mode == "kill":
            assert self.server.folder
            pid = int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            until(lambda: not _is_there(pid))
        else:
            self.server.control("-m", mode, "stop")
        self.start_server()

    def listen_on(self, address: str) -> None:
        """Let the database be reached at one more address of this machine, from its own network."""
        assert self.server.folder
        with (self.server.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {address}/30 trust\n")
        self.hosts = f"127.0.0.1,{address}"
        self.restart("fast")

    def start_server(self) -> None:
        """Start PostgreSQL again."""
        bind = _BIND.format(hosts=self.hosts, port=self.server.port, folder=self.server.folder)
        deadline = time.monotonic() + 30.0
        while True:  # what its killed main process had started may still be ending
            try:
                self.server.control("-o", bind, "start")
            except subprocess.CalledProcessError:
                assert time.monotonic() < deadline
                time.sleep(0.3)
            else:
                return


@dataclass(frozen=True, slots=True)
class Count:
    """What came of a fleet's work, counted on the far side and in the store; `charged` is the sum of all charges."""

    assets: int
    charged: int
    doubled: int
    saved: int
    uncertain: int
    lost: int
    open: int
    objects: int


def count(fleet: Fleet) -> Count:
    """Count, and hold what must hold: every charge is saved or called uncertain, and nothing was stored twice."""
    jobs, arrivals = fleet.jobs(), fleet.far.arrivals()
    by_prompt: dict[str, list[JobRecord]] = {}
    for job in jobs:
        by_prompt.setdefault(job.request.prompt, []).append(job)
    accounted = (State.SAVED, State.UNCERTAIN)
    lost = [p for p in arrivals if not any(job.state in accounted for job in by_prompt.get(p, []))]
    # While it is written, obstore's file is NAME#1, which it shows to no one: that may be left by a kill.
    files = [path for path in fleet.store.rglob("*") if path.is_file() and path.name != ".imgen"]
    objects = [path for path in files if not re.search(r"#\d+$", path.name)]
    recorded = {job.results[0].object for job in jobs if job.state is State.SAVED}
    assert {f"file://{path}" for path in objects} == recorded, "an object twice, or one that is not recorded"
    return Count(
        assets=len(by_prompt),
        charged=sum(map(len, arrivals.values())),
        doubled=sum(len(each) - 1 for each in arrivals.values()),
        saved=sum(job.state is State.SAVED for job in jobs),
        uncertain=sum(job.state is State.UNCERTAIN for job in jobs),
        lost=len(lost),
        open=sum(job.state in OPEN for job in jobs),
        objects=len(objects),
    )


def until(condition: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def keyless(program: Program) -> Program:
    """The same on a machine that has no key of any service."""
    keys = {entry.key_variable for entry in SERVICES.values()}
    return replace(program, variables={name: value for name, value in program.variables.items() if name not in keys})


def write_manifest(path: Path, prompts: list[str], provider: str) -> None:
    """A manifest with an asset for each prompt."""
    assets = "".join(f'[[asset]]\npath = "art/{n}.png"\nprompt = "{prompt}"\n' for n, prompt in enumerate(prompts))
    path.write_text(f'[defaults]\nresolution = "0.5K"\nprovider = "{provider}"\n{assets}')


@contextmanager
def fleet(
    folder: Path, server: postgres.Server | None = None, *, seconds: float = 1.0, **variables: str
) -> Iterator[Fleet]:
    """A fleet with a PostgreSQL of its own, whose services take `seconds` for a job."""
    server = server or postgres.running(secrets.token_hex(6), os.getpid())
    with fault_server(folder / "far side", seconds) as far:
        here = Program(folder, folder, {}).at(far.origin)
        url = server.make(f"fleet_{secrets.token_hex(4)}")
        own = {"IMGEN_LEDGER": url, "IMGEN_STORE": f"file://{folder / 'store'}"}
        made = Fleet(folder, server, url, far, {**here.variables, **own, **variables})
        try:
            assert made.laptop.run("fleet", "init").code == 0
            yield made
        finally:
            made.end()
            server.control("-m", "immediate", "stop")


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
