"""The ledger: every job, committed to disk before a byte of it is sent, and everything learned about it since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.conversations import Conversations
from imgen.ledger.database import Database
from imgen.ledger.jobs import Jobs
from imgen.ledger.orphans import close_orphan, close_orphans
from imgen.ledger.owners import Owners
from imgen.ledger.pacing import Pacing
from imgen.ledger.results import Results
from imgen.ledger.spending import SpendingQueries
from imgen.ledger.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.ledger.owners import Owner
    from imgen.records import JobRecord


class Ledger:
    """The jobs of one person on one machine, shared by every process and thread; `now` is seconds since 1970."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._database = Database(path, now)
        self._owners = Owners(path.with_name("owners"))
        self.conversations = Conversations(path.with_name("conversations"))
        self.jobs = Jobs(self._database, self.conversations, Pacing())
        self.results = Results(self._database, self._owners)
        self.uploads = Uploads(self._database)
        self.spending = SpendingQueries(self._database)

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

    @property
    def version(self) -> tuple[int, int]:
        """Differs from an earlier one of this thread where anything was committed meanwhile, by any process."""
        return self._database.version()

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The jobs that were left out of an answer because their rows cannot be read."""
        return tuple(self._database.unreadable_jobs)

    def close(self) -> None:
        """Close this thread's connection; another thread may be at work on its own, and closes it itself."""
        self._database.close()
