"""What a reviewer broke once: recovery that must really recover, and money that must not leave twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.jobs.bench import Bench, Watcher
from cli.states import save
from imgen.errors import ExitCode, LedgerUnusable, Problem, UsageProblem
from imgen.jobs.goals import Goal
from imgen.jobs.report import may_move_on
from imgen.jobs.steps import record_status
from imgen.records import ResultState, State
from imgen_providers.base import InlineAsset, Job, Request, Succeeded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.jobs.progress import JobView
    from imgen.ledger.ledger import Ledger

FOX = Request("m", "a fox")
TROUBLE = Problem("uncertain", "The reply was lost.")


def uncertain(ledger: Ledger, name: str, request: Request) -> None:
    """A job whose reply was lost."""
    ledger.plan([draft(name, request=request)], "me", resubmit=True)
    ledger.submitting(name)
    ledger.mark_uncertain(name, TROUBLE)


def test_a_second_reconcile_of_one_row_gives_it_no_second_job(ledger: Ledger) -> None:
    uncertain(ledger, "a", FOX)
    candidates = [taken("j1"), taken("j2")]

    assert ledger.reconcile("a", candidates) == candidates[0]
    assert ledger.reconcile("a", candidates) == candidates[0]

    assert ledger.job("a").remote_id == "j1"


def test_equal_requests_of_different_orders_are_in_doubt_together(ledger: Ledger) -> None:
    uncertain(ledger, "a", FOX)
    ledger.plan([draft("b", request_key="another order", request=FOX)], "me", resubmit=False)
    ledger.submitting("b")

    assert ledger.reconcile("a", [taken("of b")]) is None
    assert ledger.is_ambiguous("a")

    ledger.accepted("b", taken("of b"))
    assert not ledger.is_ambiguous("a")
    assert ledger.reconcile("a", [taken("of b")]) is None


def test_an_answer_that_comes_late_is_never_lost(ledger: Ledger) -> None:
    uncertain(ledger, "a", FOX)
    ledger.forget(["a"])

    ledger.accepted("a", taken("late"))

    assert (ledger.job("a").state, ledger.job("a").remote_id) == (State.QUEUED, "late")
    assert ledger.job("a").forgotten_at is None


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


def test_a_ledger_that_fails_after_the_submit_names_every_remote_id(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order("a fox", provider="gmicloud", resolution="1K", count=3)
        with bench.session.ledger._write() as write:
            write.execute(
                "CREATE TRIGGER full BEFORE UPDATE OF stage ON job WHEN NEW.stage = 'queued'"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )

        report = bench.follow(records)

        assert report.exit_code is ExitCode.NOT_SAVED
        polled = [problem for problem in report.problems.values() if "accepted the job as" in problem.message]
        assert len(polled) == len(bench.requests("POST"))
        assert all("--remote" in (problem.hint or "") for problem in polled)


class Impatient(Watcher):
    """Ends the waiting once, at the first problem."""

    def show(self, jobs: Sequence[JobView]) -> None:
        """Look, and press Ctrl-C."""
        first = not any(view.problem for views in self.shown for view in views)
        super().show(jobs)
        if first and any(view.problem for view in jobs):
            raise KeyboardInterrupt


def test_ctrl_c_does_not_hide_a_remote_id_that_nobody_else_knows(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        bench.watcher = Impatient()
        records = [*bench.order("a fox"), *bench.order("an owl")]
        with bench.session.ledger._write() as write:
            write.execute(
                "CREATE TRIGGER full BEFORE UPDATE OF stage ON job"
                f" WHEN NEW.stage = 'queued' AND OLD.id = '{records[0].id}'"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )

        with pytest.raises(LedgerUnusable) as polled:
            bench.follow(records)

        assert "3D AI Studio accepted the job as" in polled.value.message
        assert f"imgen wait {records[0].id} --remote" in str(polled.value.hint)


def test_bytes_that_came_with_an_answer_outlive_the_process(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        made = bench.generate("a fox").records[0].results[0]
        assert made.path
        data = made.path.read_bytes()
        record = bench.order("another fox")[0]
        ledger = bench.session.ledger
        ledger.submitting(record.id)
        job = Job("3daistudio", "came-inline", Succeeded((InlineAsset(data),)))
        ledger.accepted(record.id, job)
        record_status(ledger, ledger.job(record.id), job, took_seconds=None)
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
    ledger.plan([draft("one")], "me", resubmit=False)
    ledger.submitting("one")
    given = Job("3daistudio", "came-inline", Succeeded((InlineAsset(b"a picture"),)))
    ledger.accepted("one", given)
    record = ledger.job("one")

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
    record_status(ledger, record, given, took_seconds=None)  # somebody asked meanwhile
    assert list(inline.iterdir()) == []


def test_bytes_that_cannot_be_kept_are_told_and_the_job_stays_open(tmp_path: Path) -> None:
    from imgen.jobs.steps import record_status

    with Bench(tmp_path, seconds=1.0) as bench:
        record = bench.follow(bench.order("a fox"), Goal.ACCEPTANCE).records[0]
        (tmp_path / "home" / "inline").write_text("a file where the folder should be")
        job = Job("3daistudio", record.remote_id or "", Succeeded((InlineAsset(b"a picture"),)))

        with pytest.raises(LedgerUnusable, match=r"The picture came, and .* cannot take it") as polled:
            record_status(bench.session.ledger, record, job, took_seconds=None)

        assert f"imgen wait {record.id}" in str(polled.value.hint)
        assert bench.session.ledger.job(record.id).state is State.QUEUED


def test_links_that_work_only_later_are_waited_for(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="dead-link*3", seconds=1.0) as bench:
        assert bench.generate().exit_code is ExitCode.DONE


def test_an_expired_picture_that_is_named_is_asked_for_again(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="dead-link*6", seconds=1.0) as bench:
        expired = bench.generate()
        assert expired.exit_code is ExitCode.EXPIRED

        again = bench.session.reopen_deleted(list(expired.records))

        assert bench.follow(again, Goal.WHAT_IS_READY).exit_code is ExitCode.DONE


def test_what_was_saved_and_moved_away_is_fetched_again_only_when_its_job_is_named(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        job = bench.generate(count=2).records[0]
        moved = job.results[0].path
        assert moved
        moved.unlink()
        with bench.session.ledger._write() as write:  # never saved, its link found dead
            write.execute("UPDATE result SET state = 'expired', size = NULL WHERE number = 2")

        (asked,) = bench.session.reopen_expired(bench.session.expired_jobs(None, sandbox=False))
        (named,) = bench.session.reopen_deleted([asked])

        assert [result.state for result in asked.results] == [ResultState.SAVED, ResultState.READY]
        assert [result.state for result in named.results] == [ResultState.READY, ResultState.READY]


def test_what_another_process_saw_finished_is_saved_whatever_an_older_answer_says(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="odd-state", seconds=1.0) as bench:
        (job,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        bench.clock.time += 5
        link = f"{bench.server.origin}/sandbox/pictures/3daistudio/{job.remote_id}/0.png"
        bench.session.ledger.finished(job.id, [link], link_seconds=None, took_seconds=None, conversation=None)

        report = bench.follow([bench.session.ledger.job(job.id)], Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE


def test_a_wait_notices_that_the_submitting_process_died(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        record = bench.order("a fox")[0]
        bench.session.ledger.submitting(record.id)
        assert bench._working
        owner, bench._working = bench._working, None
        threading.Timer(0.0, owner.close).start()

        report = bench.follow([record], timeout=30.0)

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


def test_a_ledger_error_in_the_loop_winds_up_first(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order("a fox")
        with bench.session.ledger._write() as write:
            write.execute(
                "CREATE TRIGGER full BEFORE UPDATE OF stage ON job WHEN NEW.stage IN ('running', 'finished')"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )

        with pytest.raises(LedgerUnusable):
            bench.follow(records)

        assert bench.session.ledger.job(records[0].id).remote_id


def test_a_picture_already_in_place_is_found_there_and_not_fetched_again(tmp_path: Path) -> None:
    """A process that died after the rename and before its commit left a whole picture."""
    with Bench(tmp_path, seconds=1.0) as bench:
        saved = bench.generate("a fox").records[0].results[0]
        assert saved.path
        assert saved.sha256
        ledger = bench.session.ledger
        ledger.reopen(saved.job_id, 1)
        ledger.placing(saved.job_id, 1, saved.path, saved.sha256)
        fetched = len(bench.requests("/sandbox/pictures/"))

        report = bench.follow(bench.session.find([saved.job_id]), Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].results[0].path == saved.path
        assert len(bench.requests("/sandbox/pictures/")) == fetched


def test_another_file_in_that_place_is_left_alone(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        saved = bench.generate("a fox").records[0].results[0]
        assert saved.path
        assert saved.sha256
        ledger = bench.session.ledger
        ledger.reopen(saved.job_id, 1)
        ledger.placing(saved.job_id, 1, saved.path, saved.sha256)
        saved.path.write_bytes(b"somebody else's")

        report = bench.follow(bench.session.find([saved.job_id]), Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE
        assert saved.path.read_bytes() == b"somebody else's"
        again = report.records[0].results[0]
        assert again.path != saved.path
        assert again.sha256 == saved.sha256


def test_an_id_that_another_job_has_leaves_the_job_in_doubt(tmp_path: Path) -> None:
    from imgen.jobs.steps import SubmitEnded, _accepted

    with Bench(tmp_path, seconds=1.0) as bench:
        first = bench.follow(bench.order("a fox"), Goal.ACCEPTANCE).records[0]
        second = bench.order("an owl")[0]
        bench.session.ledger.submitting(second.id)

        outcome = _accepted(bench.session.ledger, second, taken(first.remote_id or ""))

        assert isinstance(outcome, SubmitEnded)
        doubt = bench.session.ledger.job(second.id)
        assert doubt.state is State.UNCERTAIN
        assert doubt.problem
        assert first.id in doubt.problem.message
