"""What a job that waits costs the database: nothing, while its service reports what it reported before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from cli.drafts import record, taken
from imgen.errors import LedgerUnusable
from imgen.jobs.connections import Connection
from imgen.jobs.poll import after_status
from imgen.jobs.report import Goal
from imgen.jobs.schedule import RateLimit, schedule
from imgen.jobs.tracked import Go, Phase, Tracked
from imgen.ledger.pacing import UNLIMITED
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.ledger import PostgresLedger
from imgen.records import State
from imgen_providers.base import Queued, Running
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from pathlib import Path


def test_a_job_that_waits_is_not_read_with_each_poll(tmp_path: Path) -> None:
    ledger = PostgresLedger(parse("postgresql://127.0.0.1:1/nowhere", {}), tmp_path)
    cadence = schedule(SERVICES["3daistudio"].cadence, pace=1.0, every=10.0, loopback=False)
    connection = Connection(
        service=cast(Any, None),
        network=cast(Any, None),
        origin="https://api.3daistudio.com",
        schedule=cadence,
        rate_limit=RateLimit(UNLIMITED, fixed=True),
        pace=1.0,
    )
    waiting = record(State.RUNNING, remote_id="remote", accepted_at=0.0)
    job = Tracked(waiting, Goal.PICTURES, connection, since=0.0, watched=True, past=[], documented=None)
    job.job = _reported(Running(0.2))

    step = after_status(ledger, job, _reported(Running(0.4)), goal=Goal.PICTURES, now=100.0, say=lambda _: None)

    assert isinstance(step, Go)
    assert step.phase is Phase.POLL
    assert job.job.status == Running(0.4)
    with pytest.raises(LedgerUnusable):  # a change is looked at beside what the ledger has
        after_status(ledger, job, _reported(Queued()), goal=Goal.PICTURES, now=110.0, say=lambda _: None)


def _reported(status: Queued | Running) -> Any:
    from dataclasses import replace

    return replace(taken("remote"), status=status)
