"""The installed program as a person runs it: another process, real sockets, a home of its own; nothing may hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.program import forks
from cli.program.forks import FORKS
from imgen.ledger.ledger import Ledger
from imgen_providers.catalog import SERVICES
from imgen_providers.sandbox.faults import parse_faults
from imgen_providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from imgen.records import JobRecord

IMGEN = (sys.executable, "-m", "imgen")
KEY = "a-key-of-no-account-0123456789"
SMALL = ("-r", "0.5K")
OFTEN = ("--poll-every", "0.05")

_PATIENCE = 30.0  # seconds, after which a process that hangs is killed and fails its test
_LOOK = 0.002  # seconds between two looks at something that is about to happen


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that is over."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What a script reads."""
        return self.stdout.decode().splitlines()

    @property
    def json(self) -> dict[str, Any]:
        """The one line of pure ASCII on stdout, read."""
        assert self.stdout.isascii()
        assert self.stdout.endswith(b"\n")
        assert self.stdout.count(b"\n") == 1
        answer = json.loads(self.stdout)
        assert isinstance(answer, dict)
        return answer


@dataclass(frozen=True, slots=True)
class Program:
    """imgen with its ledger in `home`, run in the folder `cwd`, with these environment variables of ours only."""

    home: Path
    cwd: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run one command to its end."""
        return self._ran(forks.IMGEN, IMGEN, arguments, stdin)

    def run_script(self, name: str, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run `main` of a file beside this one, which runs commands of ours in its process, to its end."""
        return self._ran(name, (sys.executable, str(Path(__file__).with_name(f"{name}.py"))), arguments, stdin)

    def run_lines(self, lines: Sequence[tuple[Sequence[str], Mapping[str, str], bytes]]) -> list[Ended]:
        """Run command lines, each with more variables and a standard input, after each other in one process."""
        asked = json.dumps([[line, variables, stdin.decode("latin-1")] for line, variables, stdin in lines])
        done = self.run_script("lines", stdin=asked.encode())
        assert done.code == 0, done.stderr
        outcomes = map(json.loads, done.stdout.splitlines())
        return [Ended(code, out.encode(), err) for code, out, err in outcomes]

    def _ran(self, module: str, command: Sequence[str], arguments: Sequence[str], stdin: bytes) -> Ended:
        if FORKS.suit(self.variables):
            code, out, err = FORKS.run(module, arguments, stdin, self.cwd, self.environ, _PATIENCE)
            return Ended(code, out, err.decode())
        ended = subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            cwd=self.cwd,
            env=self.environ,
            timeout=_PATIENCE,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())

    @contextmanager
    def start(self, *arguments: str, stderr: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
        """A command that goes on beside the test, and is killed at the end of the block."""
        command = [*IMGEN, *arguments]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=self.cwd,
            env=self.environ,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of its processes."""
        return {**os.environ, "IMGEN_HOME": str(self.home), "PYTHONUTF8": "1", **self.variables}

    def at(self, origin: str, key: str = KEY) -> Program:
        """The same, with every service at another origin, a key for each, and no pacing."""
        origins = {entry.origin_variable: origin for entry in SERVICES.values()}
        keys = {entry.key_variable: key for entry in SERVICES.values()}
        unhurried = {"IMGEN_SUBMITS_PER_MINUTE": "0"}
        return replace(self, variables={**self.variables, **origins, **keys, **unhurried})

    def elsewhere(self, cwd: Path) -> Program:
        """The same in another folder."""
        cwd.mkdir(exist_ok=True)
        return replace(self, cwd=cwd)

    def jobs(self) -> list[JobRecord]:
        """Every job in the ledger, the oldest first."""
        path = self.home / "ledger.sqlite3"
        if not path.exists():
            return []
        ledger = Ledger(path, time.time)
        try:
            return ledger.jobs.find("")  # the beginning of every id
        finally:
            ledger.close()


@contextmanager
def served(folder: Path, log: list[str], *, faults: str = "", seconds: float = 0.2) -> Iterator[str]:
    """The services on a port of this machine, outside of the program; `log` gets a line per request."""
    with SandboxServer(folder, seconds=seconds, faults=parse_faults(faults), log=log.append) as server:
        yield server.origin


def until(happened: Callable[[], object]) -> None:
    """Wait for something that is about to happen."""
    end = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(_LOOK)
