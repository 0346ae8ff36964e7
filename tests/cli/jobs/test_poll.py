"""An accepted job is polled in its service's rhythm, through all trouble, and no question about it costs money."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench
from imgen.errors import ExitCode
from imgen.jobs.report import Goal
from imgen.records import State
from imgen_providers.errors import InvalidRequest, JobNotFound, RateLimited, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.base import Job


def test_the_first_question_waits_for_the_documented_minimum_and_the_rest_keep_the_rhythm(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=30.0) as bench:
        report = bench.generate()

        assert report.exit_code is ExitCode.DONE
        # first after 5 s, then every 4 s give or take a quarter: 30 s take between 6 and 10 questions
        assert 6 <= len(bench.requests("/status/")) <= 10


def test_progress_is_the_services_own_number_and_states_are_shown_in_order(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.generate()

        assert bench.watcher.states() == ["submitting", "queued", "running", "ready", "saved"]
        polled = [
            job.progress for jobs in bench.watcher.shown for job in jobs if job.progress and job.state == "running"
        ]
        assert {progress.basis for progress in polled} == {"service"}
        assert [progress.fraction for progress in polled] == sorted(progress.fraction for progress in polled)


def test_asking_once_says_how_it_stands_and_saves_nothing(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.follow(bench.order(), Goal.ACCEPTANCE)
        bench.clock.time += 60

        report = bench.follow(bench.session.open_jobs(sandbox=False), Goal.ANSWER)

        assert report.records[0].state is State.READY
        assert report.records[0].expires_at is not None
        assert report.exit_code is ExitCode.DONE
        assert len(bench.requests("/status/")) == 1
        assert not (tmp_path / "out").exists()


def test_a_service_that_goes_away_while_a_job_runs_loses_nothing(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.follow(bench.order(), Goal.ACCEPTANCE)
        bench.server.close()

        report = bench.follow(bench.session.open_jobs(sandbox=False), timeout=100.0)

        assert report.exit_code is ExitCode.UNFINISHED
        assert report.records[0].state is State.QUEUED
        assert report.records[0].remote_id


@pytest.mark.parametrize("goal", [Goal.PICTURES, Goal.ANSWER, Goal.WHAT_IS_READY])
@pytest.mark.parametrize("fault", ["rate-limit-poll=30*always", "poll-5xx*always", "garbage-poll*always"])
def test_trouble_at_a_question_leads_back_to_the_job_and_never_to_a_second_charge(
    tmp_path: Path, fault: str, goal: Goal
) -> None:
    with Bench(tmp_path, faults=fault) as bench:
        (record,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        bench.clock.time += 20.0

        report = bench.follow([record], goal, timeout=60.0)

        problem = report.problems[record.id]
        assert report.records[0].state is State.QUEUED
        assert problem.hint == f"imgen wait {record.id}"
        assert "charged" not in problem.message


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_refused_question_seconds_after_the_acceptance_keeps_the_job(tmp_path: Path, status: int) -> None:
    kinds = {400: InvalidRequest, 404: JobNotFound, 429: RateLimited, 500: Unreachable}

    def refuse(job: Job) -> Job:
        raise kinds[status](f"It answered HTTP {status}.")

    with Bench(tmp_path) as bench:
        records = bench.order()
        bench.bend("3daistudio", refreshed=refuse)

        report = bench.follow(records, timeout=60.0)

        problem = report.problems[records[0].id]
        assert (report.records[0].state, report.exit_code) == (State.QUEUED, ExitCode.UNFINISHED)
        assert str(problem.hint).endswith(f"imgen wait {records[0].id}")
        assert not {"forget", "charged", "command"} & set(f"{problem.message} {problem.hint}".lower().split())
        assert bench.follow(bench.session.open_jobs(sandbox=False)).exit_code is ExitCode.DONE
