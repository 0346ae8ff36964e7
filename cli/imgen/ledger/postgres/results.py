"""The rows of pictures on many machines: a claim ends by itself, also where its process lives on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.results import Results

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.ledger.backend import Connection, Row
    from imgen.ledger.postgres.database import PostgresDatabase
    from imgen.ledger.postgres.leases import Leases
    from imgen.pictures.verify import Picture


class ClaimedResults(Results):
    """The pictures of jobs; each claim is renewed while this process is at it, and forgotten once it is not."""

    def __init__(self, database: PostgresDatabase, leases: Leases) -> None:
        super().__init__(database, leases)
        self._leases = leases

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
