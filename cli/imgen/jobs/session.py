"""The ledger as a command uses it: orphans closed, recovered where it was damaged, and what is open in it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING

from imgen.errors import BadConfiguration
from imgen.files import make_private_folder
from imgen.jobs.clock import SystemClock
from imgen.ledger.answer_file import kept_path
from imgen.ledger.orphans import answered_late
from imgen.ledger.recovery.damage import rebuilt_note
from imgen.ledger.recovery.opening import open_whole
from imgen.records import JobRecord, ResultState
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgen.config.config import Config
    from imgen.jobs.clock import Clock
    from imgen.ledger.ledger import Ledger
    from imgen.pictures.store import PictureStore


class Session:
    """One command's use of the ledger, which is opened when it is first needed, and at most once.

    `say` prints what the user has to know of the ledger, such as what is missing after damage.
    """

    def __init__(self, config: Config, clock: Clock, say: Callable[[str], None]) -> None:
        self._config = config
        self._clock = clock
        self._say = say

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, with the orphans of killed processes closed. Raises `LedgerUnusable`."""
        return open_sound(self._config, self._clock, self._say)

    @cached_property
    def store(self) -> PictureStore | None:
        """The storage for a fleet's pictures, None where none is set. Raises `BadConfiguration`."""
        return opened_store(self._config)

    @property
    def is_new(self) -> bool:
        """Whether there is no ledger yet, so nothing to find in it."""
        return self._config.ledger_url is None and not self._config.folders.ledger.exists()

    def close(self) -> None:
        """Close the ledger, if it was opened, and name the jobs that could not be read."""
        if "ledger" in self.__dict__:
            for job_id in self.ledger.unreadable:
                self._say(f"Job {job_id} cannot be read and was left out: imgen status mends the ledger.")
            self.ledger.close()

    def open_jobs(self, *, sandbox: bool) -> list[JobRecord]:
        """Jobs that are not finished, and those that may have been charged; `sandbox` keeps to the sandbox's."""
        records = [*self.ledger.jobs.open(), *self.ledger.jobs.uncertain()]
        return [record for record in records if record.sandbox or not sandbox]

    def with_stored(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """The same jobs; an uncertain one whose pictures a vanished worker has put into the storage is finished now."""
        finished = self.ledger.finish_stored(records)
        for job_id in finished:
            self._say(f"No answer to {job_id} was recorded, but the picture that it brought is in the storage.")
        return self.ledger.jobs.get_many([record.id for record in records]) if finished else list(records)

    def expired_jobs(self, provider: str | None, *, sandbox: bool) -> list[JobRecord]:
        """Jobs with a picture that was paid for and never saved, of a provider if one is named.

        `sandbox` keeps to the sandbox's.
        """
        records = self.ledger.jobs.expired()
        return [r for r in records if provider in (None, r.provider) and (r.sandbox or not sandbox)]

    def reopen_expired(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """Make the pictures that were never saved, because their link expired, `ready` to be fetched again."""
        for record in records:
            for result in record.results:
                if result.never_saved:
                    self.ledger.results.reopen(record.id, result.index)
        return self.ledger.jobs.get_many([record.id for record in records])

    def reopen_deleted(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """Make the pictures whose saved file is gone, or whose link expired, `ready` to be fetched again."""
        for record in records:
            for result in record.results:
                here = result.object or (result.path and result.path.exists())
                gone = result.state is ResultState.SAVED and not here
                if gone or result.state is ResultState.EXPIRED:
                    self.ledger.results.reopen(record.id, result.index)
        return self.ledger.jobs.get_many([record.id for record in records])


def opened_store(config: Config) -> PictureStore | None:
    """The storage that IMGEN_STORE names, None where it is not set. Raises `BadConfiguration`."""
    if not config.store:
        return None
    from imgen.pictures.storage import StorageTrouble
    from imgen.pictures.store import configured_store

    try:
        return configured_store(config.store)
    except StorageTrouble as error:
        raise BadConfiguration(error.message, "Check IMGEN_STORE and its credentials. Nothing was sent.") from error


@contextmanager
def session(config: Config, say: Callable[[str], None]) -> Iterator[Session]:
    """A session on this machine's own clock."""
    opened = Session(config, SystemClock(), say)
    try:
        yield opened
    finally:
        opened.close()


def open_sound(config: Config, clock: Clock, say: Callable[[str], None]) -> Ledger:
    """The ledger, rebuilt first where it was damaged; what that left is reported. Raises `LedgerUnusable`."""
    if config.ledger_url is not None:
        return _open_shared(config, config.ledger_url, clock, say)
    ledger = open_whole(config.folders.ledger, clock.wall, config.cwd, say)
    if rebuilt_note(config.folders.ledger).exists():
        from imgen.jobs.reimport import report_and_reimport

        report_and_reimport(config, ledger, clock, say)
    if config.folders.ledger.exists():
        _read_answers(config, ledger, say)
    return ledger


def _open_shared(config: Config, url: str, clock: Clock, say: Callable[[str], None]) -> Ledger:
    """The ledger of many machines. Raises `LedgerUnusable`, and `BadConfiguration` for its URL."""
    from imgen.ledger.postgres.address import parse
    from imgen.ledger.postgres.ledger import PostgresLedger

    make_private_folder(config.folders.state)  # answers are kept on this disk while they arrive
    # The clocks of many machines differ, so the database's counts.
    now = None if isinstance(clock, SystemClock) else clock.wall
    ledger = PostgresLedger(
        parse(url, config.environ), config.folders.state, now, store=cache(lambda: opened_store(config))
    )
    ledger.close_orphans()
    _read_answers(config, ledger, say)
    return ledger


def _read_answers(config: Config, ledger: Ledger, say: Callable[[str], None]) -> None:
    """What an ended process left of an answer that came is read, before anything relies on the job being uncertain."""
    unread = [*ledger.jobs.uncertain(), *answered_late(ledger.jobs, ledger.results)]
    if kept := [record for record in unread if record.provider in SERVICES and kept_path(ledger, record)]:
        from imgen.jobs.reconcile import read_all_kept

        read_all_kept(ledger, config, kept, say)
