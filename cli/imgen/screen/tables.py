"""Jobs as lines of columns: those that are open, those of all times, those that were lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from imgen.money.amounts import in_money
from imgen.money.budget import best_known
from imgen.money.losses import expired_cost
from imgen.records import ResultState, State
from imgen.screen.columns import BOLD, CYAN, DIM, GAP, GREEN, OFF, RED, Column, aligned, fitting, total
from imgen.screen.durations import ago, left
from imgen.screen.states import state_word
from imgen.screen.text import for_log, one_line
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.money.losses import Loss
    from imgen.orders.changes import Difference
    from imgen.records import JobRecord, Result

_READABLE_PROMPT = 24  # columns of a terminal; other columns give way to so much of a prompt
_NAMING = 2  # columns that stay whatever the width: id and state
_LEAST_PROMPT = 12  # columns of a terminal; less of a prompt says nothing


def job_lines(jobs: Sequence[JobRecord], now: float, *, width: int | None, color: bool = False) -> list[str]:
    """A heading and one line per job: id, state, model, service, age, what is left of its link, prompt.

    `now` is in seconds since 1970; `width` None keeps every line whole, for a pipe. A narrow terminal keeps the prompt
    longest.
    """
    return _with_prompts(
        [
            Column("JOB", tuple(job.id for job in jobs)),
            _states(jobs, color=color),
            Column("MODEL", tuple(model_name(job) for job in jobs), spare=2),
            Column("SERVICE", tuple(job.provider for job in jobs), spare=3),
            Column("AGE", tuple(ago(now - job.created_at) for job in jobs), spare=1),
            Column("LINK", tuple(_link(job, now) for job in jobs)),
        ],
        jobs,
        width,
        color=color,
    )


def history_lines(
    jobs: Sequence[JobRecord], now: float, *, width: int | None, paths: bool = False, color: bool = False
) -> list[str]:
    """A heading and one line per job of any time: id, state, age, model, service, cost, prompt; else as `job_lines`.

    With `paths`, where its pictures are stands below each.
    """
    costs = tuple(cost_text(job).removeprefix("cost ") for job in jobs)
    lines = _with_prompts(
        [
            Column("JOB", tuple(job.id for job in jobs)),
            _states(jobs, color=color),
            Column("AGE", tuple(ago(now - job.created_at) for job in jobs), spare=1),
            Column("MODEL", tuple(model_name(job) for job in jobs), spare=3),
            Column("SERVICE", tuple(job.provider for job in jobs), spare=4),
            Column("COST", costs, spare=2, colors=tuple(DIM if job.sandbox else "" for job in jobs) if color else ()),
        ],
        jobs,
        width,
        color=color,
    )
    if not paths:
        return lines
    below: list[list[str]] = [[], *([f"  {for_log(str(path))}" for path in _paths(job)] for job in jobs)]
    return [each for line, found in zip(lines, below, strict=False) for each in (line, *found)]


def model_name(job: JobRecord) -> str:
    """A model by the name that people type, or by the service's own id where it has none."""
    return for_log(job.family or job.request.model)


def _paths(job: JobRecord) -> list[Path]:
    return [result.path for result in job.results if result.state is ResultState.SAVED and result.path]


def _states(jobs: Sequence[JobRecord], *, color: bool) -> Column:
    return Column(
        "STATE",
        tuple(state_word(job.state, job.remote_id) for job in jobs),
        colors=tuple(map(_color, jobs)) if color else (),
    )


def _color(job: JobRecord) -> str:
    """How a state stands out; what may need a person is bold, because yellow cannot be read on white."""
    match job.state:
        case State.SAVED:
            return GREEN
        case State.FAILED | State.CANCELLED:
            return RED
        case State.EXPIRED | State.UNCERTAIN:
            return BOLD
        case State.SUBMITTING | State.RUNNING | State.READY:
            return CYAN
        case State.PLANNED | State.QUEUED:
            return DIM


