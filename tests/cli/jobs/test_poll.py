"""An accepted job is polled in its service's rhythm, through all trouble, and no question about it costs money."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft
from cli.jobs.bench import Bench
from cli.states import save
from imgen.errors import ExitCode, LedgerUnusable
from imgen.jobs.poll import record_status
from imgen.jobs.report import Goal, Report
from imgen.jobs.worker import Worker
from imgen.ledger.codec import request_text
from imgen.money.losses import losses
from imgen.records import ResultState, State
from imgen_providers.base import Failed, InlineAsset, Job, Succeeded
from imgen_providers.errors import InvalidRequest, JobNotFound, RateLimited, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.ledger.ledger import Ledger


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


def test_bytes_that_came_with_an_answer_outlive_the_process(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        made = bench.generate("a fox").records[0].results[0]
        assert made.path
        data = made.path.read_bytes()
        record = bench.order("another fox")[0]
        ledger = bench.session.ledger
        ledger.jobs.submitting(record.id)
        job = Job("3daistudio", "came-inline", Succeeded((InlineAsset(data),)))
        ledger.jobs.accepted(record.id, job)
        record_status(ledger, ledger.jobs.get(record.id), job, took_seconds=None)
        bench.die()
        asked = len(bench.log)

        report = bench.follow(bench.session.open_jobs(sandbox=False), Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].results[0].sha256 == made.sha256
        assert len(bench.log) == asked, "the service cannot be asked for it again"
        assert not list((tmp_path / "home" / "inline").iterdir())


def test_bytes_that_several_processes_were_given_at_once_are_kept_whole_until_the_picture_is_saved(
    ledger: Ledger, ledger_path: Path
) -> None:
    ledger.jobs.plan([draft("one")], "me", resubmit=False)
    ledger.jobs.submitting("one")
    given = Job("3daistudio", "came-inline", Succeeded((InlineAsset(b"a picture"),)))
    ledger.jobs.accepted("one", given)
    record = ledger.jobs.get("one")

    def ask_often() -> None:
        for _ in range(10):
            record_status(ledger, record, given, took_seconds=None)
        ledger.close()

    with ThreadPoolExecutor() as processes:
        for asking in [processes.submit(ask_often) for _ in range(3)]:
            asking.result()

    inline = ledger_path.with_name("inline")
    assert [path.read_bytes() for path in inline.iterdir()] == [b"a picture"]
    save(ledger, 1, "one")
    record_status(ledger, record, given, took_seconds=None)  # another process asked meanwhile
    assert list(inline.iterdir()) == []


def test_bytes_that_cannot_be_kept_are_said_and_the_job_stays_open(tmp_path: Path) -> None:
    from imgen.jobs.poll import record_status

    with Bench(tmp_path, seconds=1.0) as bench:
        record = bench.follow(bench.order("a fox"), Goal.ACCEPTANCE).records[0]
        (tmp_path / "home" / "inline").write_text("a file where the folder should be")
        job = Job("3daistudio", record.remote_id or "", Succeeded((InlineAsset(b"a picture"),)))

        with pytest.raises(LedgerUnusable, match=r"The picture came, and .* cannot take it") as polled:
            record_status(bench.session.ledger, record, job, took_seconds=None)

        assert f"imgen wait {record.id}" in str(polled.value.hint)
        assert bench.session.ledger.jobs.get(record.id).state is State.QUEUED


def test_what_another_process_saw_finished_is_saved_whatever_an_older_answer_says(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="odd-state", seconds=1.0) as bench:
        (job,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        bench.clock.time += 5
        link = f"{bench.server.origin}/sandbox/pictures/3daistudio/{job.remote_id}/0.png"
        bench.session.ledger.jobs.finished(job.id, [link], link_seconds=None, took_seconds=None, conversation=None)

        report = bench.follow([bench.session.ledger.jobs.get(job.id)], Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE


def slowly(bench: Bench) -> Worker:
    """A process that polls once a minute, so that a fault can be counted in polls."""
    bench._working = Worker(bench.session, bench.config, bench.clock, poll_every=60.0)
    return bench._working


@pytest.mark.parametrize("poll_every", [0.3, 5.0, 60.0])
def test_links_are_waited_for_by_the_clock_and_not_by_the_number_of_questions(
    tmp_path: Path, poll_every: float
) -> None:
    with Bench(tmp_path, faults="empty-results*always", seconds=1.0) as bench:
        bench._working = Worker(bench.session, bench.config, bench.clock, poll_every=poll_every)

        report = bench.follow(bench.order())

        assert (report.records[0].state, report.exit_code) == (State.EXPIRED, ExitCode.EXPIRED)
        assert 300.0 <= bench.clock.time < 300.0 + 2 * 60.0 * 1.25


def test_links_that_come_after_minutes_are_saved(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="empty-results*4", seconds=1.0) as bench:
        slowly(bench)

        assert bench.follow(bench.order()).exit_code is ExitCode.DONE


def test_what_never_showed_a_link_is_counted_as_lost_and_polled_once_more_whenever_it_is_named(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="empty-results*9", seconds=1.0) as bench:
        slowly(bench)
        (record,) = bench.follow(bench.order(count=2)).records
        asked = len(bench.requests("/status/"))
        assert record.state is State.EXPIRED
        problem = record.problem
        assert problem
        assert (problem.code, problem.hint) == (
            "no_pictures",
            f"It is paid. To ask once more:\nimgen download {record.id}",
        )
        assert [lost.id for lost in bench.session.expired_jobs(None, sandbox=False)] == [record.id]
        (loss,) = losses([record])
        assert (loss.pictures, loss.amount, loss.unit) == (1, record.cost.amount, record.cost.unit)

        again: list[Report] = []
        while not again or again[-1].exit_code is ExitCode.EXPIRED:
            reopened = bench.session.reopen_deleted(bench.session.ledger.jobs.get_many([record.id]))
            again.append(bench.follow(reopened, Goal.WHAT_IS_READY if len(again) % 2 else Goal.PICTURES))
            asked += 1
            assert len(bench.requests("/status/")) == asked

        assert len(again) >= 3
        assert again[-1].exit_code is ExitCode.DONE
        assert [result.state for result in again[-1].records[0].results] == [ResultState.SAVED] * 2
        assert again[-1].records[0].problem is None
        assert bench.submits() == 1


def test_the_keys_that_an_answer_without_links_had_are_named(tmp_path: Path) -> None:
    def empty(job: Job) -> Job:
        return replace(job, status=Succeeded((), answered_keys=("status", "outcome.note")))

    with Bench(tmp_path) as bench:
        records = bench.order()
        bench.bend("3daistudio", refreshed=empty)

        problem = bench.follow(records).problems[records[0].id]

        assert "status, outcome.note" in problem.message


def test_a_job_that_shows_no_links_is_not_given_up_by_a_command_that_does_not_wait(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="empty-results*9", seconds=1.0) as bench:
        (record,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        for _ in range(9):
            bench.clock.time += 3_600.0
            (record,) = bench.follow([record], Goal.WHAT_IS_READY).records
            assert record.state in (State.QUEUED, State.RUNNING)

        assert bench.follow([record], Goal.WHAT_IS_READY).exit_code is ExitCode.DONE


def test_a_job_that_failed_after_it_showed_links_is_still_saved_from_them(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        bench.clock.time += 5.0
        bench.follow([record], Goal.ANSWER)
        bench.bend("3daistudio", refreshed=lambda job: replace(job, status=Failed("It was cleaned up.")))

        report = bench.follow(bench.session.ledger.jobs.get_many([record.id]))

        assert report.exit_code is ExitCode.DONE


@pytest.mark.parametrize(("adopted", "most"), [(False, 4), (True, 16)], ids=["ordered here", "ordered elsewhere"])
def test_an_answer_with_two_thousand_links_costs_neither_time_nor_disk(
    tmp_path: Path, adopted: bool, most: int
) -> None:
    def many(job: Job) -> Job:
        if isinstance(job.status, Succeeded):
            return replace(job, status=Succeeded(job.status.assets * 2_000))
        return job

    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        if adopted:
            request = request_text(replace(record.request, model=""))
            bench.session.ledger._database.change("UPDATE job SET request = ?", (request,))
        bench.bend("3daistudio", refreshed=many)

        report = bench.follow(bench.session.ledger.jobs.get_many([record.id]))

        assert len(report.records[0].results) == most
        assert len(bench.requests("/sandbox/pictures/")) == most
        assert bench.watcher.said == [f"{record.id}: the service lists 2000 pictures; the first {most} are saved."]
        assert report.records[0].differences == (() if adopted else (f"count: ordered 1, got {most}",))
