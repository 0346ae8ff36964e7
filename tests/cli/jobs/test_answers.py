"""Services that answer the submit with the pictures: the answer is on disk before it is read, whenever we end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.clock import FakeClock, Item
from cli.jobs.bench import Bench, Watcher
from cli.program.program import until
from imgen.errors import ExitCode, UsageProblem
from imgen.jobs.report import Goal
from imgen.ledger.answer_file import AnswerFile, places
from imgen.records import Cost, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from queue import SimpleQueue

    from imgen.jobs.progress import JobView
    from imgen.jobs.report import Report
    from imgen.records import JobRecord

TIMEOUT = 1.0  # seconds
SYNCHRONOUS = ("gemini/gemini-nano-banana-2.1", "openai/gpt-image-2", "openrouter/google/gemini-3-pro-image")
GEMINI = SYNCHRONOUS[0]
each_service = pytest.mark.parametrize("model", SYNCHRONOUS)


def order(bench: Bench, model: str, count: int = 1) -> list[JobRecord]:
    return bench.order(provider=model.split("/")[0], model=model, resolution="1K", format=None, count=count)


def left(bench: Bench) -> list[str]:
    """The answers that are still on disk."""
    return sorted(path.name for path in (bench.folder / "home").glob("**/answers/*"))


class Kept(AnswerFile):
    """An answer that came to a process which then ended; `cut` bytes of it are missing."""

    def __init__(self, bench: Bench, record: JobRecord, cut: int = 0, *, synced: bool = True) -> None:
        super().__init__(places(bench.session.ledger, record))
        self._cut = cut
        self._synced = synced

    def write(self, piece: bytes) -> None:
        super().write(piece[: len(piece) - self._cut])

    def end(self) -> None:
        if self._synced:
            super().end()
        elif self._file:
            self._file.close()


def ended_after_its_answer(bench: Bench, model: str, cut: int = 0, *, synced: bool = True) -> JobRecord:
    """A job whose process was killed once this much of its answer was on disk."""
    [record] = order(bench, model)
    ledger = bench.session.ledger
    assert ledger.jobs.submitting(record.id)
    services = bench.work()._services
    connection = services.connection(record.provider, record.origin)
    with connection.network.keeping(Kept(bench, record, cut, synced=synced)):
        connection.service.submit(record.request)
    bench.die()
    return bench.session.ledger.jobs.get(record.id)


@each_service
def test_an_answer_is_accepted_and_finished_at_once(tmp_path: Path, model: str) -> None:
    with Bench(tmp_path, seconds=0.01) as bench:
        report = bench.follow(order(bench, model))

        assert report.exit_code is ExitCode.DONE
        assert not {"queued", "running", "uncertain"} & set(bench.watcher.states())
        assert bench.submits() == 1
        assert left(bench) == []
        assert bench.session.ledger.jobs.get(report.records[0].id).charged != Cost(None, None)


@each_service
@pytest.mark.parametrize("synced", [True, False], ids=["renamed", "not yet renamed"])
def test_a_whole_answer_of_an_ended_process_is_read_from_disk(tmp_path: Path, model: str, synced: bool) -> None:
    with Bench(tmp_path, seconds=0.01) as bench:
        record = ended_after_its_answer(bench, model, synced=synced)

        assert record.state is State.READY
        assert left(bench) == []
        report = bench.follow([record])

        assert report.exit_code is ExitCode.DONE
        assert bench.submits() == 1


@each_service
def test_half_an_answer_leaves_the_job_uncertain_and_says_how_much_came(tmp_path: Path, model: str) -> None:
    with Bench(tmp_path, seconds=0.01) as bench:
        record = ended_after_its_answer(bench, model, cut=10, synced=False)

        assert record.state is State.UNCERTAIN
        assert record.problem
        assert "The answer was cut at " in record.problem.message
        assert " of " in record.problem.message
        assert left(bench) == []


def test_half_an_answer_that_is_still_arriving_is_left_alone(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=0.01) as bench:
        [record] = order(bench, GEMINI)
        ledger = bench.session.ledger
        ledger.jobs.submitting(record.id)
        answer = AnswerFile(places(ledger, record))
        answer.begin({"Content-Length": "10"})
        answer.write(b"{")

        another = bench.session
        bench._open()  # another process, while the owner lives

        assert bench.session.ledger.jobs.get(record.id).state is State.SUBMITTING
        assert left(bench) == [f"{record.id}.part"]
        answer.discard()
        another.close()


@each_service
def test_an_answer_that_breaks_off_is_uncertain_and_counted(tmp_path: Path, model: str) -> None:
    with Bench(tmp_path, seconds=0.01, faults="cut-answer") as bench:
        report = bench.follow(order(bench, model))

        assert report.exit_code is ExitCode.UNCERTAIN
        [problem] = report.problems.values()
        assert "The answer was cut at " in problem.message
        assert left(bench) == []
        assert bench.submits() == 1


def test_a_whole_answer_that_cannot_be_understood_is_kept_and_named(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=0.01, faults="garbage") as bench:
        report = bench.follow(order(bench, GEMINI))

        assert report.exit_code is ExitCode.UNCERTAIN
        [problem] = report.problems.values()
        [name] = left(bench)
        assert name in problem.message
        bench.restart()
        assert left(bench) == [name]


@each_service
def test_an_answer_without_a_picture_has_failed_in_the_words_of_the_service(tmp_path: Path, model: str) -> None:
    with Bench(tmp_path, seconds=0.01, faults="content-policy") as bench:
        report = bench.follow(order(bench, model))

        assert report.exit_code is ExitCode.REFUSED
        assert report.records[0].state is State.FAILED
        assert left(bench) == []


def test_without_a_disk_for_the_answer_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgen.jobs.submit._ROOM", 2**62)  # more than any disk has
    with Bench(tmp_path, seconds=0.01) as bench:
        report = bench.follow(order(bench, GEMINI))

        assert report.exit_code is ExitCode.NOT_SAVED
        assert report.records[0].state is State.CANCELLED
        assert bench.submits() == 0


def test_an_answer_goes_on_in_the_next_place_where_a_disk_fails(tmp_path: Path) -> None:
    (tmp_path / "a file").write_bytes(b"")
    answer = AnswerFile([tmp_path / "a file" / "x", tmp_path / "first" / "x", tmp_path / "second" / "x"])

    answer.begin({"Content-Length": "6"})
    answer.write(b"abc")
    assert answer._file
    answer._file.close()
    answer._file = (tmp_path / "first" / "x.part").open("rb", buffering=0)  # no byte more can be written there
    answer.write(b"def")
    answer.end()

    assert answer.whole == tmp_path / "second" / "x"
    assert answer.whole.read_bytes().endswith(b"\nabcdef")
    assert list((tmp_path / "first").iterdir()) == []


def test_a_job_that_ended_with_its_answer_asks_for_nothing_in_a_later_command(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=0.01) as bench:
        report = bench.follow(order(bench, GEMINI), Goal.ACCEPTANCE)
        before = len(bench.log)
        bench.restart()
        bench.follow(list(report.records))

        assert bench.log[before:] == []


class Interrupting(Watcher):
    """Presses Ctrl-C once the ledger has the request on its way, and where that is answered, `times` times in all."""

    def __init__(self, bench: Bench, times: int) -> None:
        super().__init__()
        self._bench = bench
        self._left = times

    def show(self, jobs: Sequence[JobView]) -> None:
        super().show(jobs)
        if self._left and {view.state for view in jobs} == {State.SUBMITTING}:
            until(lambda: self._bench.session.ledger.jobs.get(jobs[0].id).state is State.SUBMITTING)
            self._left -= 1
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        super().say(text)
        if self._left and "Ctrl-C again" in text:
            self._left -= 1
            raise KeyboardInterrupt


class PassingClock(FakeClock):
    """The time to wait is over as soon as the ledger has a request on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.on_its_way: Callable[[], bool] = lambda: False

    def receive(self, inbox: SimpleQueue[Item], timeout: float, *, busy: bool) -> Item | None:
        if busy and self.time < TIMEOUT:
            until(self.on_its_way)
            self.time = TIMEOUT
            return None
        return super().receive(inbox, timeout, busy=busy)


