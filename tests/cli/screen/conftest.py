"""A ledger row to start from, for everything that prints jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgen.pictures.target import Target
from imgen.records import Cost, JobRecord, State
from imgen_providers.base import Request

MakeRecord = Callable[..., JobRecord]


@pytest.fixture
def record() -> MakeRecord:
    """Makes a `JobRecord`; `prompt` and `model` go into its request, everything else replaces a field."""

    def make(*, prompt: str = "a red fox in the snow", model: str = "gemini/3.1/flash", **fields: Any) -> JobRecord:
        job = JobRecord(
            id="k3f9",
            run_id="r1",
            request_key="0" * 64,
            provider="3daistudio",
            origin="https://api.3daistudio.com",
            family="gemini-3.1-flash",
            request=Request(model=model, prompt=prompt),
            target=Target(folder=Path("/pictures"), template="{prompt}"),
            state=State.RUNNING,
            owner=None,
            created_at=1_795_174_438.7,
            submitted_at=None,
            accepted_at=None,
            finished_at=None,
            remote_id="a1b2c3d4-0000-4000-8000-000000000000",
            handle={},
            conversation=None,
            cost=Cost("15", "credits"),
            problem=None,
            forgotten_at=None,
            results=(),
        )
        return job._replace(**fields)

    return make
