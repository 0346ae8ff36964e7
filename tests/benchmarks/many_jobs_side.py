"""One side of `many_jobs`: `imgen` or `bare`, as a process that prints what it took as JSON.

python -m benchmarks.many_jobs_side SIDE JOBS ORIGIN FOLDER INTERVAL
"""

from __future__ import annotations

import gc
import heapq
import itertools
import json
import os
import random
import resource
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SUBMITS, _POLLS, _DOWNLOADS = 16, 8, 4  # threads, as imgen has them
_PATH = "/api/v1/images/generations"


def main(side: str, jobs: int, origin: str, folder: Path, interval: float) -> dict[str, float]:
    """Run the jobs to their saved pictures.

    `poll_cpu` is the CPU from the last submit to the first saved picture, `late` the p99 of a poll's delay; seconds.
    """
    meter = _Meter()
    begin = time.perf_counter()
    (_imgen if side == "imgen" else _bare)(jobs, origin, folder, interval, meter)
    took = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"took": took, "peak": float(peak), **meter.found()}


class _Meter:
    """Counts polls, and the CPU of this process while there are only polls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin: tuple[float, int] | None = None
        self._end: tuple[float, int] | None = None
        self._polls = 0
        self.late: list[float] = []

    def polled(self) -> None:
        with self._lock:
            self._polls += 1

    def submitted(self) -> None:
        self._begin = (time.process_time(), self._polls)

    def saved(self) -> None:
        with self._lock:
            if self._end is None:
                self._end = (time.process_time(), self._polls)

    def found(self) -> dict[str, float]:
        assert self._begin
        assert self._end
        late = sorted(self.late) or [0.0]
        return {
            "poll_cpu": self._end[0] - self._begin[0],
            "polls": max(1, self._end[1] - self._begin[1]),
            "late": late[int(0.99 * (len(late) - 1))],
        }


def _imgen(jobs: int, origin: str, folder: Path, interval: float, meter: _Meter) -> None:
    """The engine as `imgen generate -q` has it, with one order of many jobs."""
    from imgen.__main__ import _GARBAGE
    from imgen.config.config import load
    from imgen.jobs import loop
    from imgen.jobs.report import Goal
    from imgen.jobs.session import session
    from imgen.jobs.worker import work
    from imgen.orders.drafts import split
    from imgen.orders.matching import possible
    from imgen.orders.order import Order
    from imgen.pictures.naming import parse_output
    from imgen.records import new_id
    from imgen.screen.display import SilentDisplay
    from imgen_providers import reapi

    gc.set_threshold(_GARBAGE)  # as the program begins
    submits, after = itertools.count(), loop.Loop.after
    refresh, submit = reapi.ReApi.refresh, reapi.ReApi.submit

    def refreshed(service: Any, job: Any) -> Any:
        meter.polled()
        found = refresh(service, job)
        if getattr(found.status, "assets", ()):
            meter.saved()
        return found

    def submitted(service: Any, request: Any) -> Any:
        found = submit(service, request)
        if next(submits) == jobs - 1:
            meter.submitted()
        return found

    def timed_after(self: Any, delay: float, action: Callable[[], None]) -> None:
        due = time.monotonic() + delay

        def run() -> None:
            if delay > interval / 2:
                meter.late.append(time.monotonic() - due)
            action()

        after(self, delay, run)

    reapi.ReApi.refresh, reapi.ReApi.submit = refreshed, submitted  # type: ignore[method-assign, assignment]
    loop.Loop.after = timed_after  # type: ignore[method-assign]
    config = load()
    folder.joinpath("pictures").mkdir()
    target = parse_output(
        str(folder / "pictures") + "/", cwd=folder, pictures=jobs, overwrite=False, format=None, kept=folder
    )
    choice = possible(Order(prompt="a fox", provider="reapi"), config.accounts, ())[0]
    (draft,) = split(choice, target)
    drafts = [
        draft._replace(target=replace(target, first_index=number)).with_id(new_id()) for number in range(1, jobs + 1)
    ]
    with session(config, print) as opened, work(opened, config, poll_every=interval) as worker:
        worker.reach(choice.entry, choice.origin)
        report = worker.follow(worker.record(drafts, resubmit=True), Goal.PICTURES, SilentDisplay(), timeout=600.0)
    assert len(list(folder.joinpath("pictures").iterdir())) == jobs, report.problems


def _bare(jobs: int, origin: str, folder: Path, interval: float, meter: _Meter) -> None:
    """What a script would do: as many threads, a heap of what is due, no ledger, no check, no sync."""
    import httpx

    due: list[tuple[float, int, str]] = []
    inbox: SimpleQueue[tuple[str, str]] = SimpleQueue()
    tasks: dict[str, SimpleQueue[str]] = {"submit": SimpleQueue(), "poll": SimpleQueue(), "fetch": SimpleQueue()}

    def work(kind: str) -> None:
        headers = {"Authorization": "Bearer a-key-of-the-benchmark"}
        with closing(httpx.Client(headers=headers, trust_env=False)) as client:
            while True:
                text = tasks[kind].get()
                if kind == "submit":
                    body = {"model": "m", "prompt": "a fox", "n": 1}
                    inbox.put(("accepted", client.post(origin + _PATH, json=body).json()["id"]))
                elif kind == "poll":
                    meter.polled()
                    found = client.get(f"{origin}/api/v1/tasks/{text}").json()
                    if found["status"] == "completed":
                        meter.saved()
                        inbox.put(("ready", found["output"]["image_urls"][0]))
                    else:
                        inbox.put(("running", text))
                else:
                    folder.joinpath(f"{os.urandom(8).hex()}.png").write_bytes(client.get(text).content)
                    inbox.put(("saved", text))

    for kind, many in (("submit", _SUBMITS), ("poll", _POLLS), ("fetch", _DOWNLOADS)):
        for _ in range(many):
            threading.Thread(target=work, args=(kind,), daemon=True).start()
    for _ in range(jobs):
        tasks["submit"].put("")
    chance = random.Random(20261126)

    def later() -> float:  # a quarter either way, as imgen spreads its polls: in a burst each one is cheaper
        return time.monotonic() + interval * (0.75 + chance.random() / 2)

    saved = accepted = 0
    while saved < jobs:
        now = time.monotonic()
        while due and due[0][0] <= now:
            tasks["poll"].put(heapq.heappop(due)[2])
        while due and inbox.empty() and (left := due[0][0] - time.monotonic()) > 0:
            time.sleep(min(left, 0.005))
        if due and inbox.empty():
            continue
        kind, text = inbox.get()
        match kind:
            case "accepted":
                accepted += 1
                if accepted == jobs:
                    meter.submitted()
                heapq.heappush(due, (later(), accepted, text))
            case "running":
                heapq.heappush(due, (later(), -accepted, text))
            case "ready":
                tasks["fetch"].put(text)
            case _:
                saved += 1


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), float(sys.argv[5]))))
