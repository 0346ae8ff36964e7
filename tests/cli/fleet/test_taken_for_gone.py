"""A worker that others take for gone in the middle of a submit: what it learns of the submit then still counts."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from cli.fleet.test_feed import queued
from cli.jobs.bench import Bench, Watcher
from cli.program.program import until
from imgen.config.config import Config
from imgen.errors import Problem
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.ledger import PostgresLedger
from imgen.records import State
from reliability.fleet.wire import Loss, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import postgres
    from imgen.jobs.progress import JobView

ID = "k3f9xy"


@pytest.fixture
def on_the_fleet(fleet_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench's ledger is that of the fleet."""
    monkeypatch.setattr(Bench, "ledger_url", fleet_url)


@pytest.fixture
def take_for_gone(ledger: PostgresLedger) -> Callable[[], None]:
    """Another machine sees every lease as over, and calls what was being submitted uncertain."""

    def settle() -> None:
        ledger._fleet.change("DELETE FROM owner", ())
        ledger.close_orphans()
        assert ledger.jobs.find("")[0].state is State.UNCERTAIN

    return settle


@pytest.fixture
def unreachable(take_for_gone: Callable[[], None]) -> Iterator[str]:
    """The origin of a service whose first connection comes about so late, and each ends in the middle of its TLS."""

    def refuse() -> None:
        with suppress(OSError):
            for number in range(100):
                connection, _ = listener.accept()
                with connection:
                    if number == 0:
                        take_for_gone()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.usefixtures("on_the_fleet")
@pytest.mark.parametrize("provider", ["3daistudio", "openai"])
def test_what_the_service_turned_away_goes_again(
    tmp_path: Path, take_for_gone: Callable[[], None], provider: str
) -> None:
    with Bench(tmp_path, seconds=0.01, faults="429=2") as bench:
        records = bench.order(provider=provider, resolution="1K", format=None)
        bench.just_before["POST"] = take_for_gone

        report = bench.follow(records)

        assert [job.state for job in report.records] == [State.SAVED]
        assert bench.submits() == 2


@pytest.mark.usefixtures("on_the_fleet")
def test_what_never_left_is_planned_again(tmp_path: Path, unreachable: str) -> None:
    with Bench(tmp_path, seconds=0.01) as bench:
        bench.config = Config({**bench.config.environ, "THREEDAISTUDIO_BASE_URL": unreachable}, tmp_path)

        report = bench.follow(bench.order())

        [job] = report.records
        assert job.state is State.CANCELLED, "four tries, and none reached the service"
        assert [problem.code for problem in report.problems.values()] == ["unreachable"]
        assert bench.submits() == 0


@pytest.mark.usefixtures("on_the_fleet")
def test_a_job_that_another_worker_has_taken_since_is_left_to_it(tmp_path: Path, ledger: PostgresLedger) -> None:
    def take() -> None:
        ledger._fleet.change("UPDATE job SET owner = 'another'", ())
        # Held back by the pace once more, this worker reads the job anew.
        ledger._fleet.change("UPDATE service SET pause_until = pause_until + 50", ())

    with Bench(tmp_path, seconds=0.01, faults="429=2") as bench:
        bench.watcher = WhenRateLimited(take)

        report = bench.follow(bench.order())

        [job] = report.records
        assert (job.state, job.owner) == (State.PLANNED, "another")
        assert bench.submits() == 1


class WhenRateLimited(Watcher):
    """Something happens once, while a job waits after a 429."""

    def __init__(self, event: Callable[[], object]) -> None:
        super().__init__()
        self._events = [event]

    def show(self, jobs: Sequence[JobView]) -> None:
        super().show(jobs)
        if self._events and any("rate limited" in (job.activity or "") for job in jobs):
            self._events.pop()()


REPORTS: list[Callable[[PostgresLedger, str], None]] = [
    lambda ledger, owner: ledger.jobs.not_sent(ID, owner),
    lambda ledger, owner: ledger.jobs.turned_away(ID, None, owner),
]


@pytest.mark.parametrize("report", REPORTS, ids=["not sent", "turned away"])
@pytest.mark.parametrize("again", ["another", "the same"])
def test_a_report_whose_answer_is_lost_changes_nothing_of_a_later_submit(
    ledger: PostgresLedger,
    fleet_url: str,
    postgres_server: postgres.Server,
    tmp_path: Path,
    report: Callable[[PostgresLedger, str], None],
    again: str,
) -> None:
    """The report is committed, the worker does not learn that, and the job is taken and sent again before it does."""
    connections = f"ALTER DATABASE {fleet_url.rpartition('/')[2]} WITH ALLOW_CONNECTIONS"

    def lose(said: str) -> Loss | None:
        if "SET stage = 'planned'" not in said:
            return None
        postgres_server.admin(f"{connections} false")  # what is connected stays so
        return Loss.ANSWER

    queued(ledger, ID)
    with Wire(postgres_server.port, lose) as wire:
        worker = PostgresLedger(parse(wire.through(fleet_url), {}), tmp_path / "worker", patience=0.0)
        first = worker.new_owner().name
        assert worker.queue.take(ID, first)
        assert worker.jobs.submitting(ID, owner=first)
        reporting = threading.Thread(target=lambda: worker.insist(lambda: report(worker, first)))
        reporting.start()
        until(lambda: ledger.jobs.get(ID).state is State.PLANNED)

        later = first if again == "the same" else "another"
        ledger._fleet.change("UPDATE job SET owner = ? WHERE id = ?", (later, ID))
        assert ledger.jobs.submitting(ID)
        ledger.jobs.mark_uncertain(ID, Problem("uncertain", "No answer came."))
        postgres_server.admin(f"{connections} true")
        reporting.join()
        worker.close()

    assert (ledger.jobs.get(ID).state, ledger.jobs.get(ID).owner) == (State.UNCERTAIN, later)
    counted = ledger._fleet.read("SELECT 1 FROM turned_away", ())
    assert len(counted) == (report is REPORTS[1])
