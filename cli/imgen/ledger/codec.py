"""How records are written into the ledger's columns, and checked as they are read back: `ValueError` is damage."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgen.errors import Problem
from imgen.files import is_part
from imgen.money.amounts import is_amount
from imgen.pictures.target import Target
from imgen.records import Cost, JobRecord, Result, ResultState, State
from imgen_providers.base import PictureFile, PictureLink, Reference, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.ledger.backend import Row

INLINE = "inline"
"""The folder beside the ledger for the bytes of pictures that came inside an answer."""

ANSWERS = "answers"
"""The folder beside the ledger for answers to submits, while they arrive."""

_JOB_COLUMNS = ("id", "parent_id", "created_at", "submitted_at", "accepted_at", "finished_at", "forgotten_at")
_SHARED_COLUMNS = ("run_id", "request_key", "provider", "origin", "family", "owner")
_SHARED_WORDS = ("model", "prompt", "aspect", "resolution", "format")
_RESULT_COLUMNS = ("job_id", "expires_at", "fetcher", "format", "width", "height", "size", "sha256")
_NAMES = {kind: frozenset(kind.__match_args__) for kind in (Request, Target, Problem)}


def stored(text: str) -> str:
    """A text as a column can hold it: one with bytes that are no UTF-8 (as in file names) is written as JSON.

    So is one with a NUL, which PostgreSQL does not take.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return json.dumps(text) if text.startswith('"') or "\0" in text else text


def loaded(text: str) -> str:
    """The text that `stored` wrote."""
    return str(json.loads(text)) if text.startswith('"') else text


def plain(text: str) -> str:
    """A text to search in and to search for; what is no character in it is a question mark."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def path_text(path: Path) -> str:
    """A path as a column can hold it, whatever bytes its name is of."""
    return stored(str(path))


def read_cost(amount: str | None, unit: str | None, *, computed: bool = False) -> Cost:
    """An amount of money and its unit. Raises `ValueError` for one that no job can have."""
    if amount is not None and not is_amount(amount):
        raise ValueError("this is no amount of money")
    return Cost(amount, unit, computed)


def request_text(request: Request) -> str:
    """The whole request as JSON; ASCII, so that any character of a prompt survives."""
    references = [
        {**asdict(reference), "path": str(reference.path)} if isinstance(reference, PictureFile) else asdict(reference)
        for reference in request.references
    ]
    return json.dumps(
        {
            "model": request.model,
            "prompt": request.prompt,
            "references": references,
            "aspect": request.aspect,
            "resolution": request.resolution,
            "format": request.format,
            "count": request.count,
            "extras": dict(request.extras),
            "idempotency_key": request.idempotency_key,
            "conversation": request.conversation,
        }
    )


def wire_key(request: Request) -> str:
    """A hash of what one request asks for, without its own name: the service cannot distinguish equal ones."""
    contents = [r.sha256 if isinstance(r, PictureFile) else r.url for r in request.references]
    plain = request_text(replace(request, references=(), idempotency_key=None))
    return hashlib.sha256(json.dumps([plain, contents]).encode()).hexdigest()


def read_request(text: str) -> Request:
    """The request that `request_text` wrote."""
    found = _fields(Request, text)
    words = {name: _once(found[name]) for name in _SHARED_WORDS if name in found}
    return Request(**{**found, **words, "references": tuple(_reference(item) for item in found["references"])})


def _fields(kind: type[Request | Target | Problem], text: str) -> dict[str, Any]:
    """The fields in a record's JSON. Raises `ValueError` for a misspelt name, which no other version writes."""
    found: Any = json.loads(text)
    names = _NAMES[kind]
    if not isinstance(found, dict) or (names - found.keys() and found.keys() - names):
        raise ValueError(f"this is no {kind.__name__}")
    return found


def _reference(found: dict[str, Any]) -> Reference:
    if "url" in found:
        return PictureLink(**found)
    return PictureFile(**{**found, "path": Path(found["path"])})


def target_text(target: Target) -> str:
    """The target as JSON; what an earlier program does not know is there only where it matters."""
    found = {**asdict(target), "folder": str(target.folder)}
    if not target.tag:
        del found["tag"]
    return json.dumps(found)


@lru_cache(maxsize=64)  # the jobs of one folder have the same
def _read_target(text: str) -> Target:
    found = _fields(Target, text)
    return Target(**{**found, "template": _once(found["template"]), "folder": _folder(found["folder"])})


@lru_cache(maxsize=64)
def _folder(text: str) -> Path:
    return Path(text)


def problem_text(problem: Problem | None) -> str | None:
    """The problem as JSON, or NULL."""
    return json.dumps(problem._asdict()) if problem else None


def _once(text: Any) -> Any:  # noqa: ANN401  (a text, or None, as the column or the JSON has it)
    """The same text for equal ones: most texts of a thousand jobs are those of their one order."""
    return sys.intern(text) if isinstance(text, str) else text


def read_job(row: Row, results: Sequence[Row]) -> JobRecord:
    """A row of `job_with_state` and its rows of `result`, as one record.

    Raises `ValueError` for damage, and `TypeError` or `KeyError` for the row of a newer program.
    """
    return JobRecord(
        **{name: row[name] for name in _JOB_COLUMNS},
        **{name: _once(row[name]) for name in _SHARED_COLUMNS},
        request=read_request(row["request"]),
        target=_read_target(row["target"]),
        state=State(row["state"]),
        remote_id=_loaded(row["remote_id"]),
        handle=json.loads(row["handle"]),
        conversation=json.loads(row["conversation"]),
        cost=read_cost(row["cost_amount"], row["cost_unit"]),
        charged=read_cost(row["charged_amount"], row["charged_unit"], computed=bool(row["charge_computed"])),
        problem=Problem(**_fields(Problem, row["problem"])) if row["problem"] else None,
        results=tuple(read_result(result) for result in results),
        project=_once(_loaded(row["project"])),
        resubmitted=bool(row["resubmitted"]),
        engine_id=_where_there(row, "engine_id"),
    )


def read_result(row: Row) -> Result:
    """A row of `result` as a record. Raises `ValueError`."""
    kept, part = _path(row["kept"]), _path(row["part"])
    if kept and (kept.parent.name, kept.name) != (INLINE, inline_name(row["job_id"], row["number"])):
        raise ValueError("this is no file of ours")
    return Result(
        **{name: row[name] for name in _RESULT_COLUMNS},
        index=row["number"],
        state=ResultState(row["state"]),
        url=_loaded(row["url"]),
        part=part if part and is_part(part) else None,  # another file is not ours to remove
        kept=kept,
        path=_path(row["path"]),
        differences=tuple(json.loads(row["differences"])),
        object=_where_there(row, "object"),
    )


def _where_there(row: Row, column: str) -> Any:  # noqa: ANN401  (as the column has it)
    """What a column holds that PostgreSQL's tables alone have."""
    try:
        return row[column]
    except (KeyError, IndexError):
        return None


def inline_name(job_id: str, number: int) -> str:
    """The name of the file with the bytes of a picture that came inside an answer."""
    return f"{job_id}-{number}"


def _loaded(text: str | None) -> str | None:
    return None if text is None else loaded(text)


def _path(text: str | None) -> Path | None:
    return Path(loaded(text)) if text else None
