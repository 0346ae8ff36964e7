"""A worker whose key a service refuses: its jobs are for another worker, and none fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.fleet.test_program import ASSETS, run
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from pathlib import Path

    from cli.program.program import Program
    from imgen.ledger.postgres.ledger import PostgresLedger

KEY = "a-key-of-a-test-0123456789"


def test_jobs_are_given_back_by_a_worker_whose_key_is_refused(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    work = ("work", "--until-idle", "--poll-every", "0.05")
    with SandboxServer(tmp_path / "far side", seconds=0.2, key=KEY) as server:
        worker = laptop.at(server.origin, KEY)
        stranger = laptop.at(server.origin, "a-key-of-nowhere-0123456789")
        (laptop.cwd / "assets.toml").write_text(ASSETS)
        run(worker, "batch", "--queue")

        refused = run(stranger, *work, code=ExitCode.KEY)

        assert refused.stderr.count("is given back to the queue: reAPI refused the key") == 2
        assert [(job.state, job.owner) for job in ledger.jobs.find("")] == [(State.PLANNED, None)] * 2
        with ledger.write() as write:
            assert len(write.execute("SELECT 1 FROM turned_away").fetchall()) == 2, "they count for the rate limit"
            write.raw.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")  # or the next one waits
        run(worker, *work)

    assert [job.state for job in ledger.jobs.find("")] == [State.SAVED] * 2
