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

    def pause(self, write: Connection, job_id: str, seconds: float, now: float) -> None:
        """For so many seconds no machine submits to the job's service."""
        write.execute(_PAUSE, (now + seconds, job_id))
