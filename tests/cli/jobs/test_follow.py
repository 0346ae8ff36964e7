"""Following: from a recorded order to saved pictures, through whatever a service does meanwhile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.jobs.bench import Bench
from cli.sqlite import connection_of
from imgen.errors import ExitCode
from imgen.jobs.poll import record_status
from imgen.jobs.report import Goal
from imgen.records import State
from imgen_providers.base import Job, Running

if TYPE_CHECKING:
    from pathlib import Path


def test_an_order_becomes_pictures_of_the_exact_size(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        report = bench.generate(count=6)

        assert report.exit_code is ExitCode.DONE
        assert [record.state for record in report.records] == [State.SAVED, State.SAVED]
        paths = [result.path for record in report.records for result in record.results]
        assert len({path for path in paths if path}) == 6
        for path in paths:
            assert path is not None
            with Image.open(path) as picture:
                assert picture.size == (512, 512)
        assert not list((tmp_path / "out").glob(".*"))


def test_a_job_is_in_the_ledger_before_it_is_submitted_and_named_once_accepted(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        records = bench.order()
        assert not bench.log
        assert bench.session.ledger.jobs.get(records[0].id).state is State.PLANNED

        report = bench.follow(records, Goal.ACCEPTANCE)

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].remote_id
        assert report.records[0].state in (State.QUEUED, State.RUNNING)
        assert len(bench.requests("POST")) == 1
        assert not bench.requests("GET")


def test_a_display_that_shows_nothing_meanwhile_is_given_the_end_only(tmp_path: Path) -> None:
    """To look at a thousand jobs after every poll would cost more than the polls."""
    with Bench(tmp_path) as bench:
        bench.watcher.interval = math.inf

        bench.generate(count=6)

        assert [{job.state for job in jobs} for jobs in bench.watcher.shown] == [{State.SAVED}]


@pytest.mark.file  # a database on a server is read once a second: another machine may have written
def test_a_poll_that_reports_what_is_known_reads_and_writes_nothing_in_the_ledger(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        (record,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        ledger = bench.session.ledger
        ledger.jobs.running(record.id)
        record = ledger.jobs.get(record.id)
        running = Job(record.provider, str(record.remote_id), Running())
        asked: list[str] = []
        connection_of(ledger).set_trace_callback(asked.append)

        record_status(ledger, record, running, took_seconds=None)

        assert asked == []


def test_another_process_finishes_what_was_only_submitted(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.follow(bench.order(), Goal.ACCEPTANCE)

        report = bench.follow(bench.session.open_jobs(sandbox=False))

        assert report.exit_code is ExitCode.DONE
        assert len(bench.requests("POST")) == 1


def test_what_is_ready_is_saved_and_what_is_not_is_not_waited_for(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.follow(bench.order("early"), Goal.ACCEPTANCE)
        bench.clock.time += 60
        bench.follow(bench.order("late"), Goal.ACCEPTANCE)
        began = bench.clock.time

        report = bench.follow(bench.session.open_jobs(sandbox=False), Goal.WHAT_IS_READY)

        assert [record.state for record in report.records] == [State.SAVED, State.QUEUED]
        assert report.exit_code is ExitCode.PARTIAL
        assert bench.clock.time - began < 2


def test_the_waiting_ends_with_the_timeout_and_the_job_goes_on(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="stuck") as bench:
        report = bench.generate(timeout=45.0)

        assert report.exit_code is ExitCode.UNFINISHED
        assert report.records[0].state is State.QUEUED
        problem = report.problems[report.records[0].id]
        assert problem.hint == f"imgen wait {report.records[0].id}"
        assert bench.clock.time == pytest.approx(45.0, abs=1.0)


def test_without_a_timeout_the_waiting_ends_after_ten_minutes(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="stuck") as bench:
        report = bench.generate()

        assert report.exit_code is ExitCode.UNFINISHED
        assert bench.clock.time == pytest.approx(600.0, abs=1.0)


@pytest.mark.parametrize(
    ("fault", "state", "code", "problem"),
    [
        pytest.param("job-failed", State.FAILED, ExitCode.FAILED, "job_failed", id="failed"),
        pytest.param("no-credit", State.FAILED, ExitCode.NO_CREDIT, "no_credit", id="no credit"),
        pytest.param("bad-key", State.FAILED, ExitCode.KEY, "key_refused", id="bad key"),
        pytest.param("lost-reply", State.UNCERTAIN, ExitCode.UNCERTAIN, "uncertain", id="reply lost"),
        pytest.param("reset-after-read", State.UNCERTAIN, ExitCode.UNCERTAIN, "uncertain", id="reset after read"),
        pytest.param("garbage", State.UNCERTAIN, ExitCode.UNCERTAIN, "uncertain", id="garbage"),
        pytest.param("submit-5xx=502", State.UNCERTAIN, ExitCode.UNCERTAIN, "uncertain", id="bad gateway"),
        pytest.param("empty-results*always", State.EXPIRED, ExitCode.EXPIRED, "no_pictures", id="finished, no links"),
        pytest.param("dead-link*always", State.EXPIRED, ExitCode.EXPIRED, "expired", id="link dead for good"),
        pytest.param("short-picture*always", State.READY, ExitCode.NOT_SAVED, "not_saved", id="picture damaged"),
        pytest.param("truncated-picture*always", State.READY, ExitCode.NOT_SAVED, "not_saved", id="picture cut off"),
    ],
)
def test_each_bad_end_has_its_own_state_and_exit_code(
    tmp_path: Path, fault: str, state: State, code: ExitCode, problem: str
) -> None:
    with Bench(tmp_path, faults=fault) as bench:
        report = bench.generate()

        record = report.records[0]
        assert (record.state, report.exit_code, report.problems[record.id].code) == (state, code, problem)
        assert len(bench.requests("POST")) == 1
        kept = "*.unverified.png" if fault.startswith("short-picture") else ""
        assert all(kept and path.match(kept) for path in (tmp_path / "out").glob("*"))
        assert record.problem is None or "not-a-real-key" not in record.problem.message


@pytest.mark.parametrize(
    ("fault", "activity"),
    [
        pytest.param("poll-5xx*3", "no answer, polling again", id="5xx while asking"),
        pytest.param("rate-limit-poll=30*2", "rate limited, polling more slowly", id="429 while asking"),
        pytest.param("garbage-poll", "no answer, polling again", id="garbage while asking"),
        pytest.param("odd-state*2", None, id="a state in no document"),
        pytest.param("empty-results*3", "finished there, links not shown yet", id="links come late"),
        pytest.param("429=20*2", "rate limited, again in 20 s", id="429 on the submit"),
        pytest.param("dead-link", "link expired, polling for a fresh one", id="one dead link"),
        pytest.param("short-picture*2", "download broken, trying again", id="damaged twice"),
        pytest.param("truncated-picture*2", "download broken, trying again", id="cut off twice"),
    ],
)
def test_trouble_on_the_way_is_survived_and_shown(tmp_path: Path, fault: str, activity: str | None) -> None:
    with Bench(tmp_path, faults=fault) as bench:
        report = bench.generate()

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].state is State.SAVED
        assert report.records[0].problem is None
        assert activity is None or activity in bench.watcher.activities()
        assert len([line for line in bench.requests("POST") if " 200" in line or " 201" in line]) == 1


def test_a_job_of_a_service_that_only_another_imgen_knows_is_left_alone(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        theirs, ours = bench.follow(bench.order(count=6), Goal.ACCEPTANCE).records
        bench.session.ledger._database.change("UPDATE job SET provider = 'newone' WHERE id = ?", (theirs.id,))

        report = bench.follow(bench.session.open_jobs(sandbox=False))

        assert {record.id: record.state for record in report.records} == {theirs.id: State.QUEUED, ours.id: State.SAVED}
        assert "newone, a service that this imgen does not know" in report.problems[theirs.id].message
        assert report.exit_code is ExitCode.PARTIAL


def test_a_job_without_its_key_is_left_alone_and_said(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.follow(bench.order(), Goal.ACCEPTANCE)
        record = bench.session.open_jobs(sandbox=False)[0]
        environ = {k: v for k, v in bench.config.environ.items() if k != "THREEDAISTUDIO_API_KEY"}
        bench.config = type(bench.config)(environ, tmp_path)

        report = bench.follow([record])

        assert report.exit_code is ExitCode.KEY
        assert report.problems[record.id].code == "key_missing"
        assert report.records[0].state is State.QUEUED


def test_a_key_goes_only_to_the_origin_the_job_was_made_at(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.follow(bench.order(), Goal.ACCEPTANCE)
        record = bench.session.open_jobs(sandbox=False)[0]
        asked_before = len(bench.log)
        elsewhere = {**bench.config.environ, "THREEDAISTUDIO_BASE_URL": "http://127.0.0.1:9"}
        bench.config = type(bench.config)(elsewhere, tmp_path)

        report = bench.follow([record])

        assert report.exit_code is ExitCode.KEY
        assert report.problems[record.id].code == "configuration"
        assert len(bench.log) == asked_before


def test_own_past_times_are_kept_only_of_jobs_watched_to_their_end(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.generate("watched")
        bench.follow(bench.order("left alone"), Goal.ACCEPTANCE)
        bench.clock.time += 9000
        bench.follow(bench.session.open_jobs(sandbox=False))

        taken = bench.session.ledger.jobs.seconds_taken("3daistudio", "gemini/3.1/flash", "0.5K")

        assert len(taken) == 1
        assert 30 <= taken[0] <= 36
