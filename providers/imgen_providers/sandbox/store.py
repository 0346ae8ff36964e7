"""The sandbox's jobs on disk: one JSON file each, so that they outlive the process that took the order.

Several servers may share one folder; a file is replaced whole or not at all.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from imgen_providers.sandbox.tables import Size

QUEUED_SHARE = 0.25  # of a job's whole time

Fate = Literal["succeeds", "fails", "refused", "rate-limited", "error", "expired", "stuck"]
State = Literal[
    "queued", "running", "done", "failed", "refused", "rate-limited", "error", "expired", "cancelled", "unheard-of"
]


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference picture as the drawing needs it: a small copy kept in the folder, or only a label.

    `size` is that of the picture as it was sent, None where the sandbox never saw it.
    """

    label: str
    thumbnail: str | None = None
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One accepted request; `format` is Pillow's name for it.

    `blocks` keeps the submit waiting for the result; `refused_at_once` makes a breach of the content policy
    an answer to the submit. `body` is what the service echoes of the request, if anything.
    `base64` puts the picture itself into the answer. `never_runs` leaves the job in its queue.
    """

    service: str
    model: str
    prompt: str
    size: Size
    format: str
    extension: str
    count: int = 1
    references: tuple[Reference, ...] = ()
    blocks: bool = False
    refused_at_once: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)
    base64: bool = False
    never_runs: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands at one moment (`at`, seconds since 1970): progress in per cent, links to show."""

    state: State
    progress: int
    pictures: int
    at: float


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One job; its states follow from the clock alone. Times are in seconds."""

    id: str
    order: Order
    created_at: float
    seconds: float
    fate: Fate = "succeeds"
    cancelled_at: float | None = None

    @property
    def ends_at(self) -> float:
        """When the job is over, whatever its fate."""
        return self.created_at + self.seconds

    def standing(self, now: float) -> Standing:
        """How the job stands at `now`."""
        if self.cancelled_at is not None:
            return Standing("cancelled", 0, 0, self.cancelled_at)
        running_at = self.created_at + QUEUED_SHARE * self.seconds
        if self.fate == "stuck" or now < running_at:
            return Standing("queued", 0, 0, self.created_at)
        if now < self.ends_at:
            return Standing("running", int(100 * (now - self.created_at) / self.seconds), 0, running_at)
        match self.fate:
            case "succeeds":
                return Standing("done", 100, self.order.count, self.ends_at)
            case "fails":
                return Standing("failed", 0, 0, self.ends_at)
            case "refused" | "rate-limited" | "error" | "expired":
                return Standing(self.fate, 0, 0, self.ends_at)


class JobStore:
    """A folder with jobs, small copies of reference pictures, and uploads."""

    def __init__(self, folder: Path) -> None:
        self._jobs = folder / "jobs"
        self._thumbnails = folder / "references"
        self._uploads = folder / "uploads"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in (self._jobs, self._thumbnails, self._uploads):
            each.mkdir(mode=0o700, exist_ok=True)

    def save(self, job: StoredJob) -> None:
        """Write the job, or write it anew."""
        _write(self._jobs / f"{job.id}.json", json.dumps(asdict(job)).encode())

    def job(self, service: str, job_id: str) -> StoredJob | None:
        """The job of that service, or None. `job_id` has passed a route's pattern: no dot, no slash."""
        try:
            job = _job((self._jobs / f"{job_id}.json").read_bytes())
        except FileNotFoundError:
            return None
        return job if job.order.service == service else None

    def jobs(self, service: str) -> list[StoredJob]:
        """Every job of that service, newest first."""
        every = [_job(file.read_bytes()) for file in self._jobs.glob("*.json")]
        mine = (job for job in every if job.order.service == service)
        return sorted(mine, key=lambda job: (job.created_at, job.id), reverse=True)

    def keep_thumbnail(self, png: bytes) -> str:
        """Keep a small copy of a reference picture; returns its name."""
        name = f"{secrets.token_hex(8)}.png"
        _write(self._thumbnails / name, png)
        return name

    def thumbnail(self, name: str) -> Path:
        """Where the small copy of that name is."""
        return self._thumbnails / name

    def keep_upload(self, name: str, data: bytes) -> None:
        """Keep an uploaded file as it came."""
        _write(self._uploads / name, data)

    def upload(self, name: str) -> bytes | None:
        """An uploaded file, or None. `name` has passed a route's pattern."""
        try:
            return (self._uploads / name).read_bytes()
        except FileNotFoundError:
            return None


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    part.write_bytes(data)
    part.replace(path)


def _job(data: bytes) -> StoredJob:
    raw = json.loads(data)
    order = raw.pop("order")
    references = tuple(_reference(each) for each in order.pop("references"))
    width, height = order.pop("size")
    return StoredJob(order=Order(size=(width, height), references=references, **order), **raw)


def _reference(raw: dict[str, Any]) -> Reference:
    size = raw["size"]
    return Reference(raw["label"], raw["thumbnail"], (size[0], size[1]) if size else None)
