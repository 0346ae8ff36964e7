"""The ledger: every job, committed to disk before a byte of it is sent, and everything learned about it since."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from imgen.ledger.conversations import Conversations
from imgen.ledger.jobs import Jobs
from imgen.ledger.orphans import close_orphan, close_orphans
from imgen.ledger.pacing import Pacing
from imgen.ledger.results import Results
from imgen.ledger.spending import SpendingQueries
from imgen.ledger.sqlite.database import Database
from imgen.ledger.sqlite.owners import Owners
from imgen.ledger.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from imgen.errors import LedgerUnusable, Problem
    from imgen.ledger.backend import Backend
    from imgen.ledger.backend import Owners as OwnersOf
    from imgen.ledger.sqlite.owners import Owner
    from imgen.records import JobRecord
    from imgen_providers.base import Job

Outcome = TypeVar("Outcome")


class Ledger:
    """The jobs of one person on one machine, shared by every process and thread; `now` is seconds since 1970."""

    is_shared = False
    """Whether it is on a server that many machines use: trouble with it passes, and an owner may be taken for gone."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        database, owners = Database(path, now), Owners(path.with_name("owners"))
        conversations = Conversations(path.with_name("conversations"))
        self._set_up(database, owners, Jobs(database, conversations, Pacing()), Results(database, owners))
        self.conversations = conversations

    def _set_up(self, database: Backend, owners: OwnersOf, jobs: Jobs, results: Results) -> None:
        self._database = database
        self._owners = owners
        self.jobs = jobs
        self.results = results
        self.uploads = Uploads(database)
        self.spending = SpendingQueries(database)

    def insist(
        self,
        change: Callable[[], Outcome],
        at_first: Callable[[LedgerUnusable], None] | None = None,  # noqa: ARG002  (a file does not come back by itself)
    ) -> Outcome:
        """Make a change that must not be lost: on a server that is away it is tried until it is recorded.

        `at_first` is called once there, where the first try fails.
        """
        return change()

    def keep_accepted(self, job_id: str, job: Job) -> None:
        """Keep on this disk that a service accepted a job, where the database is elsewhere and away."""

    def unsent(self, record: JobRecord, owner: str, problem: Problem) -> None:  # noqa: ARG002  (no other one has it)
        """A planned job is not sent by `owner`: it is closed, and what is in a fleet's queue is given back."""
        self.jobs.never_sent(record.id, problem)

    def new_owner(self) -> Owner:
        """This process as the owner of jobs, until it ends or gives that back. Raises `LedgerUnusable`."""
        return self._owners.enter()

    def is_alive(self, owner: str) -> bool:
        """Whether the process behind an owner's name still runs."""
        return self._owners.is_alive(owner)

    def close_orphans(self) -> None:
        """Close what processes that have ended left behind; may be done at any time. Raises `LedgerUnusable`."""
        close_orphans(self.jobs, self.results, self._owners)

    def close_orphan(self, record: JobRecord) -> None:
        """The same for one job that is `planned` or `submitting`."""
        close_orphan(self.jobs, self._owners, record)

    def finish_stored(self, records: Sequence[JobRecord]) -> list[str]:  # noqa: ARG002  (one machine has no storage)
        """Finish those of these jobs that are uncertain, and whose pictures are in a fleet's storage; their ids.

        Sends nothing to any service. Raises `LedgerUnusable`.
        """
        return []

    @property
    def version(self) -> tuple[float, int]:
        """Differs from an earlier one of this thread where anything was committed meanwhile, by any process."""
        return self._database.version()

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The jobs that were left out of an answer because their rows cannot be read."""
        return tuple(self._database.unreadable_jobs)

    def close(self) -> None:
        """Close this thread's connection; another thread may be at work on its own, and closes it itself."""
        self._database.close()
