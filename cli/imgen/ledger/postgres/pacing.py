"""The pace of submits of all machines together, and the pause that one service's Retry-After is for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.pacing import Pacing, SubmitLimit, TooSoon

if TYPE_CHECKING:
    from imgen.ledger.backend import Connection

_JITTER = 1.0  # seconds: two submits do not arrive as far apart as they were recorded; 22 for 20 in 10 s were seen

_PAUSED = (
    "SELECT pause_until FROM job JOIN service ON service.provider = job.provider AND service.origin = job.origin"
    " WHERE job.id = ? AND pause_until > ?"
)
_PAUSE = (
    "INSERT INTO service (provider, origin, pause_until) SELECT provider, origin, CAST(? AS double precision)"
    " FROM job WHERE id = ? ON CONFLICT (provider, origin)"
    " DO UPDATE SET pause_until = greatest(service.pause_until, excluded.pause_until)"
)


class FleetPacing(Pacing):
    """As one machine's, with a pause of the whole service and a window that is one second longer."""

    def check(self, write: Connection, job_id: str, limit: SubmitLimit, now: float) -> None:
        """Raises `TooSoon` while the service is paused or its limit used up."""
        if paused := write.execute(_PAUSED, (job_id, now)).fetchone():
            raise TooSoon(paused["pause_until"] - now)
        super().check(write, job_id, limit._replace(window=limit.window + _JITTER), now)

    def turned_away(self, write: Connection, job_id: str, retry_after: float | None, now: float) -> None:
        """As on one machine; for `retry_after` seconds no machine submits to that service."""
        super().turned_away(write, job_id, retry_after, now)
        if retry_after is not None:
            write.execute(_PAUSE, (now + retry_after, job_id))