def _with_prompts(columns: list[Column], jobs: Sequence[JobRecord], width: int | None, *, color: bool) -> list[str]:
    """The columns and the prompts behind them: columns that can be spared go first, so that prompts can be read."""
    columns = [column for column in columns if any(column.texts)]
    if not jobs:
        return []
    if width is None:
        return aligned([*columns, Column("PROMPT", tuple(for_log(job.request.prompt) for job in jobs))])
    while total(columns) + len(GAP) + _READABLE_PROMPT > width and any(column.spare for column in columns):
        columns.remove(max(columns, key=lambda column: column.spare))
    while total(columns) + len(GAP) + _LEAST_PROMPT > width and len(columns) > _NAMING:
        columns.pop()
    columns = fitting(columns, width)
    prompts = tuple(_prompt(job, width - total(columns)) for job in jobs)
    heading, *lines = aligned([*columns, *([Column("PROMPT", prompts)] if any(prompts) else [])])
    return [f"{BOLD}{heading}{OFF}" if color else heading, *lines]


def lost_lines(jobs: Sequence[JobRecord], now: float, *, width: int | None) -> list[str]:
    """One line per job with lost pictures: id, how many, model, age, what they cost, prompt."""
    columns = [
        Column("", tuple(job.id for job in jobs)),
        Column("", tuple(f"{job.never_saved} of {len(job.results)} lost" for job in jobs)),
        Column("", tuple(for_log(f"{job.provider}/{job.request.model}") for job in jobs), spare=1),
        Column("", tuple(ago(now - job.created_at) for job in jobs), spare=2),
        Column("", tuple(_lost_cost(job) for job in jobs)),
    ]
    columns = fitting(columns, width)
    prompts = (_prompt(job, None if width is None else width - total(columns)) for job in jobs)
    return aligned([*columns, Column("", tuple(prompts))])


def losses_line(losses: Sequence[Loss]) -> str:
    """All that was lost, in one sentence, such as "Lost: 3 pictures, for 45 credits at 3D AI Studio." """
    pictures = sum(loss.pictures for loss in losses)
    known = [f"{in_money(loss.amount, loss.unit)} at {_title(loss.provider)}" for loss in losses if loss.amount]
    unpriced = sum(loss.pictures for loss in losses if loss.amount is None)
    price = f", for {' and '.join(known)}" if known else ""
    unknown = f", {unpriced if known else 'all'} of them at an unknown price" if unpriced else ""
    return f"Lost: {pictures} {'picture' if pictures == 1 else 'pictures'}{price}{unknown}."


def _title(provider: str) -> str:
    return SERVICES[provider].title if provider in SERVICES else provider  # another imgen may know more services


def difference_lines(job_id: str, differences: Sequence[Difference]) -> list[str]:
    """How an order differs from the job it repeats, a line for each thing."""
    if not differences:
        return [f"The order of job {job_id} once more, unchanged."]
    shown = [
        (each.field, *(one_line(text or "(not set)", 60) for text in (each.before, each.after))) for each in differences
    ]
    return [
        f"The order of job {job_id} once more, with:",
        *aligned(
            [
                Column("", tuple(f"  {field}" for field, _, _ in shown)),
                Column("", tuple(f"{before} -> {after}" for _, before, after in shown)),
            ]
        ),
    ]


def cost_text(job: JobRecord) -> str:
    """What a job cost, as far as that is known."""
    if job.sandbox:
        return "sandbox"
    cost = best_known(job)
    return in_money(cost.amount, cost.unit, "cost unknown")


def _link(job: JobRecord, now: float) -> str:
    """What is left of the links of the pictures that are not here yet: "1 of 4 expired, 2 of 4 23 h left"."""
    if job.state not in (State.READY, State.EXPIRED):
        return ""
    texts = Counter(_life_left(result, now) for result in job.results if result.state is not ResultState.SAVED)
    if len(texts) == 1 and texts.total() == len(job.results):
        return next(iter(texts))
    return ", ".join(f"{number} of {len(job.results)} {text}" for text, number in texts.items())


def _life_left(result: Result, now: float) -> str:
    if result.state is ResultState.EXPIRED:
        return left(0)
    if result.kept:
        return "on this disk"  # it came with the answer
    if result.expires_at is not None and result.expires_at <= now:
        return "may have expired"  # until the service is polled
    return left(None if result.expires_at is None else result.expires_at - now)


def _lost_cost(job: JobRecord) -> str:
    if job.sandbox:
        return "nothing (sandbox)"
    cost = expired_cost(job)
    return in_money(cost.amount, cost.unit, "price unknown")


def _prompt(job: JobRecord, room: int | None) -> str:
    if room is None:
        return for_log(job.request.prompt)
    room -= len(GAP)
    return one_line(job.request.prompt, room) if room >= _LEAST_PROMPT else ""
