"""Twenty pictures of 50 MB from loopback: throughput against aria2c, and memory against small pictures."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.instant_service import instant_service
from benchmarks.measure import Figure, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parents[1]
_PICTURES = 20
_SIDE = 4100  # pixels of noise: 50 MB as PNG
_ARIA2 = ["aria2c", "--quiet", "--file-allocation=none", "--allow-overwrite=true", "--auto-file-renaming=false"]


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Downloads with their check of every byte, then without it, each beside aria2c; then the memory."""
    found = {side: _run(folder / side, side, _SIDE) for side in ("checked", "unchecked")}
    small = _run(folder / "small", "checked", 64)
    note = f"{_PICTURES} pictures of {found['checked']['bytes'] / 1e6:.0f} MB, 4 at a time, each synced"
    if shutil.which("aria2c"):
        took = {side: [found[side]["took"]] for side in found}
        theirs = []
        for number in range(max(1, runs // 5)):
            theirs.append(_aria2(folder / f"aria2-{number}"))
            for side in took:
                took[side].append(_run(folder / f"{side}-{number}", side, _SIDE)["took"])
        ratio = {side: statistics.median(theirs) / statistics.median(times) for side, times in took.items()}
        yield Figure("bytes: without the byte check", ratio["unchecked"], "x aria2c", note, least=0.8)
        yield Figure("bytes: with the byte check", ratio["checked"], "x aria2c", note)
    else:
        yield Figure("bytes: without the byte check", None, "x aria2c", "aria2c is not installed here")
        megabytes = _PICTURES * found["checked"]["bytes"] / 1e6 / found["checked"]["took"]
        yield Figure("bytes: with the byte check", megabytes, "MB/s", note)
    grown = (found["checked"]["peak"] - small["peak"]) / 1024
    yield Figure("bytes: memory", grown, "MB more than small", f"{note}, against 64 x 64 pixels", most=10.0)


def _run(folder: Path, side: str, pixels: int) -> dict[str, float]:
    """Save the pictures in a process of its own: seconds, peak memory (KB), and the bytes of a picture."""
    folder.mkdir()
    with instant_service(pixels, quiet=True) as service:
        command = [sys.executable, "-m", "benchmarks.bytes_side", side, service.origin, str(folder), str(_PICTURES)]
        ended = subprocess.run(command, cwd=_TESTS, env=environment({}), capture_output=True, check=True)
    shutil.rmtree(folder)
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def _aria2(folder: Path) -> float:
    """aria2c with as many connections, and its files synced as ours are."""
    folder.mkdir()
    with instant_service(_SIDE, quiet=True) as service:
        lines = (f"{service.origin}/picture/{n}.png\n out={n}.png\n" for n in range(_PICTURES))
        (folder / "list").write_text("".join(lines))
        begin = time.perf_counter()
        subprocess.run([*_ARIA2, "-j4", "-x1", f"-i{folder}/list", f"-d{folder}"], check=True)
        subprocess.run(["sync", "--", *map(str, folder.glob("*.png"))], check=True)
        took = time.perf_counter() - begin
    shutil.rmtree(folder)
    return took
