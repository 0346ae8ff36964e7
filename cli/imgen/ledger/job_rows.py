"""The ledger's rows of jobs, each with its pictures, read as records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.ledger.codec import read_job
from imgen.ledger.database import Store
from imgen.ledger.schema import damaged

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from imgen.records import JobRecord


class JobRows(Store):
    """Jobs as they stand in the ledger."""

    def _records(self, rows: Sequence[sqlite3.Row]) -> list[JobRecord]:
        """Rows of `job_with_state` as records. Raises `LedgerDamaged`, and `LedgerUnusable` for a newer program's."""
        results = "SELECT * FROM result WHERE job_id = ? ORDER BY number"
        found = [(row, self._read(results, (row["id"],))) for row in rows]
        try:
            return [read_job(*each) for each in found]
        except ValueError as error:  # SQLite sees no wrong letter in a text
            raise damaged(self._path, "a row cannot be understood") from error
        except (TypeError, KeyError) as error:  # a field that is not ours: no damage, but a newer program's
            raise LedgerUnusable(
                f"The ledger {self._path} holds a job that this imgen does not understand.",
                "Nothing was sent. Upgrade imgen: pip install -U imgen",
            ) from error
