"""The sandbox behind `--sandbox` serves the process that started it, and no other user of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX, Config
from imgen.jobs.connections import Services
from imgen_providers.base import Request
from providers.sandbox.asking import ask

if TYPE_CHECKING:
    from pathlib import Path


def test_another_user_cannot_read_what_was_ordered(tmp_path: Path) -> None:
    services = Services(Config({"IMGEN_HOME": str(tmp_path)}, tmp_path))
    try:
        connection = services.connection("gmicloud", SANDBOX)
        request = Request("gemini-3-pro-image-preview", "a private cat")
        job = connection.service.submit(request)
        for key in (None, "sandbox", "Bearer sandbox", "Bearer any-other-key"):
            answer = ask(f"{connection.origin}/api/v1/ie/requestqueue/apikey/requests", "GET", key=key)
            assert answer.status == 401
            assert b"private" not in answer.body
        assert connection.service.refresh(job).remote_id == job.remote_id
    finally:
        services.close()
