"""The ledger of many machines: the same public surface as the one of a single machine, and what only a fleet has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from imgen.errors import LedgerUnusable
from imgen.ledger.answer_file import kept_path
from imgen.ledger.jobs import Brought, Jobs
from imgen.ledger.ledger import Ledger
from imgen.ledger.orphans import clear_kept, clear_parts, close_orphan
from imgen.ledger.pacing import UNLIMITED
from imgen.ledger.postgres.conversations import StoredConversations
from imgen.ledger.postgres.database import PATIENCE, PostgresDatabase
from imgen.ledger.postgres.engine_rows import EngineRows
from imgen.ledger.postgres.leases import Leases, alive
from imgen.ledger.postgres.pacing import FleetPacing
from imgen.ledger.postgres.queue import Queue
from imgen.ledger.postgres.results import ClaimedResults
from imgen.ledger.postgres.spool import Spool
from imgen.pictures.target import Stored
from imgen.records import State
from imgen_providers.base import Job, Succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from imgen.errors import Problem
    from imgen.ledger.backend import Connection
    from imgen.ledger.conversations import Conversations
    from imgen.ledger.jobs import Claim, Place
    from imgen.ledger.pacing import Pacing, SubmitLimit
    from imgen.ledger.postgres.address import Address
    from imgen.ledger.postgres.database import Transaction
    from imgen.pictures.store import PictureStore
    from imgen.records import JobRecord

Outcome = TypeVar("Outcome")

_AGAIN, _LONGEST = 0.2, 5.0  # seconds between two tries of a change that must not be lost

_ORPHANS = (
    "SELECT id FROM job WHERE forgotten_at IS NULL"  # noqa: S608  (our own)
    " AND (stage = 'submitting' OR (stage = 'planned' AND engine_id IS NULL))"
    f" AND NOT {alive('job.owner')}"
    " UNION SELECT job_id FROM result WHERE fetcher IS NOT NULL AND state = 'ready'"
    f" AND NOT {alive('result.fetcher')}"
)


_STORED = "UPDATE result SET object = ?, sha256 = ? WHERE job_id = ? AND number = ? AND state = 'ready'"


class PostgresLedger(Ledger):
    """The jobs of one fleet, shared by every process, thread and machine.

    `folder` is this machine's, for what is kept beside the rows; `store` opens the fleet's storage for pictures, and
    returns None where none is set here. `now` is the database's clock unless one is given.
    """

    is_shared = True

    def __init__(
        self,
        address: Address,
        folder: Path,
        now: Callable[[], float] | None = None,
        patience: float = PATIENCE,
        store: Callable[[], PictureStore | None] = lambda: None,
    ) -> None:
        database = PostgresDatabase(address, folder, now, patience)
        leases = Leases(database, PostgresDatabase(address, folder, now, patience, most=1))
        conversations = StoredConversations(database)
        jobs = FleetJobs(database, conversations, FleetPacing(), leases)
        self._stored = ClaimedResults(database, leases, store)
        self._set_up(database, leases, jobs, self._stored)
        self._fleet = database
        self.conversations = conversations
        self.address = address
        self.queue = Queue(database)
        self.engine = EngineRows(database)
        self._spool = Spool(folder / "accepted")

    def write(self) -> AbstractContextManager[Transaction]:
        """One transaction for several changes: all of them, or none. Raises `LedgerUnusable`."""
        return self._fleet.write()

    def now(self) -> float:
        """The database's clock, in seconds since 1970. Raises `LedgerUnusable`."""
        return self._fleet.now()

    def insist(
        self, change: Callable[[], Outcome], at_first: Callable[[LedgerUnusable], None] | None = None
    ) -> Outcome:
        """Make a change that must not be lost: it is tried until it is recorded, however long that takes.

        `at_first` is called once where the first try fails.
        """
        pause = _AGAIN
        while True:
            try:
                return change()
            except LedgerUnusable as error:
                if at_first and pause == _AGAIN:
                    at_first(error)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)

    def keep_accepted(self, job_id: str, job: Job) -> None:
        """Keep on this disk that a service accepted a job; `close_orphans` records it, if this process does not."""
        self._spool.keep(job_id, job)

    def unsent(self, record: JobRecord, owner: str, problem: Problem) -> None:
        """A planned job is not sent by `owner`: it is closed, and what is in a fleet's queue is given back."""
        if record.engine_id is None:
            self.jobs.never_sent(record.id, problem)
        else:
            self.queue.give_back(record.id, owner)

    def close_orphans(self) -> None:
        """Close what ended processes left behind, but for jobs that the queue hands out again."""
        self._spool.record(self.jobs)
        if left := [row["id"] for row in self._fleet.read(_ORPHANS, ())]:
            with self._fleet.write():
                for record in self.jobs.get_many(left):
                    self.close_orphan(record)
                    clear_parts(self.results, self._owners, record)
        clear_kept(self.jobs, self.results)

    def close_orphan(self, record: JobRecord) -> None:
        """The same for one job that is `planned` or `submitting`."""
        queued = "SELECT 1 FROM job WHERE id = ? AND stage = 'planned' AND engine_id IS NOT NULL"
        if not self._fleet.read(queued, (record.id,)):
            close_orphan(self.jobs, self._owners, record)

    def finish_stored(self, records: Sequence[JobRecord]) -> list[str]:
        """As the base class has it."""
        uncertain = [record for record in records if record.state is State.UNCERTAIN]
        # An answer on this disk says more, and is read before. The storage may be slow: the ledger is not locked yet.
        came = self._stored.came([record for record in uncertain if kept_path(self, record) is None])
        if came:
            with self._fleet.write():
                return [record.id for record in self.jobs.get_many(list(came)) if self._finish(record, came[record.id])]
        return []

    def _finish(self, record: JobRecord, places: Sequence[Stored]) -> bool:
        """Finish an uncertain job; False, and nothing is changed, where it moved on meanwhile."""
        if record.state is not State.UNCERTAIN or record.forgotten_at is not None:
            return False
        # The service's own id went with the answer, and nothing is asked by it.
        answer = Job(record.provider, record.id, Succeeded(()))
        self.jobs.answered(record.id, answer, Brought(places, link_seconds=None, conversation=None, watched=False))
        return True


