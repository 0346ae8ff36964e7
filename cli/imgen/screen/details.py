"""One job in full: what was ordered, what came, where it lies, and what it goes on from."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from imgen.money.amounts import in_money
from imgen.money.budget import best_known
from imgen.records import ResultState, State
from imgen.screen.columns import BOLD, OFF
from imgen.screen.durations import ago, span
from imgen.screen.family import family_lines
from imgen.screen.states import state_word
from imgen.screen.tables import cost_text
from imgen.screen.text import for_log, wrapped
from imgen_providers.base import PictureFile
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgen.records import JobRecord, Result

_NAMES = 12  # columns for what a fact is called


def detail_lines(
    job: JobRecord, family: Sequence[JobRecord], now: float, *, width: int | None, color: bool = False
) -> list[str]:
    """Every fact on lines of its own, under the job's id and state; `now` is in seconds since 1970.

    Paths and commands are never broken; `width` None keeps every line whole, for a pipe.
    """
    state = "ready to fetch" if job.state is State.READY else state_word(job.state, job.remote_id)
    title = f"{job.id}  {state}, {ago(now - job.created_at)}"
    lines = [f"{BOLD}{title}{OFF}" if color else title]
    for name, text in _facts(job):
        label = f"  {name:<{_NAMES}}"
        room = None if name == "picture" else width  # a path is never broken
        lines += wrapped(label + for_log(text), room, indent=len(label))
    for result in job.results:
        lines.append(f"  {f'file {result.index}':<{_NAMES}}{_file(result)}")
        if result.state is ResultState.SAVED:
            lines += [f"  {for_log(str(place))}" for place in (result.path, result.object) if place]
    if len(family) > 1:
        lines += ["  family", *(f"    {line}" for line in family_lines(family, now, width=width and width - 4))]
    return lines


def _facts(job: JobRecord) -> Iterator[tuple[str, str]]:
    request = job.request
    service = SERVICES.get(job.provider)
    yield "prompt", request.prompt
    yield "service", f"{service.title if service else job.provider}{' (sandbox)' if job.sandbox else ''}"
    yield "model", f"{job.family or request.model}  ({job.provider}/{request.model})"
    yield "aspect", request.aspect or "the service's own"
    yield "resolution", request.resolution or "the service's own"
    if request.format:
        yield "format", request.format
    yield "count", str(request.count)
    for key, value in request.extras.items():
        yield "option", f"{key}={json.dumps(value)}"
    for reference in request.references:
        yield "picture", str(reference.path) if isinstance(reference, PictureFile) else reference.url
    yield "cost", _cost(job)
    yield "ordered", datetime.fromtimestamp(job.created_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if job.accepted_at is not None and job.finished_at is not None:
        yield "took", span(job.finished_at - job.accepted_at)
    if job.remote_id:
        yield "remote id", job.remote_id
    for difference in job.differences:
        yield "differs", difference
    if job.problem:
        yield "problem", job.problem.message


def _cost(job: JobRecord) -> str:
    cost = best_known(job)
    if job.sandbox and job.cost.amount:
        return f"nothing, in the sandbox ({in_money(job.cost.amount, job.cost.unit)} for real)"
    if not job.charged.amount or cost != job.charged:
        return cost_text(job)
    source = "computed from what the service counted" if cost.computed else "charged by the service"
    estimate = f" (estimated {in_money(job.cost.amount, job.cost.unit)})" if job.cost.amount else ""
    return f"{cost_text(job)}, {source}{estimate}"


def _file(result: Result) -> str:
    if result.state is not ResultState.SAVED or (result.path or result.object) is None:
        return f"{result.state}, not on this disk"
    size = f"{result.width}x{result.height} {result.format}" if result.width else str(result.format or "saved")
    if result.path is None:
        return f"{size}, in the storage"
    return size if result.path.is_file() else f"{size}, not there any more"
