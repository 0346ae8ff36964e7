"""The rate limits of services: a sliding window over the submits of all processes together, kept by the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from imgen.ledger.backend import Connection

_SOON = 0.01  # seconds: times since 1970 are too coarse for less
_DAY = 86_400.0  # seconds; longer than the window of any rate limit

_LATEST_SUBMITS = (
    "SELECT other.submitted_at FROM job AS mine JOIN job AS other"
    " ON other.provider = mine.provider AND other.origin = mine.origin"
    " WHERE mine.id = ? AND other.submitted_at > ? AND other.submitted_at <= ?"
    " UNION ALL SELECT turned_away.submitted_at FROM job AS mine JOIN turned_away"
    " ON turned_away.provider = mine.provider AND turned_away.origin = mine.origin"
    " WHERE mine.id = ? AND turned_away.submitted_at > ? AND turned_away.submitted_at <= ?"
    " ORDER BY 1 DESC LIMIT ?"
)
_TURNED_AWAY = (
    "INSERT INTO turned_away (provider, origin, submitted_at) SELECT provider, origin, submitted_at"
    " FROM job WHERE id = ?"
)


class SubmitLimit(NamedTuple):
    """At most `most` submits in any `window` seconds; `most` None is no limit.

    A window and not a bucket that refills: after a burst of three, a refilling bucket lets six out within a minute.
    """

    most: int | None
    window: float


UNLIMITED = SubmitLimit(None, 0.0)


class TooSoon(Exception):
    """The limit is used up; the next submit may go in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Pacing:
    """When the next submit to a service may go; every method is part of a transaction that others wait for."""

    def check(self, write: Connection, job_id: str, limit: SubmitLimit, now: float) -> None:
        """Raises `TooSoon` while all processes together have used up the limit of the job's service."""
        if limit.most is None:
            return
        within = (job_id, now - limit.window, now)
        latest = write.execute(_LATEST_SUBMITS, (*within, *within, limit.most)).fetchall()
        if len(latest) == limit.most:
            raise TooSoon(max(_SOON, latest[-1]["submitted_at"] + limit.window - now))

    def count_turned_away(self, write: Connection, job_id: str, now: float) -> None:
        """The service turned away the submit that is under way: it counts for the limit."""
        write.execute("DELETE FROM turned_away WHERE submitted_at < ?", (now - _DAY,))
        write.execute(_TURNED_AWAY, (job_id,))

    def pause(self, write: Connection, job_id: str, seconds: float, now: float) -> None:
        """The service wants to be left alone: a fleet's other machines wait as well; here each job has its backoff."""
