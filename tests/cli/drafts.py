"""Jobs to record, from as few words as a test needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgen.pictures.target import Target
from imgen.records import Cost, Draft, JobRecord, Result, ResultState, State
from imgen_providers.base import Job, Queued, Request

ORIGIN = "https://api.3daistudio.com"
MODEL = "gemini/3.1/flash"


def draft(
    job_id: str, *, prompt: str = "a red fox in the snow", request: Request | None = None, **fields: Any
) -> Draft:
    """A job that is about to be recorded; everything beyond its prompt replaces a field."""
    usual: dict[str, Any] = {
        "run_id": "run",
        "request_key": f"key of {prompt}",
        "provider": "3daistudio",
        "origin": ORIGIN,
        "family": "gemini-3.1-flash",
        "target": Target(Path("/pictures"), "{prompt}.{ext}"),
        "cost": Cost("15", "credits"),
    }
    return Draft(id=job_id, request=request or Request(MODEL, prompt, resolution="1K"), **{**usual, **fields})


def taken(remote_id: str, **handle: str) -> Job:
    """A job as its service accepted it."""
    return Job("3daistudio", remote_id, Queued(), handle)


def record(state: State, *, pictures: int = 0, ordered: int = 1, **fields: Any) -> JobRecord:
    """A row of the ledger in some state."""
    usual: dict[str, Any] = {
        "id": "k3f9xy",
        "run_id": "run",
        "request_key": "key",
        "provider": "3daistudio",
        "origin": ORIGIN,
        "family": "gemini-3.1-flash",
        "request": Request(MODEL, "a red fox in the snow", count=ordered),
        "target": Target(Path("/pictures"), "{prompt}.{ext}"),
        "owner": None,
        "created_at": 1_800_000_000.0,
        "submitted_at": None,
        "accepted_at": None,
        "finished_at": None,
        "remote_id": None,
        "handle": {},
        "conversation": None,
        "cost": Cost(None, None),
        "problem": None,
        "forgotten_at": None,
        "results": tuple(Result("k3f9xy", number, ResultState.SAVED) for number in range(1, pictures + 1)),
    }
    return JobRecord(state=state, **{**usual, **fields})
