"""A finished picture is fetched, verified, put in place and recorded, once, whatever stands or breaks on the way."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cli.jobs.bench import Bench
from cli.pictures.photos import photo
from cli.pictures.signing import signed
from imgen.errors import ExitCode
from imgen.jobs import save as saving
from imgen.jobs.report import Goal
from imgen.jobs.tracked import Tracked
from imgen.ledger.codec import target_text
from imgen.pictures.naming import parse_output
from imgen.records import JobRecord, ResultState, State
from imgen_providers.base import InlineAsset, Job, Succeeded


def test_a_deleted_picture_is_fetched_again(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        saved = bench.generate().records[0].results[0]
        assert saved.path
        saved.path.unlink()

        reopened = bench.session.reopen_deleted(bench.session.ledger.jobs.get_many([saved.job_id]))
        report = bench.follow(reopened, Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE
        again = report.records[0].results[0]
        assert (again.path, again.sha256) == (saved.path, saved.sha256)
        assert again.path
        assert again.path.exists()


def test_fewer_pictures_than_ordered_is_said_and_is_exit_8(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="fewer-pictures") as bench:
        report = bench.generate(count=3)

        record = report.records[0]
        assert report.exit_code is ExitCode.PARTIAL
        assert [result.state for result in record.results] == [ResultState.SAVED] * 2
        assert record.differences == ("count: ordered 3, got 2",)


def test_jpeg_bytes_are_saved_as_they_are_under_the_right_extension(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="jpeg-as-png*always") as bench:
        report = bench.generate()

        result = report.records[0].results[0]
        assert report.exit_code is ExitCode.DONE
        assert result.path
        assert (result.path.suffix, result.format) == (".jpg", "jpeg")
        assert result.differences == ("format: ordered png, got jpeg",)


def test_every_picture_that_an_option_asks_for_is_saved(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        report = bench.follow(bench.order(provider="gptproto", model="gemini-3-pro", resolution="1K", options={"n": 6}))

        (record,) = report.records
        assert report.strict_exit_code is ExitCode.DONE
        assert [result.state for result in record.results] == [ResultState.SAVED] * 6


def test_a_picture_of_the_wrong_size_is_saved_and_said(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="wrong-size*always") as bench:
        records = bench.order()
        # without an aspect the service chooses, so there is no size to compare with
        assert bench.follow(records).records[0].results[0].differences == ()


def test_a_name_that_is_taken_meanwhile_gets_the_next_number_and_is_said(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        records = bench.order(output=str(tmp_path / "fox.png"))
        (tmp_path / "fox.png").write_bytes(b"another's")

        report = bench.follow(records)

        assert report.records[0].results[0].path == tmp_path / "fox-2.png"
        assert (tmp_path / "fox.png").read_bytes() == b"another's"
        assert any("fox-2.png" in text for text in bench.watcher.said)


def test_a_folder_that_turns_unwritable_keeps_the_job_ready_and_a_later_download_saves_it(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        records = bench.order()
        (tmp_path / "out").write_text("a file where the folder should be")

        report = bench.follow(records)

        assert report.exit_code is ExitCode.NOT_SAVED
        assert report.records[0].state is State.READY
        assert report.problems[records[0].id].hint == f"imgen download {records[0].id} -o ELSEWHERE"

        (tmp_path / "out").unlink()
        again = bench.follow(bench.session.ledger.jobs.get_many([records[0].id]), Goal.WHAT_IS_READY)
        assert again.exit_code is ExitCode.DONE
        assert again.records[0].problem is None


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
        with bench.session.ledger._database.write() as write:  # never saved, its link found dead
            write.execute("UPDATE result SET state = 'expired', size = NULL WHERE number = 2")

        (asked,) = bench.session.reopen_expired(bench.session.expired_jobs(None, sandbox=False))
        (named,) = bench.session.reopen_deleted([asked])

        assert [result.state for result in asked.results] == [ResultState.SAVED, ResultState.READY]
        assert [result.state for result in named.results] == [ResultState.READY, ResultState.READY]


def test_a_picture_already_in_place_is_found_there_and_not_fetched_again(tmp_path: Path) -> None:
    """A process that died after the rename and before its commit left a whole picture."""
    with Bench(tmp_path, seconds=1.0) as bench:
        saved = bench.generate("a fox").records[0].results[0]
        assert saved.path
        assert saved.sha256
        ledger = bench.session.ledger
        ledger.results.reopen(saved.job_id, 1)
        ledger.results.placing(saved.job_id, 1, saved.path, saved.sha256)
        fetched = len(bench.requests("/sandbox/pictures/"))

        report = bench.follow(bench.session.ledger.jobs.get_many([saved.job_id]), Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE
        assert report.records[0].results[0].path == saved.path
        assert len(bench.requests("/sandbox/pictures/")) == fetched


def test_another_file_in_that_place_is_left_alone(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        saved = bench.generate("a fox").records[0].results[0]
        assert saved.path
        assert saved.sha256
        ledger = bench.session.ledger
        ledger.results.reopen(saved.job_id, 1)
        ledger.results.placing(saved.job_id, 1, saved.path, saved.sha256)
        saved.path.write_bytes(b"another's")

        report = bench.follow(bench.session.ledger.jobs.get_many([saved.job_id]), Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE
        assert saved.path.read_bytes() == b"another's"
        again = report.records[0].results[0]
        assert again.path != saved.path
        assert again.sha256 == saved.sha256


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


def elsewhere(bench: Bench, job_id: str, output: Path) -> list[JobRecord]:
    """The job as after `imgen download JOB -o OUTPUT`."""
    target = parse_output(str(output), cwd=bench.folder, pictures=1, overwrite=False, format=None, kept=bench.folder)
    bench.session.ledger.jobs.retarget(job_id, target)
    return bench.session.ledger.jobs.get_many([job_id])


def test_a_paid_picture_has_a_second_place(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order(output=str(tmp_path / "closed" / "fox.png"))
        (tmp_path / "closed").write_text("a file where the folder should be")
        refused = bench.follow(records)
        assert refused.exit_code is ExitCode.NOT_SAVED
        assert refused.problems[records[0].id].hint == f"imgen download {records[0].id} -o ELSEWHERE"

        retargeted = elsewhere(bench, records[0].id, tmp_path / "open" / "owl.png")
        report = bench.follow(retargeted, Goal.WHAT_IS_READY)

        (result,) = report.records[0].results
        assert (report.exit_code, result.path) == (ExitCode.DONE, tmp_path / "open" / "owl.png")
        assert (tmp_path / "closed").is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file names that are not text")
def test_a_folder_whose_path_is_no_text_takes_the_picture(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,), (fine,) = bench.order("a fox"), bench.order("an owl")
        target = replace(record.target, folder=folder)
        with bench.session.ledger._database.write() as write:
            write.execute("UPDATE job SET target = ? WHERE id = ?", (target_text(target), record.id))

        report = bench.follow(bench.session.ledger.jobs.get_many([record.id, fine.id]))

        assert [each.state for each in report.records] == [State.SAVED, State.SAVED]
        (result,) = report.records[0].results
        assert result.path is not None
        assert result.path.parent == folder
        assert result.path.exists()


def test_a_path_longer_than_the_system_takes_keeps_the_picture_for_a_second_place(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.order("a fox")
        deep = tmp_path.joinpath(*["d" * 200] * 22)
        with bench.session.ledger._database.write() as write:
            text = target_text(replace(record.target, folder=deep))
            write.execute("UPDATE job SET target = ? WHERE id = ?", (text, record.id))

        report = bench.follow(bench.session.ledger.jobs.get_many([record.id]))

        assert (report.records[0].state, report.exit_code) == (State.READY, ExitCode.NOT_SAVED)
        assert report.problems[record.id].hint == f"imgen download {record.id} -o ELSEWHERE"


def twice(job: Job) -> Job:
    """As from a service that makes more than was ordered."""
    return replace(job, status=Succeeded(job.status.assets * 2)) if isinstance(job.status, Succeeded) else job


def test_a_second_result_has_a_name_of_its_own_and_is_no_name_taken_meanwhile(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order(output=str(tmp_path / "fox.png"))
        bench.bend("3daistudio", refreshed=twice)

        report = bench.follow(records)

        paths = [result.path for result in report.records[0].results]
        assert paths == [tmp_path / "fox.png", tmp_path / "fox-2.png"]
        assert report.records[0].differences == ("count: ordered 1, got 2",)
        assert bench.watcher.said == []


def test_second_results_of_one_run_take_no_name_of_each_other(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order(
            output=str(tmp_path / "fox.png"), provider="gptproto", resolution="1K", format=None, count=2
        )
        bench.bend("gptproto", refreshed=twice)

        report = bench.follow(records)

        names = [[result.path and result.path.name for result in record.results] for record in report.records]
        assert names == [["fox-1.png", "fox-1-2.png"], ["fox-2.png", "fox-2-2.png"]]
        assert bench.watcher.said == []


def test_a_download_under_way_ends_when_the_waiting_does(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        bench.clock.time += 5.0
        (ready,) = bench.follow([record], Goal.ANSWER).records
        working = bench.work()
        connection = working._services.connection(ready.provider, ready.origin)
        job = Tracked(
            ready, Goal.PICTURES, connection, since=0.0, watched=False, past=[], documented=None, stopped=True
        )

        outcome = saving.save(working._saver, job, 1, 60.0)

        assert isinstance(outcome, saving.NotSaved)
        assert list((tmp_path / "out").iterdir()) == []
        (left,) = bench.session.ledger.jobs.get_many([record.id])[0].results
        assert (left.state, left.fetcher, left.part) == (ResultState.READY, None, None)
        assert bench.follow([ready], Goal.WHAT_IS_READY).exit_code is ExitCode.DONE


def test_bytes_that_were_kept_and_are_gone_are_asked_for_again(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.follow(bench.order(), Goal.ACCEPTANCE).records
        bench.clock.time += 5.0
        kept = bench.session.ledger.results.inline_path(record.id, 1)
        bench.session.ledger.jobs.finished(record.id, [kept], link_seconds=None, took_seconds=None, conversation=None)

        report = bench.follow(bench.session.ledger.jobs.get_many([record.id]), Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.DONE


@pytest.mark.parametrize(("name", "words"), [("avif", "an AVIF picture"), ("gif", "a GIF picture")])
def test_a_picture_of_a_format_that_was_not_ordered_is_kept_beside_and_named(
    tmp_path: Path, name: str, words: str
) -> None:
    data = {"avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(99), "gif": b"GIF89a" + bytes(99)}[name]
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.order(output=str(tmp_path / "fox.png"))
        as_bytes = Succeeded((InlineAsset(data),))
        bench.bend("3daistudio", submitted=lambda _, job: replace(job, status=as_bytes))

        report = bench.follow([record])

        kept = tmp_path / f"fox.unverified.{name}"
        problem = report.problems[record.id]
        assert (report.records[0].state, report.exit_code) == (State.READY, ExitCode.NOT_SAVED)
        assert kept.read_bytes() == data
        assert f"{words}, not PNG, JPEG or WebP" in problem.message
        assert str(kept) in problem.message
        assert not (tmp_path / "fox.png").exists()

        bench.follow(bench.session.ledger.jobs.get_many([record.id]), Goal.WHAT_IS_READY)
        assert sorted(tmp_path.glob("fox*")) == [kept], "the same bytes are kept once"


def test_a_picture_that_comes_damaged_every_time_is_kept_beside_once(tmp_path: Path) -> None:
    with Bench(tmp_path, faults="short-picture*always", seconds=1.0) as bench:
        (record,) = bench.order(output=str(tmp_path / "fox.png"))

        report = bench.follow([record])

        kept = tmp_path / "fox.unverified.png"
        assert (report.records[0].state, report.exit_code) == (State.READY, ExitCode.NOT_SAVED)
        assert sorted(tmp_path.glob("fox*")) == [kept]
        assert str(kept) in report.problems[record.id].message
        assert len(bench.requests("/sandbox/pictures/")) == 5


def test_a_signed_picture_is_never_tagged_and_that_is_said(tmp_path: Path) -> None:
    data = signed(photo("png"), "png")
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.order(output=str(tmp_path / "fox.png"))
        bench.session.ledger.jobs.retarget(record.id, replace(record.target, tag=True))
        (record,) = bench.session.ledger.jobs.get_many([record.id])
        as_bytes = Succeeded((InlineAsset(data),))
        bench.bend("3daistudio", submitted=lambda _, job: replace(job, status=as_bytes))

        report = bench.follow([record])

    result = report.records[0].results[0]
    assert (tmp_path / "fox.png").read_bytes() == data
    assert "tag: it holds a C2PA claim, which a change would break" in result.differences
