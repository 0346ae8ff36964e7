"""What the tests of editing share: the services behind a window, and buckets of a real S3 API."""

from __future__ import annotations

import io
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.store import S3Store
from PIL import Image

from cli.program.program import Program, served
from cli.program.recorder import Recorder, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.records import JobRecord

GMI = ("-p", "gmicloud", "-m", "gemini-3-pro")


def png(color: str, size: tuple[int, int] = (48, 32)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, color).save(held, "PNG")
    return held.getvalue()


@contextmanager
def s3_server() -> Iterator[str]:
    """The origin of a real S3 API, by moto."""
    server = Path(__file__).with_name("s3_server.py")
    command = [sys.executable, str(server)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


class Bucket:
    """A bucket of its own for one test; the beginning of its name says what goes wrong in it."""

    def __init__(self, s3: str, kind: str) -> None:
        self.name = f"{kind}-{uuid.uuid4().hex[:12]}"
        self.variables = {
            "IMGEN_UPLOAD": f"s3://{self.name}/references?endpoint={s3}",
            "AWS_ACCESS_KEY_ID": "unknown",
            "AWS_SECRET_ACCESS_KEY": "a-secret-that-opens-nothing",
        }
        self._store = S3Store(
            self.name,
            endpoint=s3,
            region="us-east-1",
            access_key_id="unknown",
            secret_access_key="nothing",
            client_options={"allow_http": True},
        )
        made = subprocess.run(["curl", "-s", "-f", "-X", "PUT", f"{s3}/{self.name}"], capture_output=True, timeout=10)
        assert made.returncode == 0, made.stderr

    def keys(self) -> list[str]:
        return [entry["path"] for entry in obstore.list(self._store).collect()]


@contextmanager
def services(
    imgen: Program, *, bucket: Bucket | None = None, seconds: float = 0.1
) -> Iterator[tuple[Program, Recorder]]:
    """The program with all services at a window that records what comes through."""
    with served(imgen.home.parent / "services", [], seconds=seconds) as behind, recorded(behind) as recorder:
        variables = bucket.variables if bucket else {}
        there = imgen.at(recorder.origin)
        yield replace(there, variables={**there.variables, **variables}), recorder


def last_job(imgen: Program) -> JobRecord:
    return imgen.jobs()[-1]
