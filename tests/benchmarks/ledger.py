"""What every command does with a ledger of 100,000 jobs, against the same with an empty one; and commits a job."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.instant_service import instant_service
from benchmarks.ledger_size import fill
from benchmarks.measure import Figure, environment, paired, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMGEN = str(Path(sys.executable).with_name("imgen"))
_JOBS = 100_000
_COMMITS_OF_THE_LOG = 32  # bytes of a write-ahead log's head (sqlite.org/fileformat2.html, 4.1)
_COUNTED = """
import os, sys
sync, waits = os.fdatasync, []
def counted(descriptor):
    waits.append(descriptor)
    sync(descriptor)
os.fdatasync = counted
from imgen.__main__ import run
code = run(sys.argv[1:])
print(len(waits))
sys.exit(code)
"""
_FRAME = 24  # bytes before each page in it; bytes 4 to 8 are not 0 in the last page of a commit


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """The commands on both ledgers in turn, then the commits that one picture takes."""
    empty, full = folder / "empty", folder / "full"
    fill(empty, 0)
    some = fill(full, _JOBS)[_JOBS // 2]
    for name, ours, theirs in (
        ("status", ["status"], ["status"]),
        ("history", ["history"], ["history"]),
        ("find by words", ["history", "-n", "1", "nowhere"], ["history", "-n", "1", "nowhere"]),
        ("TAB", ["_complete", "bash", "imgen wait "], ["_complete", "bash", "imgen wait "]),
        (
            "TAB after a letter",
            ["_complete", "bash", f"imgen status {some[:1]}"],
            ["_complete", "bash", "imgen status k"],
        ),
    ):
        large = partial(seconds, [_IMGEN, *ours], environment({"IMGEN_HOME": str(full)}))
        small = partial(seconds, [_IMGEN, *theirs], environment({"IMGEN_HOME": str(empty)}))
        note = f"{_JOBS} jobs that are over"
        yield Figure(f"ledger: {name}", paired(large, small, runs), "x an empty one", note, most=2.0)
    yield Figure(
        "ledger: commits a job", commits(folder / "commits"), "commits", "one picture, from order to saved", most=3.0
    )
    note = "those of them that wait for the disk"
    if hasattr(os, "fdatasync"):
        yield Figure("ledger: waits for the disk a job", waits(folder / "waits"), "commits", note, most=3.0)
    else:
        yield Figure("ledger: waits for the disk a job", None, "commits", "there is no fdatasync on this system")


def waits(home: Path) -> float:
    """How often the ledger waits for the disk while one more picture is made; closing it is not counted."""
    with instant_service(quiet=True) as service:
        order, environ = _order(home, service.origin)
        seconds([_IMGEN, *order], environ)
        counted = subprocess.run(
            [sys.executable, "-c", _COUNTED, *order], env=environ, capture_output=True, check=True, text=True
        )
    return float(counted.stdout.splitlines()[-1])


def _order(home: Path, origin: str) -> tuple[list[str], dict[str, str]]:
    """The command for one picture, and its environment."""
    variables = {"IMGEN_HOME": str(home), "REAPI_API_KEY": "a-key-of-the-benchmark", "REAPI_BASE_URL": origin}
    order = ["generate", "a fox", "-p", "reapi", "-q", "--poll-every", "0.01", "-o", f"{home}/pictures/"]
    return order, environment(variables)


def commits(home: Path) -> float:
    """Commits in the write-ahead log of one more picture; a reader holds the log, so that it is not emptied."""
    with instant_service(quiet=True) as service:
        words, environ = _order(home, service.origin)
        order = [_IMGEN, *words]
        seconds(order, environ)
        reader = sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM job").fetchone()
        seconds(order, environ)
        log = (home / "ledger.sqlite3-wal").read_bytes()
        reader.close()
    page = int.from_bytes(log[8:12], "big")
    frames = range(_COMMITS_OF_THE_LOG, len(log) - page, _FRAME + page)
    salt = log[16:24]
    return float(sum(log[at + 4 : at + 8] != bytes(4) and log[at + 8 : at + 16] == salt for at in frames))
