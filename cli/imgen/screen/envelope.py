"""The one JSON answer of a command, for success and for every failure.

The classes are its schema: a field here is a field there, in this order.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from imgen.money.budget import best_known
from imgen.records import ResultState, State
from imgen.screen.console import Form as Form
from imgen.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.errors import Problem
    from imgen.records import Cost, JobRecord, Result


PROGRAM = "imgen"
"""The command of an answer to a line that names none."""


@dataclass(frozen=True, slots=True)
class CostEntry:
    """An amount of money as a decimal text in its unit; null is unknown, never 0."""

    amount: str | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class JobCostEntry:
    """What a job costs: what the service says where it says it, 0 where nothing was charged, else as `estimated`.

    `estimated` is the price it was ordered at. `computed` is true where the service says only what was used, and
    `amount` is that times its published rates.
    """

    amount: str | None
    unit: str | None
    computed: bool
    estimated: CostEntry


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """What went wrong: a stable code, a sentence, and what to do next where that is known."""

    code: str
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One picture of a job; `path` and what is known of the bytes are null until it is saved.

    `object` is its URL in the storage of a fleet, where it was saved there; `path` is then null until it is fetched.
    """

    index: int
    path: str | None
    state: ResultState
    width: int | None
    height: int | None
    format: str | None
    bytes: int | None
    sha256: str | None
    expires_at: str | None
    object: str | None


@dataclass(frozen=True, slots=True)
class JobEntry:
    """One job. `model` is the service's own id; `expires_at` is when the first link not yet saved dies.

    `parent` is the job whose picture it goes on from.
    """

    id: str
    provider: str
    remote_id: str | None
    model: str
    operation: Literal["generate", "edit"]
    prompt: str
    state: State
    sandbox: bool
    created_at: str
    expires_at: str | None
    cost: JobCostEntry
    differences: tuple[str, ...]
    files: tuple[FileEntry, ...]
    error: ErrorEntry | None
    parent: str | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What `--json` prints; `command` is its words, such as "keys list". Times are UTC, ISO 8601."""

    version: Literal[1]
    command: str
    ok: bool
    exit_code: int
    jobs: tuple[JobEntry, ...]
    error: ErrorEntry | None


def envelope(
    command: str,
    *,
    exit_code: int,
    jobs: Sequence[JobRecord] = (),
    data: tuple[str, object] | None = None,
    problem: Problem | None = None,
    form: Form = Form.JSON,
) -> str:
    """The answer as one line of pure ASCII; `data` is a noun and what stands under it, dataclasses too.

    As the last of a command's events it says so, and when.
    """
    answer: dict[str, object] = {"event": "ended", "time": timestamp(time.time())} if form is Form.EVENTS else {}
    answer |= asdict(
        Envelope(
            version=1,
            command=command,
            ok=exit_code == 0,
            exit_code=exit_code,
            jobs=tuple(map(_job, jobs)),
            error=error_entry(problem),
        )
    )
    if data:
        noun, content = data
        answer[noun] = content
    return line(answer)


def job_json(record: JobRecord) -> dict[str, object]:
    """One job as it stands in the envelope."""
    return asdict(_job(record))


def line(value: object) -> str:
    """Any of our data as one line of pure ASCII JSON that no build server takes for a command of its own."""
    # Build servers read "##[" and "##vso[" as commands anywhere in a line. JSON has "#" in strings only.
    return json.dumps(value, default=_plain_data).replace("##", "#\\u0023")


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as "2026-11-20T11:33:58Z", the form that jq's `fromdate` reads too."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain_data(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"an answer cannot hold a {type(value).__name__}")


def _job(record: JobRecord) -> JobEntry:
    cost = best_known(record)
    return JobEntry(
        id=record.id,
        provider=record.provider,
        remote_id=record.remote_id,
        model=record.request.model,
        operation=record.request.operation,
        prompt=record.request.prompt,
        state=record.state,
        sandbox=record.sandbox,
        created_at=timestamp(record.created_at),
        expires_at=_optional_timestamp(record.expires_at),
        cost=JobCostEntry(cost.amount, cost.unit, cost.computed, cost_entry(record.cost)),
        differences=record.differences,
        files=tuple(map(file_entry, record.results)),
        error=error_entry(record.problem),
        parent=record.parent_id,
    )


def cost_entry(cost: Cost) -> CostEntry:
    """An amount of money as the envelope has it."""
    return CostEntry(cost.amount, cost.unit)


def file_entry(result: Result) -> FileEntry:
    """One picture as the envelope has it."""
    saved = result.state is ResultState.SAVED  # before, `path` and `sha256` are what is about to be put there
    return FileEntry(
        index=result.index,
        path=str(result.path) if saved and result.path else None,
        state=result.state,
        width=result.width,
        height=result.height,
        format=result.format,
        bytes=result.size,
        sha256=result.sha256 if saved else None,
        expires_at=_optional_timestamp(result.expires_at),
        object=result.object if saved else None,
    )


def error_entry(problem: Problem | None) -> ErrorEntry | None:
    """A problem as the envelope has it."""
    if problem is None:
        return None
    # These may quote a service, and the program that reads them next may print them.
    return ErrorEntry(problem.code, plain(problem.message), plain(problem.hint) if problem.hint else None)


def _optional_timestamp(seconds: float | None) -> str | None:
    return None if seconds is None else timestamp(seconds)
