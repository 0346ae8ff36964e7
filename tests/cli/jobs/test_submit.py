"""A job is submitted once, paced by all processes together; only what cost nothing goes again, after a growing wait."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.drafts import draft, taken
from cli.jobs.bench import Bench, Watcher
from imgen.errors import ExitCode, LedgerUnusable, Problem, StillUncertain
from imgen.jobs.report import Goal
from imgen.orders.drafts import split
from imgen.orders.matching import possible
from imgen.orders.order import Order
from imgen.pictures.naming import DEFAULT_TEMPLATE
from imgen.pictures.target import Target
from imgen.records import State
from imgen_providers.base import PictureFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.jobs.progress import JobView
    from imgen.ledger.ledger import Ledger


def test_submits_keep_to_what_the_account_allows_a_minute(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        # 3D AI Studio makes four pictures a request and takes three requests a minute: the fourth waits
        report = bench.generate(count=16)

        assert report.exit_code is ExitCode.DONE
        times = sorted(record.submitted_at or 0.0 for record in report.records)
        assert len(times) == 4
        assert times[3] - times[0] >= 60.0
        assert any("(3 a minute)" in activity for activity in bench.watcher.activities())


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
        assert bench.submits() == 1
        assert bench.generate("another fox").exit_code is ExitCode.DONE


def test_a_second_charge_that_was_accepted_closes_the_old_row(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="lost-reply") as bench:
        doubtful = bench.generate("a fox").records[0]

        report = bench.follow(bench.order("a fox", resubmit=True))

        assert report.exit_code is ExitCode.DONE
        assert bench.session.ledger.jobs.get(doubtful.id).forgotten_at is not None
        assert bench.session.open_jobs(sandbox=False) == []


def test_a_job_that_a_living_process_is_submitting_is_left_to_it(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        planned = bench.order("a fox")
        owner = bench._working
        assert owner
        bench._working = None  # another process follows, while the owner still lives

        report = bench.follow(planned, timeout=20.0)

        assert report.exit_code is ExitCode.UNFINISHED
        assert bench.submits() == 0
        assert bench.session.ledger.jobs.get(planned[0].id).state is State.PLANNED
        bench._working = owner
        assert bench.follow(planned).exit_code is ExitCode.DONE


def test_an_answer_that_comes_late_is_never_lost(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("a")], "me", resubmit=True)
    ledger.jobs.submitting("a")
    ledger.jobs.mark_uncertain("a", Problem("uncertain", "The reply was lost."))
    ledger.jobs.forget(["a"])

    ledger.jobs.accepted("a", taken("late"))

    assert (ledger.jobs.get("a").state, ledger.jobs.get("a").remote_id) == (State.QUEUED, "late")
    assert ledger.jobs.get("a").forgotten_at is None


@pytest.mark.file  # on a server the change is tried until it is recorded
def test_a_ledger_that_fails_after_the_submit_names_every_remote_id(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order("a fox", provider="gmicloud", resolution="1K", count=3)
        with bench.session.ledger._database.write() as write:
            write.execute(
                "CREATE TRIGGER full BEFORE UPDATE OF stage ON job WHEN NEW.stage = 'queued'"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )

        report = bench.follow(records)

        assert report.exit_code is ExitCode.NOT_SAVED
        polled = [problem for problem in report.problems.values() if "accepted the job as" in problem.message]
        assert len(polled) == len(bench.requests("POST"))
        kept = [record for record in records if f"imgen wait {record.id}" in str([p.hint for p in polled])]
        assert len(kept) == len(polled)
        with bench.session.ledger._database.write() as write:
            write.execute("DROP TRIGGER full")
        bench.restart()
        assert [bench.session.ledger.jobs.get(record.id).state for record in kept] == [State.QUEUED] * len(kept)


@pytest.mark.file  # on a server the change is tried until it is recorded
def test_what_a_failing_ledger_holds_back_is_closed_as_never_sent(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order("a fox", count=16)  # four requests, of which three go in the first minute
        with bench.session.ledger._database.write() as write:
            write.execute(
                "CREATE TRIGGER full BEFORE UPDATE OF stage ON job WHEN NEW.stage = 'queued'"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )

        report = bench.follow(records)

        assert len(bench.requests("POST")) == 3
        (held_back,) = (record for record in report.records if record.state is State.CANCELLED)
        assert "nothing more was sent" in report.problems[held_back.id].message


class Impatient(Watcher):
    """Ends the waiting once, at the first problem."""

    def show(self, jobs: Sequence[JobView]) -> None:
        """Look, and press Ctrl-C."""
        first = not any(view.problem for views in self.shown for view in views)
        super().show(jobs)
        if first and any(view.problem for view in jobs):
            raise KeyboardInterrupt


@pytest.mark.file  # on a server the change is tried until it is recorded
def test_ctrl_c_does_not_hide_a_remote_id_that_stands_nowhere_else(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        bench.watcher = Impatient()
        records = [*bench.order("a fox"), *bench.order("an owl")]
        with bench.session.ledger._database.write() as write:
            write.execute(
                "CREATE TRIGGER full BEFORE UPDATE OF stage ON job"
                f" WHEN NEW.stage = 'queued' AND OLD.id = '{records[0].id}'"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )

        with pytest.raises(LedgerUnusable) as polled:
            bench.follow(records)

        assert "3D AI Studio accepted the job as" in polled.value.message
        assert f"imgen wait {records[0].id} --remote" in str(polled.value.hint)


def test_an_id_that_another_job_has_leaves_the_job_in_doubt(tmp_path: Path) -> None:
    from imgen.jobs.submit import Ended, _accepted
    from imgen.ledger.answer_file import AnswerFile

    with Bench(tmp_path, seconds=1.0) as bench:
        first = bench.follow(bench.order("a fox"), Goal.ACCEPTANCE).records[0]
        second = bench.order("an owl")[0]
        bench.session.ledger.jobs.submitting(second.id)

        outcome = _accepted(bench.work()._saver, second, taken(first.remote_id or ""), AnswerFile([]))

        assert isinstance(outcome, Ended)
        doubt = bench.session.ledger.jobs.get(second.id)
        assert doubt.state is State.UNCERTAIN
        assert doubt.problem
        assert first.id in doubt.problem.message


def test_a_retry_after_is_honoured(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="429=120") as bench:
        report = bench.generate()

        assert report.exit_code is ExitCode.DONE
        assert bench.clock.time >= 150.0


def test_what_was_never_sent_is_closed_when_the_waiting_ends(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="429=300*always") as bench:
        report = bench.generate(timeout=60.0)

        assert report.exit_code is ExitCode.UNREACHABLE
        assert report.records[0].state is State.CANCELLED
        assert report.problems[report.records[0].id].code == "rate_limited"


def test_a_job_that_no_time_was_left_to_send_says_what_to_do(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        report = bench.generate(timeout=0.0)

        problem = report.problems[report.records[0].id]
        assert (report.exit_code, report.records[0].state) == (ExitCode.UNREACHABLE, State.CANCELLED)
        assert bench.requests("POST") == []
        assert problem.message == "The waiting ended before anything was sent, so nothing was charged."
        assert problem.hint
        assert "--timeout" in problem.hint


def test_a_service_that_cannot_be_reached_costs_nothing_and_is_said_soon(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        records = bench.order()
        bench.server.close()

        report = bench.follow(records)

        assert report.exit_code is ExitCode.UNREACHABLE
        assert report.records[0].state is State.CANCELLED
        assert bench.clock.time < 30


def moments(bench: Bench) -> list[float]:
    """From now on, the seconds at which a paid request reached the service."""
    times: list[float] = []
    note = bench.log.append

    class Log(list[str]):
        def append(self, line: str) -> None:
            if "POST" in line:
                times.append(bench.clock.time)
            note(line)

    bench.log = Log()
    return times


@pytest.mark.parametrize("provider", ["reapi", "gmicloud", "gptproto"])
def test_a_retry_after_of_0_makes_no_busy_loop(tmp_path: Path, provider: str) -> None:
    with Bench(tmp_path, faults="429=0*always") as bench:
        times = moments(bench)

        report = bench.follow(bench.order(provider=provider, resolution="1K", format=None), timeout=300.0)

        assert report.exit_code is ExitCode.UNREACHABLE
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert len([time for time in times if time <= 7.0]) <= 4
        assert gaps[0] >= 0.9
        assert gaps[4] > 3 * gaps[0]
        assert max(gaps) <= 75.1


@pytest.mark.parametrize("count", [1, 12])
def test_what_is_turned_away_counts_for_our_own_rate_limit(tmp_path: Path, count: int) -> None:
    with Bench(tmp_path, faults="429=0*always") as bench:
        times = moments(bench)

        bench.follow(bench.order(count=count), timeout=400.0)

        assert len(times) >= 6
        for begin in times:
            assert len([time for time in times if begin <= time < begin + 59.9]) <= 3


def test_what_another_process_had_turned_away_counts_too(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="429=0*3", seconds=1.0) as bench:
        bench.follow(bench.order("first", count=12), timeout=2.0)
        assert bench.submits() == 3

        bench.follow(bench.order("second"), Goal.ACCEPTANCE)

        assert bench.submits() == 4
        assert bench.clock.time >= 60.0


def test_an_order_whose_settings_cannot_be_used_is_closed_with_the_reason(tmp_path: Path) -> None:
    picture = tmp_path / "teal.png"
    Image.new("RGB", (64, 48), "teal").save(picture)
    data = picture.read_bytes()
    reference = PictureFile(picture, "image/png", len(data), hashlib.sha256(data).hexdigest())
    with Bench(tmp_path) as bench:
        choice = possible(Order("bluer", "reapi", None, None, "1K", None, 1, sandbox=False), bench.config.accounts)[0]
        choice = choice._replace(request=replace(choice.request, references=(reference,)))
        records = [*bench.record(split(choice, Target(tmp_path / "out", DEFAULT_TEMPLATE))), *bench.order("a fox")]

        report = bench.follow(records)

        assert [record.state for record in report.records] == [State.CANCELLED, State.SAVED]
        assert report.problems[records[0].id].code == "configuration"
        assert bench.submits() == 1
