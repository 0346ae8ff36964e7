"""How long the program takes to start, against `python -c "import typer"` in the same environment."""

from __future__ import annotations

import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.instant_service import Instant, instant_service
from benchmarks.ledger_size import fill
from benchmarks.measure import Figure, environment, paired, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMGEN = str(Path(sys.executable).with_name("imgen"))
_PEERS = {"http": "httpie", "llm": "llm", "hf": "hf", "comfy": "comfy-cli", "gallery-dl": "gallery-dl"}
# One post with the library alone: what a script without any promise would do.
_BARE_POST = """
import httpx, sys
httpx.post(sys.argv[1] + "/api/v1/images/generations", json={"model": "m", "prompt": "a fox", "n": 1})
"""


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Start-up times as ratios, then the same of peers that are installed."""
    environ = environment({"IMGEN_HOME": str(folder / "home")})
    bare = partial(seconds, [sys.executable, "-c", "import typer"], environ)
    for name, arguments, exit_code, goal in (
        ("--version", ["--version"], 0, 0.5),
        ("TAB at a model", ["_complete", "bash", "imgen generate -m "], 0, 0.5),
        ("a usage error", ["generate", "a fox", "--nope"], 2, 1.3),
        ("status, nothing open", ["status"], 0, 1.3),
        ("--help", ["--help"], 0, 2.0),
        ("generate --help", ["generate", "--help"], 0, 2.0),
    ):
        ours = partial(seconds, [_IMGEN, *arguments], environ, exit_codes=(exit_code,))
        yield Figure(f"start: {name}", paired(ours, bare, runs), "x import typer", f"imgen {name}", most=goal)
    fill(folder / "full", 10_000)
    full = environment({"IMGEN_HOME": str(folder / "full")})
    ratio = paired(partial(seconds, [_IMGEN, "status"], full), bare, runs)
    yield Figure("start: status, 10,000 jobs", ratio, "x import typer", "all of them over", most=1.3)
    yield _enter_to_submit(folder, runs)
    for command, peer in _PEERS.items():
        found = shutil.which(command)
        if found is None:
            yield Figure(f"start: {peer} --version", None, "x import typer", f"{peer} is not installed here")
        else:
            theirs = partial(seconds, [found, "--version"], environ)
            yield Figure(f"start: {peer} --version", paired(theirs, bare, runs), "x import typer", "for comparison")


def _enter_to_submit(folder: Path, runs: int) -> Figure:
    """From the start of the process to the first byte of the submit at the service."""
    with instant_service() as service:
        environ = environment(
            {
                "IMGEN_HOME": str(folder / "submit"),
                "REAPI_API_KEY": "a-key-of-the-benchmark",
                "REAPI_BASE_URL": service.origin,
            }
        )
        order = [_IMGEN, "generate", "a fox", "-p", "reapi", "-q", "--no-wait", "-o", str(folder / "pictures") + "/"]
        ours = partial(_until_arrival, order, environ, service)
        theirs = partial(_until_arrival, [sys.executable, "-c", _BARE_POST, service.origin], environ, service)
        ratio = paired(ours, theirs, runs)
    return Figure("start: Enter to the submit", ratio, "x httpx.post", "first byte at the service", most=1.5)


def _until_arrival(command: list[str], environ: dict[str, str], service: Instant) -> float:
    begin = time.clock_gettime(time.CLOCK_MONOTONIC)
    seconds(command, environ)
    return service.arrived() - begin