class FleetJobs(Jobs):
    """The jobs of a fleet; only a process whose lease lives submits one."""

    def __init__(
        self, database: PostgresDatabase, conversations: Conversations, pacing: Pacing, leases: Leases
    ) -> None:
        super().__init__(database, conversations, pacing)
        self._fleet = database
        self._leases = leases

    def _show(
        self, write: Connection, job_id: str, places: Sequence[Place], expires_at: float | None, claim: Claim | None
    ) -> None:
        """As on one machine; a claim ends by itself, and what was stored before is where a later process finds it."""
        super()._show(write, job_id, places, expires_at, claim)
        for number, place in enumerate(places, 1):
            if isinstance(place, Stored):
                write.execute(_STORED, (place.url, place.sha256, job_id, number))
        if claim:
            ends = "UPDATE result SET claim_until = ? WHERE job_id = ? AND fetcher = ? AND claim_until IS NULL"
            write.execute(ends, (self._leases.claim_ends(), job_id, claim.owner))

    def submitting(self, job_id: str, limit: SubmitLimit = UNLIMITED, owner: str | None = None) -> bool:
        """As on one machine; the lease of its `owner` begins anew in the same transaction.

        Returns, or raises, once it is known whether that was recorded, however long the database is away.
        """
        may = False
        with self._fleet.settled(), self._fleet.write() as write:
            if owner is not None:
                self._leases.renew(owner, write)
            may = super().submitting(job_id, limit, owner)
        return may  # noqa: RET504  (also once the commit is settled)

    def not_sent(self, job_id: str, owner: str | None = None) -> None:
        """As on one machine; once it is known whether that was recorded."""
        with self._fleet.settled():
            super().not_sent(job_id, owner)

    def turned_away(self, job_id: str, retry_after: float | None = None, owner: str | None = None) -> None:
        """As on one machine; once it is known whether that was recorded, so that none is counted twice."""
        with self._fleet.settled():
            super().turned_away(job_id, retry_after, owner)
