"""The jobs in the ledger, read and searched: by id, by state, and by the words of their prompts.

What every command reads, it finds by an index: 100,000 jobs that are over cost nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from imgen.config.settings import MOST_PICTURES
from imgen.ledger.codec import path_text, plain, read_job, stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from pathlib import Path

    from imgen.ledger.backend import Backend, Connection, Row
    from imgen.records import JobRecord, State

_LAST_LETTER = "\U0010ffff"  # the last in the order of letters
_NO_LIMIT = 2**62  # rows
_AMOUNT = "CAST(coalesce(charged_amount, cost_amount) AS DOUBLE PRECISION)"


class Wanted(NamedTuple):
    """What to look for; everything given must hold. Times are seconds since 1970.

    Every word stands somewhere in the prompt, in any script; of letters, a to z only match in either case. `model` is
    a family or a service's own id. Costs, as the service reported them or else by the price of the day, are compared
    as numbers, within `cost_unit` where that is given.
    """

    words: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    state: State | None = None
    origin: str | None = None
    since: float | None = None
    until: float | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    cost_unit: str | None = None

    def conditions(self, like: str) -> tuple[str, list[object]]:
        """As SQL, and the values in it; `like` is the database's word."""
        words = [(f"prompt {like} ? ESCAPE '!'", _anywhere(word)) for word in self.words]
        fields: list[tuple[str, object]] = [
            ("provider = ?", self.provider),
            ("? IN (family, model)", self.model),
            ("state = ?", self.state and self.state.value),
            ("origin = ?", self.origin),
            ("created_at >= ?", self.since),
            ("created_at < ?", self.until),
            (f"{_AMOUNT} >= ?", None if self.least is None else float(self.least)),
            (f"{_AMOUNT} <= ?", None if self.most is None else float(self.most)),
            ("coalesce(charged_unit, cost_unit) = ?", self.cost_unit),
        ]
        found = [*words, *(field for field in fields if field[1] is not None)]
        return " AND ".join(["TRUE", *(condition for condition, _ in found)]), [value for _, value in found]


_RESULTS = "SELECT * FROM result WHERE job_id IN ({each}) ORDER BY job_id, number"
_OPEN = (
    "forgotten_at IS NULL AND recorded IN (SELECT rowid FROM job"
    " WHERE stage IN ('planned', 'submitting', 'queued', 'running')"
    " UNION SELECT job.rowid FROM result JOIN job ON job.id = job_id"
    " WHERE result.state <> 'saved' AND result.state = 'ready' AND stage = 'finished')"
)
_UNCERTAIN = "forgotten_at IS NULL AND stage = 'uncertain'"
_EXPIRED = (
    "forgotten_at IS NULL AND id IN (SELECT job_id FROM result"
    " WHERE result.state <> 'saved' AND result.state = 'expired' AND size IS NULL)"
)
_FAMILY = (
    "id IN (WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM job WHERE id = ? UNION"
    " SELECT job.id, job.parent_id FROM job JOIN up ON job.id = up.parent_id),"
    " down (id) AS (SELECT id FROM up WHERE parent_id IS NULL UNION"
    " SELECT job.id FROM job JOIN down ON job.parent_id = down.id) SELECT id FROM down)"
)
_WITH_PICTURE = (
    "SELECT job_id FROM result JOIN job ON job.id = job_id WHERE sha256 = ? AND state = 'saved'"
    " ORDER BY job.rowid DESC LIMIT 1"
)
_LATEST = "SELECT id, run_id FROM job{where} ORDER BY rowid DESC LIMIT ?"
_AT_ONCE = 4  # times as many ended jobs are read as are given: those of one large order end together
_SECONDS_TAKEN = (
    "SELECT took_seconds, accepted_at FROM job WHERE provider = ? AND model = ? AND {resolution} {same} ?"
    " AND took_seconds IS NOT NULL AND origin <> 'sandbox' ORDER BY finished_at DESC LIMIT ?"
)


