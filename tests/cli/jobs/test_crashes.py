"""An exception that is not ours is the trouble of one job, which is kept: all the others go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench
from imgen.errors import ExitCode
from imgen.jobs.report import Goal
from imgen.records import State
from imgen_providers.base import Charge, Job, LinkedAsset, Request, Succeeded
from imgen_providers.client import Network

if TYPE_CHECKING:
    from pathlib import Path

    import httpx


def test_a_bug_in_a_poll_is_the_trouble_of_its_job_alone(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        poisoned, fine = (bench.follow(bench.order(prompt), Goal.ACCEPTANCE).records[0] for prompt in ("one", "two"))

        def poison(job: Job) -> Job:
            if job.remote_id == poisoned.remote_id:
                raise RecursionError
            return job

        bench.bend("3daistudio", refreshed=poison)
        report = bench.follow([poisoned, fine])

        assert [record.state for record in report.records] == [State.QUEUED, State.SAVED]
        problem = report.problems[poisoned.id]
        assert (problem.code, report.exit_code) == ("bug", ExitCode.PARTIAL)
        assert "RecursionError" in problem.message
        assert f"imgen wait {poisoned.id}" in str(problem.hint)
        assert str(tmp_path / "home" / "crash.txt") in str(problem.hint)
        assert "RecursionError" in (tmp_path / "home" / "crash.txt").read_text()

        bench.bend("3daistudio", refreshed=poison)
        assert bench.follow(bench.session.open_jobs(sandbox=False)).exit_code is ExitCode.BUG
        assert bench.follow(bench.session.open_jobs(sandbox=False)).exit_code is ExitCode.DONE


def test_a_bug_in_the_answer_to_one_of_four_submits_leaves_three_pictures_and_one_uncertain(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order(provider="gptproto", resolution="1K", format=None, count=4)
        answered: list[str] = []

        def poison(_: Request, job: Job) -> Job:
            answered.append(job.remote_id)
            if len(answered) == 1:
                raise OverflowError
            return job

        bench.bend("gptproto", submitted=poison)
        report = bench.follow(records)

        assert sorted(record.state for record in report.records) == ["saved", "saved", "saved", "uncertain"]
        assert report.exit_code is ExitCode.UNCERTAIN
        (problem,) = report.problems.values()
        assert "OverflowError" in problem.message
        assert "--remote ITS_ID" in str(problem.hint)
        assert len(bench.requests("POST")) == 4


def test_a_bug_before_anything_was_sent_costs_nothing(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        (record,) = bench.order()
        connection = bench.work()._services.connection("3daistudio", record.origin)
        broken = connection._replace(rate_limit=None)  # type: ignore[arg-type]
        bench.work()._services._open["3daistudio", record.origin] = broken

        report = bench.follow([record])

        assert (report.records[0].state, report.exit_code) == (State.CANCELLED, ExitCode.BUG)
        assert bench.requests("POST") == []


class BrokenNetwork(Network):
    """A way out of this machine whose clients cannot be made; it closes the `true` one with itself."""

    def __init__(self, true: Network) -> None:
        super().__init__(user_agent="test")
        self._true = true

    def close(self) -> None:
        super().close()
        self._true.close()

    def new_client(self) -> httpx.Client:
        raise IndexError("not a client")


def test_a_bug_in_a_download_leaves_the_job_ready_for_the_next_command(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.order()
        working = bench.work()
        working._saver = working._saver._replace(network=BrokenNetwork(working._services.network))

        report = bench.follow([record])

        assert (report.records[0].state, report.exit_code) == (State.READY, ExitCode.BUG)
        assert f"imgen wait {record.id}" in str(report.problems[record.id].hint)
        assert list((tmp_path / "out").iterdir()) == []
        again = bench.follow(bench.session.ledger.jobs.get_many([record.id]), Goal.WHAT_IS_READY)
        assert again.exit_code is ExitCode.DONE


@pytest.mark.parametrize("amount", ["1e-999999999", "\ud800", "9" * 5000], ids=["tiny", "no text", "long"])
def test_a_charge_that_cannot_be_kept_costs_no_picture(tmp_path: Path, amount: str) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.order()
        bench.bend("3daistudio", refreshed=lambda job: replace(job, charged=Charge(amount, "credits")))

        report = bench.follow([record])

        assert report.records[0].state is State.SAVED
        assert report.exit_code is ExitCode.DONE


def test_a_link_that_no_parser_takes_is_the_trouble_of_its_picture(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.order(count=2)

        def odd(job: Job) -> Job:
            if not isinstance(job.status, Succeeded):
                return job
            return replace(job, status=Succeeded((job.status.assets[0], LinkedAsset("//[.png"))))

        bench.bend("3daistudio", refreshed=odd)
        report = bench.follow([record])

        assert [result.state.value for result in report.records[0].results] == ["saved", "ready"]
        assert report.records[0].state is State.READY
        assert report.exit_code in (ExitCode.NOT_SAVED, ExitCode.BUG)
