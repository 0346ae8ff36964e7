"""What a reviewer broke once: recovery that must really recover, and money that must not leave twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench, Watcher
from imgen.errors import ExitCode, LedgerUnusable, UsageProblem
from imgen.jobs.report import Goal, may_move_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from imgen.jobs.progress import JobView


def test_a_job_found_at_the_service_is_attached_and_keeps_its_order(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="lost-reply", seconds=1.0) as bench:
        lost = bench.follow(bench.order("a fox", output=str(tmp_path / "mine.png"))).records[0]
        remote = next((tmp_path / "sandbox").rglob("*.json")).stem
        working = bench.work()

        attached = working.attach(lost, remote)

        assert (attached.id, attached.remote_id) == (lost.id, remote)
        bench.clock.time += 5
        report = bench.follow([attached])
        assert report.exit_code is ExitCode.DONE
        assert (tmp_path / "mine.png").exists()
        assert bench.session.open_jobs(sandbox=False) == []


def test_only_a_job_in_doubt_can_be_attached(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        saved = bench.generate().records[0]

        with pytest.raises(UsageProblem, match="uncertain"):
            bench.work().attach(saved, "anything")


class Meanwhile(Watcher):
    """Something happens once while jobs are waited for."""

    def __init__(self, event: Callable[[], object]) -> None:
        super().__init__()
        self._event = event

    def show(self, jobs: Sequence[JobView]) -> None:
        super().show(jobs)
        if len(self.shown) == 3:
            self._event()


def test_a_wait_notices_that_the_submitting_process_died(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        record = bench.order("a fox")[0]
        bench.session.ledger.jobs.submitting(record.id)
        assert bench._working
        owner, bench._working = bench._working, None
        bench.watcher = Meanwhile(owner.close)

        report = bench.follow([record], timeout=30.0)

        assert bench.watcher.states() == ["planned", "submitting", "uncertain"]
        assert report.exit_code is ExitCode.UNCERTAIN


def test_adopting_twice_is_one_job_and_a_prefix_is_no_remote_id(tmp_path: Path) -> None:
    from imgen.config.config import SANDBOX
    from imgen.errors import NotAdopted
    from imgen.pictures.naming import parse_output
    from imgen_providers.catalog import SERVICES

    with Bench(tmp_path, seconds=1.0) as bench:
        made = bench.follow(bench.order("a fox"), Goal.ACCEPTANCE).records[0]
        entry, origin = SERVICES["3daistudio"], bench.server.origin
        assert origin != SANDBOX
        target = parse_output(None, cwd=tmp_path, pictures=1, overwrite=False, format=None, kept=tmp_path)
        working = bench.work()

        assert working.adopt(entry, origin, made.remote_id or "", target).id == made.id
        with pytest.raises(NotAdopted):
            working.adopt(entry, origin, made.id[0], target)


def test_nothing_moves_on_to_another_service_when_the_waiting_ended_first(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        records = bench.order()
        bench.server.close()

        report = bench.follow(records, timeout=0.2)

        assert may_move_on(report.records)
        assert not report.in_time


@pytest.mark.file  # a ledger on a server is waited for
def test_a_ledger_error_in_the_loop_winds_up_first(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order("a fox")
        with bench.session.ledger._database.write() as write:
            write.execute(
                "CREATE TRIGGER full BEFORE UPDATE OF stage ON job WHEN NEW.stage IN ('running', 'finished')"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )

        with pytest.raises(LedgerUnusable):
            bench.follow(records)

        assert bench.session.ledger.jobs.get(records[0].id).remote_id