class JobQueries:
    """Jobs as they stand in the ledger; nothing here changes one.

    A row that cannot be read raises `LedgerDamaged`, and `LedgerUnusable` where a newer program wrote it.
    """

    def __init__(self, database: Backend) -> None:
        self._database = database

    def get(self, job_id: str) -> JobRecord:
        """One job by its id. Raises `KeyError`."""
        return self.get_many([job_id])[0]

    def get_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """Several jobs, in the order of their ids here. Raises `KeyError`."""
        found = self._named(job_ids)
        by_id = {record.id: record for record in found}
        return [by_id[job_id] for job_id in job_ids]

    def open(self) -> list[JobRecord]:
        """Every job that is not over, the oldest first."""
        return self._select(_OPEN)

    def uncertain(self) -> list[JobRecord]:
        """Every job that may have been charged and that no person has closed, the oldest first."""
        return self._select(_UNCERTAIN)

    def expired(self) -> list[JobRecord]:
        """Every job with a picture that was paid for and never saved, and that no person has closed, oldest first."""
        return self._select(_EXPIRED)

    def find(self, text: str) -> list[JobRecord]:
        """The jobs that `text` names: by its local id, else by the beginning of one, else by its remote id.

        In this order, since a service chooses its ids: none of them can stand for another job's local id.
        """
        local = plain(text)
        return (
            self._select("id = ?", local)
            or self._select("id BETWEEN ? AND ?", local, f"{local}{_LAST_LETTER}")
            or self._select("remote_id = ?", stored(text))
        )

    def latest_order(self, number: int, origin: str | None = None) -> list[JobRecord]:
        """The jobs of one order, counted back from the latest, which is 1; none where there are not so many.

        With an `origin`, only orders that went there are counted.
        """
        there = () if origin is None else (origin,)
        latest = _LATEST.format(where=" WHERE origin = ?" if there else "")
        limit = number * MOST_PICTURES + 1
        while True:
            rows = self._database.read(latest, (*there, limit))
            orders = dict.fromkeys(row["run_id"] for row in rows)
            if len(orders) > number or len(rows) < limit:  # else the last one may have more jobs than were read
                break
            limit *= 4
        if len(orders) < number:
            return []
        run_id = list(orders)[number - 1]
        return self._named([row["id"] for row in rows if row["run_id"] == run_id])

    def count(self) -> int:
        """How many jobs there are."""
        return int(self._database.read("SELECT count(*) AS jobs FROM job", ())[0]["jobs"])

    def at_service(self, provider: str, origin: str, text: str) -> JobRecord | None:
        """The job of a service that `text` names: by its whole local id, else by its remote id."""
        there = "provider = ? AND origin = ? AND"
        found = self._select(f"{there} id = ?", provider, origin, plain(text)) or self._select(
            f"{there} remote_id = ?", provider, origin, stored(text)
        )
        return found[0] if found else None

    def with_request(self, request_key: str) -> list[JobRecord]:
        """The jobs of one request, the oldest first."""
        return self._select("recorded IN (SELECT rowid FROM job WHERE request_key = ?)", request_key)

    def with_requests(self, request_keys: Sequence[str]) -> dict[str, list[JobRecord]]:
        """By its key the jobs of each of these requests, the oldest first."""
        found: dict[str, list[JobRecord]] = {key: [] for key in request_keys}
        there = f"recorded IN (SELECT rowid FROM job WHERE request_key IN ({self._database.dialect.each}))"  # noqa: S608
        for record in self._select(there, json.dumps(list(found))):
            found[record.request_key].append(record)
        return found

    def with_picture(self, sha256: str) -> str | None:
        """The job that made exactly this picture, the latest if there are several."""
        rows = self._database.read(_WITH_PICTURE, (sha256,))
        return rows[0]["job_id"] if rows else None

    def saved_at(self, path: Path) -> str | None:
        """The job whose picture was last saved at this path, whatever is there now."""
        rows = self._database.read(
            "SELECT job_id FROM result JOIN job ON job.id = job_id WHERE path = ? AND state = 'saved'"
            " ORDER BY job.rowid DESC LIMIT 1",
            (path_text(path),),
        )
        return rows[0]["job_id"] if rows else None

    def family(self, job_id: str) -> list[JobRecord]:
        """A job, what it goes on from up to the first one, and everything that goes on from any of them."""
        return self._select(_FAMILY, job_id)

    def seconds_taken(self, provider: str, model: str, resolution: str | None, limit: int = 50) -> list[float]:
        """How long the latest jobs like this took from acceptance to end, the newest first; never the sandbox's.

        By when they were accepted: of jobs that ran at the same time, the last to end are the slowest.
        """
        words = self._database.dialect
        statement = _SECONDS_TAKEN.format(resolution=words.resolution, same=words.same)
        rows = self._database.read(statement, (provider, model, resolution, _AT_ONCE * limit))
        rows = sorted(rows, key=lambda row: row["accepted_at"] or 0.0, reverse=True)
        return [row["took_seconds"] for row in rows[:limit]]

    def history(self, wanted: Wanted, limit: int) -> tuple[list[JobRecord], int]:
        """The latest `limit` jobs that are wanted (0: all), and how many there are altogether.

        A row that cannot be read is left out and named in `Ledger.unreadable`.
        """
        where, values = wanted.conditions(self._database.dialect.like)
        with self._database.snapshot() as connection:
            every = connection.execute(f"SELECT count(*) AS jobs FROM job_with_state WHERE {where}", values).fetchone()  # noqa: S608
            rows = connection.execute(
                f"SELECT * FROM job_with_state WHERE {where} ORDER BY created_at DESC, recorded DESC LIMIT ?",  # noqa: S608
                [*values, limit or _NO_LIMIT],
            ).fetchall()
            results = self._results(connection, rows)
        found = []
        for row in rows:
            try:
                found.append(read_job(row, results[row["id"]]))
            except (ValueError, TypeError, KeyError):
                self._database.unreadable(row["id"])
        return found, int(every["jobs"])

    def _named(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """Several jobs, the oldest first; an id that no job has is left out."""
        return self._select(f"id IN ({self._database.dialect.each})", json.dumps(list(job_ids)))

    def _select(self, where: str, *values: object) -> list[JobRecord]:
        with self._database.snapshot() as connection:
            # Not by time: a clock that was set back would put a job before the one it goes on from.
            statement = f"SELECT * FROM job_with_state WHERE {where} ORDER BY recorded"  # noqa: S608  (our own)
            rows = connection.execute(statement, values).fetchall()
            results = self._results(connection, rows)
        return [self._record(row, results[row["id"]]) for row in rows]

    def _record(self, row: Row, results: Sequence[Row]) -> JobRecord:
        try:
            return read_job(row, results)
        except ValueError as error:  # no database sees a wrong letter in a text
            raise self._database.damaged(f"job {row['id']} in it cannot be understood") from error
        except (TypeError, KeyError) as error:  # a field that is not ours: no damage, but a newer program's
            raise self._database.not_understood() from error

    def _results(self, connection: Connection, jobs: Sequence[Row]) -> dict[str, list[Row]]:
        """The rows of the jobs' pictures by job, in one query."""
        found: dict[str, list[Row]] = {row["id"]: [] for row in jobs}
        for row in connection.execute(_RESULTS.format(each=self._database.dialect.each), (json.dumps(list(found)),)):
            found[row["job_id"]].append(row)
        return found


def _anywhere(word: str) -> str:
    word = plain(word)
    for special in "!%_":
        word = word.replace(special, f"!{special}")
    return f"%{word}%"