def follow_too_briefly(bench: Bench, records: list[JobRecord]) -> Report:
    """Follow jobs until the first of them is on its way."""
    assert isinstance(bench.clock, PassingClock)
    bench.clock.on_its_way = lambda: bench.session.ledger.jobs.get(records[0].id).state is State.SUBMITTING
    return bench.follow(records, timeout=TIMEOUT)


class Impatient(Watcher):
    """Presses Ctrl-C when an answer is waited for all the same."""

    def say(self, text: str) -> None:
        super().say(text)
        if "Ctrl-C leaves it" in text:
            raise KeyboardInterrupt


def test_the_first_ctrl_c_waits_for_the_answer_under_way_and_says_so(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=0.3) as bench:
        bench.watcher = Interrupting(bench, 1)
        report = bench.follow(order(bench, GEMINI))

        assert report.exit_code is ExitCode.INTERRUPTED
        assert [record.state for record in report.records] == [State.SAVED]
        assert any("comes once" in text for text in bench.watcher.said)


def test_the_end_of_the_timeout_waits_for_the_answer_under_way_and_saves_it(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=0.3, clock=PassingClock()) as bench:
        report = follow_too_briefly(bench, order(bench, GEMINI))

        assert (report.exit_code, report.in_time) == (ExitCode.DONE, False)
        assert [record.state for record in report.records] == [State.SAVED]
        assert any("comes once" in text and "Ctrl-C leaves it" in text for text in bench.watcher.said)


