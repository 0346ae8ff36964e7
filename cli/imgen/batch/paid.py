"""The jobs in the ledger that were ordered for an asset: what was paid for is used before anything is bought.

A job of an asset carries a request key of its own: a hash of the asset's recipe, and of its number among the assets of
equal recipes. So it is found again without the lock, whichever service made it and wherever the project's folder is
now; and of four assets that ask for the same, each has its own job, and one that is uncertain holds up no other.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen.batch.recipe import recipe
from imgen.records import OPEN, JobRecord, ResultState, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from imgen.batch.asset import Asset
    from imgen.batch.lock import Locked
    from imgen.ledger.ledger import Ledger

_VERSION = 1


def numbers(assets: Iterable[Asset]) -> dict[str, int]:
    """For each path, the asset's number among those that ask for the same, from 0 in the order of the manifest."""
    seen: Counter[str] = Counter()
    found = {}
    for asset in assets:
        wanted = recipe(asset, lambda path: f"asset {path}", lambda path: f"file {path}")
        found[asset.path] = seen[wanted]
        seen[wanted] += 1
    return found


def order_key(made_from: str, number: int) -> str:
    """The request key of an asset's order, from its recipe and its number among its equals."""
    return hashlib.sha256(json.dumps(["imgen batch", _VERSION, made_from, number]).encode()).hexdigest()


def original(record: JobRecord) -> Path | None:
    """The picture of a job as it was saved; None where it is not here, or is another file now."""
    if not record.results:
        return None
    first = record.results[0]
    if first.state is not ResultState.SAVED or first.path is None:
        return None
    try:
        with first.path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == first.sha256
    except OSError:
        return None
    return first.path if same else None


class PaidJobs:
    """Finds the jobs of assets; each is used for one asset.

    `locked` are the assets of the lock that the manifest has. `sandbox` looks among the sandbox's jobs only, else these
    are left out.
    """

    def __init__(self, ledger: Ledger, locked: Mapping[str, Locked], *, sandbox: bool) -> None:
        self._ledger = ledger
        self._sandbox = sandbox
        self._holder = {each.job: path for path, each in locked.items() if each.job}
        self._read: dict[str, list[JobRecord]] = {}

    def take(self, job_id: str, path: str) -> None:
        """From now on the job is that asset's."""
        self._holder[job_id] = path

    def look_ahead(self, keys: Sequence[str]) -> None:
        """Read the jobs of many orders at once: `ordered` then returns them as they are now, and reads again later."""
        self._read = self._ledger.jobs.with_requests(keys)

    def ordered(self, key: str) -> list[JobRecord]:
        """Every job of an order, the oldest first."""
        found = self._read.pop(key, None)
        jobs = self._ledger.jobs.with_request(key) if found is None else found
        return [record for record in jobs if record.sandbox == self._sandbox]

    def usable(self, jobs: Iterable[JobRecord], path: str) -> list[JobRecord]:
        """Those of the jobs that may bring the asset's picture at no further cost, the best first."""
        mine = [each for each in jobs if self._holder.get(each.id, path) == path and each.forgotten_at is None]
        worth = {each.id: _worth(each) for each in mine}
        found = [each for each in mine if worth[each.id] is not None]
        return sorted(found, key=lambda each: (worth[each.id] or 0, self._holder.get(each.id) != path))

    def locked_job(self, locked: Locked) -> JobRecord | None:
        """The job that made what the lock has; None where this ledger does not know it."""
        if locked.job is None:
            return None
        try:
            return self._ledger.jobs.get(locked.job)
        except KeyError:
            return None


def since(jobs: Iterable[JobRecord], locked: Locked | None) -> list[JobRecord]:
    """For an asset that is to be made anew: the jobs that were ordered to that end and brought nothing yet."""
    if locked is None:
        return [record for record in jobs if record.state in OPEN or record.state is State.UNCERTAIN]
    known = list(jobs)
    made_at = datetime.strptime(locked.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    # The lock knows whole seconds, the ledger when its own job was ordered.
    after = next((record.created_at for record in known if record.id == locked.job), made_at)
    return [record for record in known if record.id != locked.job and record.created_at > after]


def has_failed(record: JobRecord) -> bool:
    """Whether a job ended without a picture; one that was never sent did not fail."""
    never_sent = record.problem is not None and record.problem.code == "never_sent"
    return record.state is State.FAILED or (record.state is State.CANCELLED and not never_sent)


def _worth(record: JobRecord) -> int | None:
    """How soon a job brings its picture, the lowest first; None for one that brings none."""
    match record.state:
        case State.SAVED:
            return 0 if original(record) or record.results[0].object else 3
        case State.READY | State.RUNNING | State.QUEUED | State.SUBMITTING | State.PLANNED:
            return 1
        case State.UNCERTAIN:
            return 2
        case State.EXPIRED:
            return 4
        case State.FAILED | State.CANCELLED:
            return None
