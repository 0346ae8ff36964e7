"""The jobs in the ledger, read and searched: by id, by state, and by the words of their prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.ledger.codec import read_job
from imgen.ledger.schema import damaged
from imgen.records import OPEN, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from decimal import Decimal
    from pathlib import Path

    from imgen.ledger.database import Database
    from imgen.records import JobRecord

_AMOUNT = "CAST(coalesce(charged_amount, cost_amount) AS REAL)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; everything given must hold. Times are seconds since 1970.

    Every word stands somewhere in the prompt, in any script; of letters, a to z only match in either case. `model` is
    a family or a service's own id. Costs, what the service says or else the price of the day, are compared as numbers,
    within `cost_unit` where that is given.
    """

    words: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    state: State | None = None
    since: float | None = None
    until: float | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    cost_unit: str | None = None

    def conditions(self) -> tuple[str, list[object]]:
        """As SQL, and the values in it."""
        found: list[tuple[str, object]] = [("prompt LIKE ? ESCAPE '!'", _anywhere(word)) for word in self.words]
        if self.provider is not None:
            found.append(("provider = ?", self.provider))
        if self.model is not None:
            found.append(("? IN (family, model)", self.model))
        if self.state is not None:
            found.append(("state = ?", self.state.value))
        if self.since is not None:
            found.append(("created_at >= ?", self.since))
        if self.until is not None:
            found.append(("created_at < ?", self.until))
        if self.least is not None:
            found.append((f"{_AMOUNT} >= ?", float(self.least)))
        if self.most is not None:
            found.append((f"{_AMOUNT} <= ?", float(self.most)))
        if self.cost_unit is not None:
            found.append(("coalesce(charged_unit, cost_unit) = ?", self.cost_unit))
        return " AND ".join(["TRUE", *(condition for condition, _ in found)]), [value for _, value in found]


class JobQueries:
    """Jobs as they stand in the ledger; nothing here changes one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str) -> JobRecord:
        """One job by its id. Raises `KeyError`."""
        found = self._select("id = ?", (job_id,))
        if not found:
            raise KeyError(job_id)
        return found[0]

    def get_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """Several jobs, in the order asked for."""
        return [self.get(job_id) for job_id in job_ids]

    def open(self) -> list[JobRecord]:
        """Every job that still needs somebody, the oldest first."""
        return self._in_states(OPEN)

    def uncertain(self) -> list[JobRecord]:
        """Every job that may have been charged and that nobody has closed, the oldest first."""
        return self._in_states({State.UNCERTAIN})

    def expired(self) -> list[JobRecord]:
        """Every job with a picture that was paid for and never saved, and that nobody has closed, the oldest first."""
        lost = "SELECT job_id FROM result WHERE state <> 'saved' AND state = 'expired' AND size IS NULL"
        return self._select(f"forgotten_at IS NULL AND id IN ({lost})", ())

    def find(self, text: str) -> list[JobRecord]:
        """The jobs that `text` names: a local id, a prefix of one, or a remote id."""
        text = text.encode(errors="replace").decode()  # an argument may hold bytes that are no text
        exact = self._select("id = ? OR remote_id = ?", (text, text))
        return exact or self._select("substr(id, 1, length(?)) = ?", (text, text))

    def with_picture(self, sha256: str) -> str | None:
        """The job that made exactly this picture, the latest if there are several."""
        rows = self._database.read(
            "SELECT job_id FROM result JOIN job ON job.id = job_id WHERE sha256 = ? AND state = 'saved'"
            " ORDER BY job.rowid DESC LIMIT 1",
            (sha256,),
        )
        return rows[0]["job_id"] if rows else None

    def saved_at(self, path: Path) -> str | None:
        """The job whose picture was last saved at this path, whatever is there now."""
        rows = self._database.read(
            "SELECT job_id FROM result JOIN job ON job.id = job_id WHERE path = ? AND state = 'saved'"
            " ORDER BY job.rowid DESC LIMIT 1",
            (str(path),),
        )
        return rows[0]["job_id"] if rows else None

    def family(self, job_id: str) -> list[JobRecord]:
        """A job, what it goes on from up to the first one, and everything that goes on from any of them."""
        return self._select(
            "id IN (WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM job WHERE id = ? UNION"
            " SELECT job.id, job.parent_id FROM job JOIN up ON job.id = up.parent_id),"
            " down (id) AS (SELECT id FROM up WHERE parent_id IS NULL UNION"
            " SELECT job.id FROM job JOIN down ON job.parent_id = down.id) SELECT id FROM down)",
            (job_id,),
        )

    def seconds_taken(self, provider: str, model: str, resolution: str | None, limit: int = 50) -> list[float]:
        """How long the latest jobs like this took from acceptance to end; never the sandbox's."""
        rows = self._database.read(
            "SELECT took_seconds FROM job WHERE provider = ? AND model = ? AND origin <> 'sandbox'"
            " AND json_extract(request, '$.resolution') IS ? AND took_seconds IS NOT NULL"
            " ORDER BY finished_at DESC LIMIT ?",
            (provider, model, resolution, limit),
        )
        return [row["took_seconds"] for row in rows]

    def _in_states(self, states: frozenset[State] | set[State]) -> list[JobRecord]:
        marks = ", ".join("?" * len(states))
        return self._select(f"forgotten_at IS NULL AND state IN ({marks})", tuple(states))

    def _select(self, where: str, values: Sequence[str]) -> list[JobRecord]:
        # Not by time: a clock that was set back would put a job before the one it goes on from.
        statement = f"SELECT * FROM job_with_state WHERE {where} ORDER BY recorded"  # noqa: S608  (our own)
        return self._records(self._database.read(statement, values))

    def history(self, wanted: Wanted, limit: int) -> tuple[list[JobRecord], int]:
        """The latest `limit` jobs that are wanted (0: all), and how many there are altogether."""
        where, values = wanted.conditions()
        every = self._database.read(f"SELECT count(*) AS jobs FROM job_with_state WHERE {where}", values)  # noqa: S608 (our own)
        rows = self._database.read(
            f"SELECT * FROM job_with_state WHERE {where} ORDER BY created_at DESC, recorded DESC LIMIT ?",  # noqa: S608
            [*values, limit or -1],
        )
        return self._records(rows), int(every[0]["jobs"])

    def _records(self, rows: Sequence[sqlite3.Row]) -> list[JobRecord]:
        """Rows of `job_with_state` as records. Raises `LedgerDamaged`, and `LedgerUnusable` for a newer program's."""
        results = "SELECT * FROM result WHERE job_id = ? ORDER BY number"
        found = [(row, self._database.read(results, (row["id"],))) for row in rows]
        try:
            return [read_job(*each) for each in found]
        except ValueError as error:  # SQLite sees no wrong letter in a text
            raise damaged(self._database.path, "a row cannot be understood") from error
        except (TypeError, KeyError) as error:  # a field that is not ours: no damage, but a newer program's
            raise LedgerUnusable(
                f"The ledger {self._database.path} holds a job that this imgen does not understand.",
                "Nothing was sent. Upgrade imgen: pip install -U imgen",
            ) from error


def _anywhere(word: str) -> str:
    for special in "!%_":
        word = word.replace(special, f"!{special}")
    return f"%{word}%"