def test_ctrl_c_in_the_wait_after_the_timeout_leaves_it_uncertain(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=2.0, clock=PassingClock()) as bench:
        bench.watcher = Impatient()
        report = follow_too_briefly(bench, order(bench, GEMINI))

        assert report.exit_code is ExitCode.INTERRUPTED
        assert [record.state for record in report.records] == [State.UNCERTAIN]


def test_nothing_more_is_sent_once_the_waiting_is_over(tmp_path: Path) -> None:
    """Thirty are ordered, and sixteen threads have one each: the others are never sent."""
    with Bench(tmp_path, seconds=0.3, clock=PassingClock()) as bench:
        report = follow_too_briefly(bench, [record for _ in range(30) for record in order(bench, GEMINI)])

        states = [record.state for record in report.records]
        assert set(states) == {State.SAVED, State.CANCELLED}
        assert bench.submits() == states.count(State.SAVED) <= 16


def test_the_second_ctrl_c_leaves_it_uncertain(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=2.0) as bench:
        bench.watcher = Interrupting(bench, 2)
        report = bench.follow(order(bench, GEMINI))

        assert report.exit_code is ExitCode.INTERRUPTED
        assert [record.state for record in report.records] == [State.UNCERTAIN]


@each_service
def test_a_remote_id_is_refused_at_once_where_nothing_can_be_asked(tmp_path: Path, model: str) -> None:
    with Bench(tmp_path, seconds=0.01, faults="lost-reply") as bench:
        report = bench.follow(order(bench, model))
        [problem] = report.problems.values()
        before = len(bench.log)

        assert "--remote" not in (problem.hint or "")
        with pytest.raises(UsageProblem, match="with its answer only"):
            bench.work().attach(report.records[0], "some-id")
        assert bench.log[before:] == []


def test_a_picture_that_was_deleted_is_said_to_be_gone(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=0.01) as bench:
        report = bench.follow(order(bench, GEMINI))
        saved = report.records[0].results[0].path
        assert saved
        saved.unlink()
        before = len(bench.log)
        report = bench.follow(bench.session.reopen_deleted(report.records), Goal.WHAT_IS_READY)

        assert report.exit_code is ExitCode.EXPIRED
        [problem] = report.problems.values()
        assert "cannot be asked for again" in problem.message
        assert bench.log[before:] == []
