"""The rows of pictures on many machines: a claim ends by itself, also where its process lives on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from imgen.errors import BadConfiguration
from imgen.ledger.results import PictureNotKept, Results
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from imgen.ledger.backend import Connection, Row
    from imgen.ledger.postgres.database import PostgresDatabase
    from imgen.ledger.postgres.leases import Leases
    from imgen.pictures.store import PictureStore
    from imgen.pictures.target import Stored
    from imgen.pictures.verify import Picture
    from imgen.records import JobRecord


class ClaimedResults(Results):
    """The pictures of jobs; each claim is renewed while this process is at it, and forgotten once it is not.

    `store` opens the fleet's storage, and returns None where none is set here.
    """

    def __init__(self, database: PostgresDatabase, leases: Leases, store: Callable[[], PictureStore | None]) -> None:
        super().__init__(database, leases)
        self._leases = leases
        self._store = store

    def keep(self, record: JobRecord, number: int, data: bytes) -> Path | Stored:
        """Of a queued job the bytes go to the storage, for the disk of a worker may vanish with it."""
        if record.engine_id is None:
            return super().keep(record, number, data)
        from imgen.pictures.storage import StorageTrouble
        from imgen.pictures.store import OtherBytes

        try:
            store = self._store()
            if store is None:
                raise PictureNotKept(
                    f"The picture of {record.id} is to go to the fleet's storage, and IMGEN_STORE is not set here.",
                    f"Set IMGEN_STORE, then:\nimgen wait {record.id}",
                )
            return store.put_answered(record.id, number, data)
        except (StorageTrouble, OtherBytes, BadConfiguration) as error:
            raise PictureNotKept(
                f"The picture of {record.id} came and is paid, and is not stored yet. {error.message}",
                "It is tried again until the storage takes it: mend the storage, and leave the worker running.",
            ) from error

    def came(self, records: Sequence[JobRecord]) -> dict[str, list[Stored]]:
        """Of these jobs of a queue, by their ids, those whose pictures are all in the storage, with where they are.

        Only of services that send pictures inside an answer. None where no storage is set here, or it cannot be read.
        """
        from imgen.pictures.storage import StorageTrouble

        found: dict[str, list[Stored]] = {}
        with suppress(StorageTrouble, BadConfiguration):
            for record in records:
                entry = SERVICES.get(record.provider)
                if record.engine_id is None or entry is None or entry.comes_back(record.request.model):
                    continue
                store = self._store()
                if store is None or record.submitted_at is None:
                    continue
                places = store.answered(record.id, record.submitted_at)
                if len(places) >= (record.ordered or 1):  # with fewer, its worker may not have put all of them there
                    found[record.id] = places
        return found

    def claim(self, job_id: str, number: int, part: Path, owner: str) -> bool:
        """Take one picture to save it, and renew that until it is saved or given back."""
        if not super().claim(job_id, number, part, owner):
            return False
        self._leases.hold(job_id, number)
        return True

    def _is_taken(self, row: Row, owner: str) -> bool:
        if not super()._is_taken(row, owner):
            return False
        return row["state"] != "ready" or row["claim_until"] is None or row["claim_until"] > self._database.now()

    def _take(self, write: Connection, job_id: str, number: int, part: Path, owner: str) -> None:
        super()._take(write, job_id, number, part, owner)
        write.execute(
            "UPDATE result SET claim_until = ? WHERE job_id = ? AND number = ?",
            (self._leases.claim_ends(), job_id, number),
        )

    def saved(self, job_id: str, number: int, path: Path, picture: Picture, differences: Sequence[str]) -> None:
        """The picture lies at `path`, whole and synced."""
        super().saved(job_id, number, path, picture, differences)
        self._leases.let_go(job_id, number)

    def unclaim(self, job_id: str, number: int, owner: str) -> None:
        """`owner` did not save the picture this time; any process may try."""
        self._leases.let_go(job_id, number)
        super().unclaim(job_id, number, owner)

    def expired(self, job_id: str, number: int) -> None:
        """The link expired before the picture was saved."""
        self._leases.let_go(job_id, number)
        super().expired(job_id, number)
