"""A lost reply is looked up where the service lists its jobs, one to one, and given away only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.jobs.bench import Bench
from imgen.errors import ExitCode, Problem
from imgen.records import State
from imgen_providers import connect
from imgen_providers.base import Request
from imgen_providers.catalog import SERVICES
from imgen_providers.client import Network

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.ledger.ledger import Ledger
    from imgen.records import JobRecord


FOX = Request("m", "a fox")
TROUBLE = Problem("uncertain", "The reply was lost.")


def uncertain(ledger: Ledger, name: str, request: Request) -> None:
    """A job whose reply was lost."""
    ledger.jobs.plan([draft(name, request=request)], "me", resubmit=True)
    ledger.jobs.submitting(name)
    ledger.jobs.mark_uncertain(name, TROUBLE)


def test_a_second_reconcile_of_one_row_gives_it_no_second_job(ledger: Ledger) -> None:
    uncertain(ledger, "a", FOX)
    candidates = [taken("j1"), taken("j2")]

    assert ledger.jobs.reconcile("a", candidates) == candidates[0]
    assert ledger.jobs.reconcile("a", candidates) == candidates[0]

    assert ledger.jobs.get("a").remote_id == "j1"


def test_equal_requests_of_different_orders_are_in_doubt_together(ledger: Ledger) -> None:
    uncertain(ledger, "a", FOX)
    ledger.jobs.plan([draft("b", request_key="another order", request=FOX)], "me", resubmit=False)
    ledger.jobs.submitting("b")

    assert ledger.jobs.reconcile("a", [taken("of b")]) is None
    assert ledger.jobs.is_ambiguous("a")

    ledger.jobs.accepted("b", taken("of b"))
    assert not ledger.jobs.is_ambiguous("a")
    assert ledger.jobs.reconcile("a", [taken("of b")]) is None


def fal(bench: Bench) -> list[JobRecord]:
    """A job at fal, which lists a request once it has ended."""
    return bench.order(provider="fal", model="nano-banana-2.1", resolution="1K")


def test_a_list_of_what_has_ended_is_looked_at_again_before_a_job_stays_uncertain(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="lost-reply", seconds=30.0) as bench:
        report = bench.follow(fal(bench))

        assert report.exit_code is ExitCode.DONE, report.problems
        assert [record.state for record in report.records] == [State.SAVED]
        assert 2 < len(bench.requests("/by-endpoint")) < 12
        assert "no reply came, looking for it in the service's list" in bench.watcher.activities()


def test_the_looking_ends_and_is_not_repeated_for_what_was_sent_long_ago(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="reset-after-read", seconds=30.0) as bench:
        report = bench.follow(fal(bench))
        assert report.exit_code is ExitCode.UNCERTAIN
        assert len(bench.requests("/by-endpoint")) == 12, "each look is two, see reconcile"
        assert 60 < bench.clock.monotonic() < 70

        bench.clock.time += 3600.0
        bench.restart()
        assert bench.follow(report.records).exit_code is ExitCode.UNCERTAIN
        assert len(bench.requests("/by-endpoint")) == 14


@pytest.mark.parametrize("fault", ["lost-reply", "garbage", "gmi-blocking,lost-reply"])
def test_a_lost_reply_is_found_again_where_the_service_lists_its_jobs(tmp_path: Path, fault: str) -> None:
    with Bench(tmp_path, faults=fault, seconds=0.3) as bench:
        report = bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K"))

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].state is State.SAVED
        assert bench.submits() == 1
        assert any("the service lists it" in text for text in bench.watcher.said)


def test_lost_replies_to_equal_requests_are_matched_one_to_one(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="lost-reply*4", seconds=1.0) as bench:
        report = bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K", count=4))

        assert report.exit_code is ExitCode.DONE
        assert len({record.remote_id for record in report.records}) == 4
        assert bench.submits() == 4


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
        connect("gmicloud", bench.config.accounts.account(SERVICES["gmicloud"]), network).submit(record.request)
        network.close()
        bench.die()
        assert bench.session.ledger.jobs.get(record.id).state is State.UNCERTAIN

        report = bench.follow(bench.session.open_jobs(sandbox=False))

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].id == record.id
        assert bench.submits() == 1
