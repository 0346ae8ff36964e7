"""How records are written into the ledger's columns and read back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgen.errors import Problem
from imgen.pictures.target import Target
from imgen.records import Cost, JobRecord, Result, ResultState, State
from imgen_providers.base import PictureFile, PictureLink, Reference, Request

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence


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
    """A hash of what one request asks, without what tells it from its equals: those the service cannot tell apart."""
    contents = [r.sha256 if isinstance(r, PictureFile) else r.url for r in request.references]
    plain = request_text(replace(request, references=(), idempotency_key=None))
    return hashlib.sha256(json.dumps([plain, contents]).encode()).hexdigest()


def read_request(text: str) -> Request:
    """The request that `request_text` wrote."""
    found = _fields(Request, text)
    return Request(**{**found, "references": tuple(_reference(item) for item in found["references"])})


def _fields(kind: type[Request | Target | Problem], text: str) -> dict[str, Any]:
    """What a record's JSON says. Raises `ValueError` where a name in it was misspelt, which no other version does."""
    found: Any = json.loads(text)
    names = {field.name for field in fields(kind)}
    if not isinstance(found, dict) or (names - found.keys() and found.keys() - names):
        raise ValueError(f"this is no {kind.__name__}")
    return {str(name): value for name, value in found.items()}


def _reference(found: dict[str, Any]) -> Reference:
    if "url" in found:
        return PictureLink(**found)
    return PictureFile(**{**found, "path": Path(found["path"])})


def target_text(target: Target) -> str:
    """The target as JSON."""
    return json.dumps({**asdict(target), "folder": str(target.folder)})


def problem_text(problem: Problem | None) -> str | None:
    """The problem as JSON, or NULL."""
    return json.dumps(asdict(problem)) if problem else None


def read_job(row: sqlite3.Row | Mapping[str, Any], results: Sequence[sqlite3.Row]) -> JobRecord:
    """A row of `job_with_state` and its rows of `result`, as one record."""
    read = tuple(read_result(result) for result in results)
    target = _fields(Target, row["target"])
    return JobRecord(
        id=row["id"],
        run_id=row["run_id"],
        request_key=row["request_key"],
        provider=row["provider"],
        origin=row["origin"],
        family=row["family"],
        request=read_request(row["request"]),
        target=Target(**{**target, "folder": Path(target["folder"])}),
        state=State(row["state"]),
        owner=row["owner"],
        created_at=row["created_at"],
        submitted_at=row["submitted_at"],
        accepted_at=row["accepted_at"],
        finished_at=row["finished_at"],
        remote_id=row["remote_id"],
        handle=json.loads(row["handle"]),
        conversation=json.loads(row["conversation"]),
        cost=Cost(row["cost_amount"], row["cost_unit"]),
        problem=Problem(**_fields(Problem, row["problem"])) if row["problem"] else None,
        forgotten_at=row["forgotten_at"],
        results=read,
        parent_id=row["parent_id"],
        charged=Cost(row["charged_amount"], row["charged_unit"]),
        project=row["project"],
        resubmitted=bool(row["resubmitted"]),
    )


def read_result(row: sqlite3.Row | Mapping[str, Any]) -> Result:
    """A row of `result` as a record."""
    return Result(
        job_id=row["job_id"],
        index=row["number"],
        state=ResultState(row["state"]),
        url=row["url"],
        expires_at=row["expires_at"],
        fetcher=row["fetcher"],
        part=Path(row["part"]) if row["part"] else None,
        kept=Path(row["kept"]) if row["kept"] else None,
        path=Path(row["path"]) if row["path"] else None,
        format=row["format"],
        width=row["width"],
        height=row["height"],
        size=row["size"],
        sha256=row["sha256"],
        differences=tuple(json.loads(row["differences"])),
    )
