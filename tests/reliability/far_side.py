"""The fault server as a test sees it: a process to command, and the charges it wrote to disk."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class FarSide:
    """A running fault server. `origin` is that of its services, `pictures` of theirs, `folder` has its books."""

    origin: str
    pictures: str
    folder: Path
    _said: IO[str]
    _heard: IO[str]

    def play(self, fault: str | None, place: str | None) -> None:
        """From now on every "submit", "poll" or "picture" meets this fault; counts start anew."""
        self._command(play=fault, at=place)

    def kill(self, pid: int, prompt: str, moment: str) -> None:
        """Kill that process at a moment of its conversation about that prompt."""
        self._command(kill=pid, prompt=prompt, at=moment)

    def hold(self, prompt: str, came: tuple[float, int]) -> None:
        """Send so much of the answer to the submit with that prompt, and nothing more: a share, and bytes beside it."""
        self._command(hold=came, prompt=prompt)

    def turn_away(self, seconds: int) -> None:
        """Answer the next submit with 429, and so many seconds in Retry-After; take those after it."""
        self._command(**{"turn away": seconds})

    def turned_away(self) -> list[float]:
        """When each such submit arrived, in seconds since 1970."""
        return [json.loads(line) for line in (self.folder / "turned away").read_bytes().splitlines()]

    def counts(self) -> dict[str, int]:
        """How many requests of each kind came since the last `play`."""
        counts: dict[str, int] = self._command()
        return counts

    def charges(self, prompt: str) -> int:
        """How often an order with this prompt was charged."""
        lines = (self.folder / "charges").read_bytes().splitlines()
        return sum(json.loads(line)[0] == prompt for line in lines)

    def arrivals(self) -> dict[str, list[float]]:
        """When each order that was charged arrived, in seconds since 1970, by its prompt."""
        found: dict[str, list[float]] = {}
        for line in (self.folder / "charges").read_bytes().splitlines():
            prompt, _, moment = json.loads(line)
            found.setdefault(prompt, []).append(moment)
        return found

    def ids(self) -> set[str]:
        """The services' own ids of all orders that were charged."""
        return {json.loads(line)[1] for line in (self.folder / "charges").read_bytes().splitlines()}

    def ended(self, prompt: str) -> bool:
        """Whether the jobs with this prompt are over there."""
        lines = map(json.loads, (self.folder / "charges").read_bytes().splitlines())
        jobs = [
            json.loads((self.folder / "jobs" / f"{job_id}.json").read_bytes())
            for each, job_id, _ in lines
            if each == prompt
        ]
        return all(job["created_at"] + job["seconds"] < time.time() for job in jobs)

    def _command(self, **command: object) -> Any:
        self._heard.write(json.dumps(command) + "\n")
        self._heard.flush()
        return json.loads(self._said.readline())


@contextmanager
def fault_server(folder: Path, seconds: float = 0.4) -> Iterator[FarSide]:
    """A fault server for as long as the block lasts, whose jobs take so long; it ends when this process does."""
    with subprocess.Popen(
        [sys.executable, "-m", "reliability.fault_server", str(folder), str(seconds)],
        cwd=_TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        origin, pictures = json.loads(process.stdout.readline())
        yield FarSide(origin, pictures, folder, process.stdout, process.stdin)
        process.stdin.close()
