"""Many `imgen wait` at once on the same open jobs: every picture crosses the wire once, and none meets a lock.

The whole of it, in the folder `tests`: python -m reliability.ten_waits
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from cli.program.program import IMGEN, SMALL, Program, until
from imgen.records import State
from imgen_providers.sandbox.server import SandboxServer

_MOST = 16  # jobs of one order
_PATIENCE = 300.0  # seconds for all of them
_LONG = 3600.0  # seconds that a job takes there


@dataclass(frozen=True, slots=True)
class Race:
    """What came of it: each wait's exit code and stderr, and how often each picture was asked for."""

    codes: tuple[int, ...]
    answer: tuple[str, ...]
    listed: tuple[tuple[str, ...], ...]
    fetches: Counter[str]
    submits: int
    saved: tuple[Path, ...]
    left_over: tuple[Path, ...]
    integrity: str
    seconds: float

    def problems(self, jobs: int) -> list[str]:
        """What is not as promised, in sentences; none where all is well."""
        found = {
            f"the waits ended with {self.codes}": any(self.codes),
            f"{len(self.saved)} of {jobs} pictures are saved": len(set(self.saved)) != jobs,
            f"{self.submits} submits for {jobs} jobs": self.submits != jobs,
            f"fetched more than once, or never: {self.fetches.most_common(3)}": sorted(self.fetches.values())
            != [1] * jobs,
            "a wait speaks of a lock": any("lock" in answer for answer in self.answer),
            "a wait does not list every picture": any(len(paths) != jobs for paths in self.listed),
            f"unfinished files are left: {self.left_over}": bool(self.left_over),
            f"the ledger is damaged: {self.integrity}": self.integrity != "ok",
        }
        return [sentence for sentence, true in found.items() if true]


def race(folder: Path, *, waits: int, jobs: int) -> Race:
    """Submit jobs, and send processes after them; all jobs are finished there once every process follows them."""
    log: list[str] = []
    desk = folder / "desk"
    desk.mkdir()
    ahead = [0.0]
    far_side = SandboxServer(folder / "far side", seconds=_LONG, now=lambda: time.time() + ahead[0], log=log.append)
    with far_side:
        imgen = Program(folder / "home", desk).at(far_side.origin)
        for first in range(0, jobs, _MOST):
            count = min(_MOST, jobs - first)
            order = ("generate", f"a fox, {first}", "-p", "gptproto", *SMALL, "-n", str(count), "--no-wait", "-q")
            ended = imgen.run(*order)
            assert ended.code == 0, ended.stderr
        began = time.monotonic()
        with ExitStack() as stack:
            running = [stack.enter_context(_wait(imgen)) for _ in range(waits)]
            until(lambda: len(list((imgen.home / "owners").glob("*.lock"))) == waits)  # all follow all jobs
            ahead[0] = _LONG
            ended_waits = [process.communicate(timeout=_PATIENCE) for process in running]
        seconds = time.monotonic() - began
    records = imgen.jobs()
    assert len(records) == jobs
    with closing(sqlite3.connect(imgen.home / "ledger.sqlite3")) as connection:
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
    paths = [r.path for record in records if record.state is State.SAVED for r in record.results if r.path]
    return Race(
        codes=tuple(process.returncode for process in running),
        answer=tuple(answer for _, answer in ended_waits),
        listed=tuple(tuple(out.split("\n")[:-1]) for out, _ in ended_waits),
        fetches=Counter(line.split()[1] for line in log if line.startswith("GET /sandbox/")),
        submits=sum(line.startswith("POST ") for line in log),
        saved=tuple(path for path in paths if path.exists()),
        left_over=tuple(path for path in desk.iterdir() if path not in paths),
        integrity=integrity,
        seconds=seconds,
    )


def _wait(imgen: Program) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*IMGEN, "wait", "--poll-every", "0.5"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=imgen.cwd,
        env=imgen.environ,
    )


def main() -> int:
    """Ten waits on one hundred jobs; 1 where something is not as promised."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = race(Path(folder), waits=10, jobs=100)
    problems = outcome.problems(100)
    print(f"10 waits, 100 jobs, {outcome.fetches.total()} pictures fetched, in {outcome.seconds:.1f} s")
    print("\n".join(problems) or "Every picture was fetched once, and none met a lock.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
