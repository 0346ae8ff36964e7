"""The clock of this machine is set, by hours or days, forward or back: no job, no link and no submit minds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.clock import FakeClock
from cli.drafts import draft, taken
from cli.jobs.bench import Bench
from imgen.errors import ExitCode
from imgen.jobs.report import Goal
from imgen.ledger.pacing import SubmitLimit, TooSoon
from imgen.records import State
from imgen.screen.envelope import envelope
from imgen.screen.family import family_lines
from imgen.screen.tables import job_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imgen.ledger.ledger import Ledger

HOUR, DAY = 3600.0, 86_400.0
STEPS = [-10 * DAY, -3 * HOUR, 3 * HOUR, 10 * DAY]
FAR_STEPS = [-10 * DAY, 10 * DAY]


class SetClock(FakeClock):
    """A clock that is set; `true` is what the services go by."""

    def __init__(self) -> None:
        super().__init__()
        self.off = 0.0

    def wall(self) -> float:
        return self.true() + self.off

    def true(self) -> float:
        return super().wall()

    def set(self, seconds: float) -> None:
        """Set it forward, or back where that is below 0."""
        self.off += seconds


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A program on such a clock, with services on the true one."""
    clock = SetClock()
    with Bench(tmp_path, seconds=20.0, clock=clock, now=clock.true) as opened:
        yield opened


def set_clock(bench: Bench, seconds: float) -> None:
    assert isinstance(bench.clock, SetClock)
    bench.clock.set(seconds)


@pytest.mark.parametrize("step", [-10 * DAY, 3 * HOUR])
def test_between_two_commands(bench: Bench, step: float) -> None:
    accepted = bench.follow(bench.order("a fox"), Goal.ACCEPTANCE).records[0]
    set_clock(bench, step)
    bench.restart()

    later = bench.follow(bench.order("an owl"), Goal.ACCEPTANCE).records[0]
    jobs = bench.session.open_jobs(sandbox=False)
    lines = job_lines(jobs, bench.clock.wall(), width=None)
    answer = json.loads(envelope("status", exit_code=0, jobs=jobs))
    report = bench.follow(jobs)

    assert [job.id for job in jobs] == [accepted.id, later.id], "the oldest first, whatever the clock said"
    assert not any("-" in line.split("ago")[0].split("flash")[1] for line in lines if "ago" in line)
    assert all(job["created_at"].endswith("Z") for job in answer["jobs"])
    assert report.exit_code is ExitCode.DONE
    assert len(bench.requests("POST")) == 2
    assert all(view.elapsed >= 0 for views in bench.watcher.shown for view in views)


@pytest.mark.parametrize("step", FAR_STEPS)
def test_while_a_job_is_followed(bench: Bench, step: float) -> None:
    records = bench.order("a fox")
    bench.just_before["GET"] = lambda: set_clock(bench, step)

    report = bench.follow(records)

    assert report.exit_code is ExitCode.DONE
    timings = bench.session.ledger.jobs.seconds_taken("3daistudio", records[0].request.model, "0.5K")
    assert timings == [], "it may have slept: no measure for later jobs"
    assert bench.clock.monotonic() < 60.0


@pytest.mark.parametrize("step", STEPS)
def test_a_submit_of_the_future_holds_no_order_back_and_a_wait_is_never_longer_than_the_window(
    ledger: Ledger, clock: FakeClock, step: float
) -> None:
    limit = SubmitLimit(2, 60.0)
    ledger.jobs.plan([draft(f"job{n}", prompt=str(n)) for n in range(8)], "me", resubmit=False)
    for number in range(2):
        assert ledger.jobs.submitting(f"job{number}", limit)
    with pytest.raises(TooSoon):
        ledger.jobs.submitting("job2", limit)

    clock.time += step

    assert ledger.jobs.submitting("job2", limit)
    assert ledger.jobs.submitting("job3", limit)
    with pytest.raises(TooSoon) as early:
        ledger.jobs.submitting("job4", limit)
    assert early.value.seconds <= 60.0


@pytest.mark.parametrize("step", FAR_STEPS)
def test_a_lost_reply_is_never_sent_again_whatever_the_clock_says(tmp_path: Path, step: float) -> None:
    """Where both clocks agree it is found in the list; else it stays in doubt."""
    clock = SetClock()
    with Bench(tmp_path, faults="lost-reply", seconds=1.0, clock=clock, now=clock.true) as bench:
        records = bench.order("a fox", provider="gmicloud", resolution="1K")
        bench.just_before["POST"] = lambda: clock.set(step)

        report = bench.follow(records)

        assert len(bench.requests("POST")) == 1
        assert report.exit_code is ExitCode.DONE
        assert report.records[0].state is State.SAVED


def test_a_job_is_drawn_below_the_one_it_goes_on_from_although_the_clock_went_back(
    ledger: Ledger, clock: FakeClock
) -> None:
    ledger.jobs.plan([draft("first")], "me", resubmit=False)
    clock.time -= 10 * DAY
    ledger.jobs.plan([draft("later", prompt="bluer", parent_id="first")], "me", resubmit=False)
    ledger.jobs.submitting("later")
    ledger.jobs.accepted("later", taken("remote"))

    family = ledger.jobs.family("first")

    assert [job.id for job in family] == ["first", "later"]
    lines = family_lines(family, clock.wall(), width=None)
    assert [line.lstrip("└─ ").split()[0] for line in lines] == ["first", "later"]
