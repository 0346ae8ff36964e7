"""`--channel batch`: half the price, hours later, and a lost reply is found again by the name that is ours."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench
from imgen.errors import ExitCode, UsageProblem
from imgen.jobs.report import Goal
from imgen.orders.drafts import price, split
from imgen.orders.matching import possible
from imgen.orders.order import AUTO, Order
from imgen.pictures.naming import parse_output
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.orders.order import Choice
    from imgen.records import JobRecord

HOUR = 3600.0


def chosen(bench: Bench, channel: str | None, provider: str = "gemini") -> Choice:
    order = Order("a red fox", provider, "nano-banana-2.1", channel=channel)
    return possible(order, bench.config.accounts)[0]


def order(bench: Bench) -> list[JobRecord]:
    target = parse_output(
        None, cwd=bench.folder / "out", pictures=1, overwrite=False, format=None, kept=bench.folder / "kept"
    )
    return bench.record(split(chosen(bench, "batch"), target))


def test_the_price_shown_is_the_half_one(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        now, later = chosen(bench, None), chosen(bench, "batch")

        half, whole = (price(choice.model, choice.request, 1).amount for choice in (later, now))
        assert half
        assert whole
        assert Decimal(half) * 2 == Decimal(whole)
        assert chosen(bench, "batch", AUTO).entry.name == "gemini"
        with pytest.raises(UsageProblem, match="no channel 'batch'"):
            chosen(bench, "batch", "openrouter")


@pytest.mark.parametrize("faults", ["", "lost-reply"], ids=["as usual", "reply lost"])
def test_a_batch_submitted_tonight_is_collected_by_a_later_command(tmp_path: Path, faults: str) -> None:
    with Bench(tmp_path, seconds=2 * HOUR, faults=faults) as bench:
        [tonight] = bench.follow(order(bench), Goal.ACCEPTANCE).records
        assert tonight.remote_id
        assert tonight.remote_id.startswith("batches/")
        assert tonight.state in (State.QUEUED, State.RUNNING)

        bench.restart()
        report = bench.follow(bench.session.open_jobs(sandbox=False))

        assert report.exit_code is ExitCode.DONE
        assert [record.state for record in report.records] == [State.SAVED]
        assert bench.submits() == 1


def test_a_batch_that_was_killed_before_its_reply_is_found_by_the_next_wait(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=2 * HOUR) as bench:
        [record] = order(bench)
        assert bench.session.ledger.jobs.submitting(record.id)
        connection = bench.work()._services.connection(record.provider, record.origin)
        connection.service.submit(record.request)  # the process ends with the answer in its hand
        bench.die()

        report = bench.follow(bench.session.open_jobs(sandbox=False))

        assert [each.state for each in report.records] == [State.SAVED]
        assert bench.submits() == 1
