"""A worker behind pgbouncer in transaction mode, where a session does not last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cli.fleet.test_program import ASSETS, run
from cli.ledger.postgres.test_pgbouncer import pooled_url as pooled_url
from imgen.records import State

if TYPE_CHECKING:
    from cli.program.program import Program
    from imgen.ledger.postgres.ledger import PostgresLedger


def test_jobs_are_queued_and_made_through_it(laptop: Program, ledger: PostgresLedger, pooled_url: str) -> None:
    pooled = replace(laptop, variables={**laptop.variables, "IMGEN_LEDGER": pooled_url})
    (pooled.cwd / "assets.toml").write_text(ASSETS)

    run(pooled, "batch", "--queue", "--sandbox")
    run(pooled, "work", "--until-idle", "--sandbox", "--poll-every", "0.05", "-q")
    run(pooled, "batch", "--collect", "--sandbox")

    assert [job.state for job in ledger.jobs.find("")] == [State.SAVED, State.SAVED]
    assert len(list((pooled.cwd / "art").iterdir())) == 2
