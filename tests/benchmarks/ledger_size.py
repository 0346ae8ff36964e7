"""How long what every command does with the ledger takes, on an empty one and on one of 100,000 jobs.

Run it by hand: `uv run python tests/benchmarks/ledger_size.py [JOBS]`. It prints milliseconds, the middle of several
runs, and never fails on a clock; `tests/cli/ledger/test_indexes.py` reads the query plans instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from cli.drafts import draft
from imgen.ledger.ledger import Ledger
from imgen.ledger.queries import Wanted
from imgen.ledger.sqlite.peek import peek_jobs, peek_unsaved
from imgen.money.amounts import parse_amounts
from imgen.money.budget import Budget, Limit, Span
from imgen.records import Cost, new_id

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 7
BUDGET = Budget((Limit(Span.DAY, parse_amounts("1000000 usd"), "a benchmark"),))
ORDER = [draft("next", provider="gmicloud", cost=Cost("0.1", "usd"))]
COMMANDS = (("status",), ("history",), ("history", "-n", "0"), ("costs",))


def fill(home: Path, jobs: int) -> list[str]:
    """Jobs that are saved, one day apart each thousand, made quickly: 1,000 in a transaction."""
    moment = time.time() - 86_400.0 * (jobs // 1000 + 1)
    ids: list[str] = []
    with closing(Ledger(home / "ledger.sqlite3", lambda: moment)) as ledger:
        for _ in range(0, jobs, 1000):
            moment += 86_400.0
            run = [draft(new_id(), prompt=f"{n} foxes in the snow", provider="gmicloud") for n in range(1000)]
            ids += ledger.jobs.plan(run, "me", resubmit=True)
        with ledger._database.write() as write:
            write.execute(
                "UPDATE job SET stage = 'finished', submitted_at = created_at, accepted_at = created_at,"
                " finished_at = created_at + 20, took_seconds = 20, remote_id = 'remote-' || id"
            )
            write.execute(
                "INSERT INTO result (job_id, number, state, path, size, sha256)"
                " SELECT id, 1, 'saved', '/pictures/' || id || '.png', 1000, id FROM job"
            )
        if not ids:
            ledger.jobs.open()
    return ids


def parts(home: Path, ids: list[str]) -> dict[str, Callable[[], object]]:
    """What is measured inside of one process."""
    path = home / "ledger.sqlite3"
    ledger = Ledger(path, time.time)
    some = ids[len(ids) // 2] if ids else "k3f9xyzz"
    return {
        "close_orphans": ledger.close_orphans,
        "open": ledger.jobs.open,
        "uncertain": ledger.jobs.uncertain,
        "expired": ledger.jobs.expired,
        "find an id": lambda: ledger.jobs.find(some),
        "find a beginning": lambda: ledger.jobs.find(some[:6]),
        "find a remote id": lambda: ledger.jobs.find(f"remote-{some}"),
        "history of 20": lambda: ledger.jobs.history(Wanted(), 20),
        "seconds_taken": lambda: ledger.jobs.seconds_taken("gmicloud", "gemini/3.1/flash", "1K"),
        "a budget": lambda: ledger.spending.verdicts(ORDER, BUDGET),
        "TAB": lambda: peek_jobs(path, "", open_only=False),
        "TAB after a letter": lambda: peek_jobs(path, some[:1], open_only=False),
        "TAB of open jobs": lambda: peek_jobs(path, "", open_only=True),
        "the notice": lambda: peek_unsaved(path, time.time(), time.time() + 10_800),
    }


def milliseconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        took.append(time.perf_counter() - began)
    return 1000 * median(took)


def command(home: Path, arguments: tuple[str, ...]) -> Callable[[], object]:
    """A whole command, as a person starts it."""
    return lambda: subprocess.run(
        [sys.executable, "-m", "imgen", *arguments],
        capture_output=True,
        check=True,
        env={**os.environ, "IMGEN_HOME": str(home)},
    )


def main() -> None:
    """Print both columns."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="imgen-benchmark-") as folder:
        empty, full = Path(folder) / "empty", Path(folder) / "full"
        began = time.perf_counter()
        measured = {
            "empty": parts(empty, fill(empty, 0)),
            "full": parts(full, fill(full, jobs)),
        }
        print(f"{jobs} jobs written in {time.perf_counter() - began:.1f} s\n{'ms':28}{'empty':>10}{jobs:>10}")
        for name, run in measured["empty"].items():
            print(f"{name:28}{milliseconds(run):10.2f}{milliseconds(measured['full'][name]):10.2f}")
        for arguments in COMMANDS:
            times = [milliseconds(command(home, arguments)) for home in (empty, full)]
            print(f"{'imgen ' + ' '.join(arguments):28}{times[0]:10.0f}{times[1]:10.0f}")


if __name__ == "__main__":
    main()
