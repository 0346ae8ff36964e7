"""A thousand jobs followed by one process, against a bare httpx loop with as many requests and threads.

Both sides run in processes of their own, one after the other, against the same service on loopback.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.instant_service import instant_service
from benchmarks.measure import Figure, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parents[1]
_JOBS, _FEW, _QUICK = 1000, 10, 2000
_INTERVAL, _SECONDS = 20.0, 60.0  # of the polls, and until the service has finished a job


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Memory, CPU and lateness of a thousand jobs in flight; then the throughput where nothing is waited for."""
    few = _run(folder / "few", "imgen", _FEW, seconds=_SECONDS)
    many = _run(folder / "many", "imgen", _JOBS, seconds=_SECONDS)
    bare = _run(folder / "bare", "bare", _JOBS, seconds=_SECONDS)
    note = f"{_JOBS} jobs, a poll every {_INTERVAL:.0f} s, finished after {_SECONDS:.0f} s"
    yield Figure("many jobs: peak memory", many["peak"] / few["peak"], f"x {_FEW} jobs", note, most=1.5)
    ours, theirs = (each["poll_cpu"] / each["polls"] for each in (many, bare))
    cpu = f"{1000 * ours:.2f} ms against {1000 * theirs:.2f} ms"
    yield Figure("many jobs: CPU a poll", ours / theirs, "x bare httpx loop", cpu, most=1.5)
    yield Figure("many jobs: late polls, p99", 100 * many["late"] / _INTERVAL, "% of the interval", note, most=10.0)
    ratios = []
    for number in range(max(1, runs // 2)):
        ours_took = _run(folder / f"quick-{number}", "imgen", _QUICK, seconds=0.0)["took"]
        ratios.append(_run(folder / f"quick-bare-{number}", "bare", _QUICK, seconds=0.0)["took"] / ours_took)
    note = f"{_QUICK} jobs that are finished at once; 16 threads submit, 8 poll, 4 download"
    yield Figure("many jobs: throughput", statistics.median(ratios), "x bare httpx loop", note, least=0.7)


def _run(folder: Path, side: str, jobs: int, *, seconds: float) -> dict[str, float]:
    with instant_service(seconds=seconds, quiet=True) as service:
        environ = environment(
            {
                "IMGEN_HOME": str(folder / "home"),
                "REAPI_API_KEY": "a-key-of-the-benchmark",
                "REAPI_BASE_URL": service.origin,
            }
        )
        folder.mkdir()
        command = [sys.executable, "-m", "benchmarks.many_jobs_side", side, str(jobs), service.origin, str(folder)]
        interval = _INTERVAL if seconds else 0.05
        ended = subprocess.run([*command, str(interval)], cwd=_TESTS, env=environ, capture_output=True, check=True)
    found: dict[str, float] = json.loads(ended.stdout)
    return found
