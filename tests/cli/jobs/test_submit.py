"""Submitting: paced by all processes together, reconciled where the service lists its jobs, never twice by itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench
from imgen.errors import ExitCode, StillUncertain
from imgen.jobs.report import Goal
from imgen.records import State
from imgen_providers import connect
from imgen_providers.catalog import SERVICES
from imgen_providers.client import Network

if TYPE_CHECKING:
    from pathlib import Path


def submits(bench: Bench) -> int:
    return len([line for line in bench.requests("POST") if "/upload" not in line])


def test_submits_keep_to_what_the_account_allows_a_minute(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        # 3D AI Studio makes four pictures a request and takes three requests a minute: the fourth waits
        report = bench.generate(count=16)

        assert report.exit_code is ExitCode.DONE
        times = sorted(record.submitted_at or 0.0 for record in report.records)
        assert len(times) == 4
        assert times[3] - times[0] >= 60.0
        assert any("takes 3 a minute" in activity for activity in bench.watcher.activities())


def test_another_process_meets_the_same_limit(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        bench.follow(bench.order("first", count=12), Goal.ACCEPTANCE)
        began = bench.clock.time

        bench.follow(bench.order("second"), Goal.ACCEPTANCE)

        assert bench.clock.time - began >= 55.0


@pytest.mark.parametrize(("setting", "least"), [("0", 0.0), ("2", 60.0)])
def test_a_person_may_set_the_limit(tmp_path: Path, setting: str, least: float) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        bench.config = type(bench.config)({**bench.config.environ, "IMGEN_SUBMITS_PER_MINUTE": setting}, tmp_path)

        bench.follow(bench.order(count=12), Goal.ACCEPTANCE)

        assert least <= bench.clock.time < least + 5.0


def test_the_same_request_is_refused_while_it_may_have_been_charged(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="lost-reply") as bench:
        doubtful = bench.generate("a fox").records[0]
        assert doubtful.state is State.UNCERTAIN

        with pytest.raises(StillUncertain) as refusal:
            bench.order("a fox")

        assert doubtful.id in refusal.value.message
        assert "--resubmit" in (refusal.value.hint or "")
        assert submits(bench) == 1
        assert bench.generate("another fox").exit_code is ExitCode.DONE


def test_a_second_charge_that_was_accepted_closes_the_old_row(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="lost-reply") as bench:
        doubtful = bench.generate("a fox").records[0]

        report = bench.follow(bench.order("a fox", resubmit=True))

        assert report.exit_code is ExitCode.DONE
        assert bench.session.ledger.jobs.get(doubtful.id).forgotten_at is not None
        assert bench.session.open_jobs(sandbox=False) == []


@pytest.mark.parametrize("fault", ["lost-reply", "garbage", "gmi-blocking,lost-reply"])
def test_a_lost_reply_is_found_again_where_the_service_lists_its_jobs(tmp_path: Path, fault: str) -> None:
    with Bench(tmp_path, faults=fault, seconds=0.3) as bench:
        report = bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K"))

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].state is State.SAVED
        assert submits(bench) == 1
        assert any("the service lists it" in text for text in bench.watcher.said)


def test_lost_replies_to_equal_requests_are_matched_one_to_one(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="lost-reply*4", seconds=1.0) as bench:
        report = bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K", count=4))

        assert report.exit_code is ExitCode.DONE
        assert len({record.remote_id for record in report.records}) == 4
        assert submits(bench) == 4


def test_a_request_the_service_does_not_list_stays_uncertain(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="reset-after-read") as bench:
        report = bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K"))

        assert report.exit_code is ExitCode.UNCERTAIN
        assert report.records[0].remote_id is None


def test_one_of_four_that_never_arrived_takes_no_job_of_the_other_three(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="reset-after-read", seconds=1.0) as bench:
        report = bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K", count=4))

        states = sorted(record.state for record in report.records)
        assert states == [State.SAVED, State.SAVED, State.SAVED, State.UNCERTAIN]
        assert report.exit_code is ExitCode.UNCERTAIN


def test_a_later_command_reconciles_what_a_killed_one_left(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        record = bench.order("a fox", provider="gmicloud", resolution="1K")[0]
        bench.session.ledger.jobs.submitting(record.id)
        network = Network(user_agent="test")
        connect("gmicloud", bench.config.account(SERVICES["gmicloud"]), network).submit(record.request)
        network.close()
        bench.die()
        assert bench.session.ledger.jobs.get(record.id).state is State.UNCERTAIN

        report = bench.follow(bench.session.open_jobs(sandbox=False))

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].id == record.id
        assert submits(bench) == 1


def test_a_job_that_a_living_process_is_submitting_is_left_to_it(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        planned = bench.order("a fox")
        owner = bench._working
        assert owner
        bench._working = None  # another process follows, while the owner still lives

        report = bench.follow(planned, timeout=20.0)

        assert report.exit_code is ExitCode.UNFINISHED
        assert submits(bench) == 0
        assert bench.session.ledger.jobs.get(planned[0].id).state is State.PLANNED
        bench._working = owner
        assert bench.follow(planned).exit_code is ExitCode.DONE


def test_two_followers_of_one_job_save_each_picture_once(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        bench.follow(bench.order("a fox", count=4), Goal.ACCEPTANCE)
        bench.clock.time += 10
        jobs = bench.session.open_jobs(sandbox=False)
        reports = []

        def follow() -> None:
            from imgen.jobs.clock import SystemClock
            from imgen.jobs.session import Session
            from imgen.jobs.worker import Worker

            mine = Session(bench.config, SystemClock(), bench.said.append)
            working = Worker(mine, bench.config, SystemClock())
            reports.append(working.follow(jobs, Goal.PICTURES, bench.watcher, timeout=20.0))
            working.close()
            mine.close()

        threads = [threading.Thread(target=follow) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30.0)

        assert [report.exit_code for report in reports] == [ExitCode.DONE] * 3
        assert len(bench.requests("/sandbox/pictures/")) == 4
        assert len(list((tmp_path / "out").iterdir())) == 4
