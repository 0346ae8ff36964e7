"""Real jobs of one real minute, twice: by the cadence while nothing is known, then placed by what was learned of them.

python -m benchmarks.seeing_it_done_side JOBS FOLDER
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any


def main(jobs: int, folder: Path) -> dict[str, dict[str, float]]:
    """Polls and lateness (seconds) of a job, as means, by `cadence` and `learned`."""
    from imgen.config.config import load
    from imgen.jobs.report import Goal
    from imgen.jobs.session import session
    from imgen.jobs.worker import work
    from imgen.screen.display import SilentDisplay
    from imgen_providers import reapi

    lock = threading.Lock()
    polls: Counter[str] = Counter()
    late: dict[str, float] = {}
    refresh = reapi.ReApi.refresh

    def refreshed(service: Any, job: Any) -> Any:
        found = refresh(service, job)
        with lock:
            polls[job.remote_id] += 1
            if getattr(found.status, "assets", ()):
                ended = float(job.remote_id.rpartition("-")[2])
                late.setdefault(job.remote_id, time.clock_gettime(time.CLOCK_MONOTONIC) - ended)
        return found

    reapi.ReApi.refresh = refreshed  # type: ignore[method-assign, assignment]
    config = load()
    folder.joinpath("pictures").mkdir()
    found = {}
    for wave in ("cadence", "learned"):
        polls.clear()
        late.clear()
        with session(config, print) as opened, work(opened, config) as worker:
            worker.reach(*_service(config))
            records = worker.record(_drafts(jobs, folder, config), resubmit=True)
            worker.follow(records, Goal.PICTURES, SilentDisplay(), timeout=600.0)
        assert len(late) == jobs
        found[wave] = {"polls": statistics.fmean(polls.values()), "late": statistics.fmean(late.values())}
    return found


def _service(config: Any) -> Any:
    choice = _choice(config)
    return choice.entry, choice.origin


def _choice(config: Any) -> Any:
    from imgen.orders.matching import possible
    from imgen.orders.order import Order

    return possible(Order(prompt="a fox", provider="reapi"), config.accounts, ())[0]


def _drafts(jobs: int, folder: Path, config: Any) -> list[Any]:
    from imgen.orders.drafts import split
    from imgen.pictures.naming import parse_output
    from imgen.records import new_id

    pictures = f"{folder / 'pictures'}/"
    target = parse_output(pictures, cwd=folder, pictures=jobs, overwrite=False, format=None, kept=folder)
    (draft,) = split(_choice(config), target)
    return [draft.with_id(new_id()) for _ in range(jobs)]


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), Path(sys.argv[2]))))
