"""A worker that others take for gone in the middle of a submit: what it learns of the submit then still counts."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench
from imgen.config.config import Config
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imgen.ledger.postgres.ledger import PostgresLedger


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
