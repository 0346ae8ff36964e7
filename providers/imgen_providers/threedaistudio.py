"""3D AI Studio: Gemini images behind a task id (seeds 000 and 002, reference section 2, 2026-11-20)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal  # noqa: TC003  (pydantic reads it)
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import AliasChoices, BaseModel, Field

from imgen_providers.base import (
    Asset,
    Balance,
    Failed,
    Job,
    Json,
    LinkedAsset,
    PictureFile,
    Queued,
    Request,
    Running,
    Status,
    Succeeded,
    Unrecognised,
)
from imgen_providers.client import Api, names_content_policy, shown
from imgen_providers.errors import InvalidRequest, JobNotFound

if TYPE_CHECKING:
    from imgen_providers.base import Account
    from imgen_providers.client import Network

# The seeds spell 0.5K "512px" (seed 002).
_RESOLUTIONS = {"0.5K": "512px"}
# Two public clients send this model no resolution at all (reference 2.1, 2026-11-20).
_WITHOUT_RESOLUTION = ("gemini/2.5/flash",)
# Results that are no pictures (asset types of a public skill's reference, reference 2.3, 2026-11-20).
_NO_PICTURES = ("3D_MODEL", "SCALED_3D_MODEL", "ARCHIVE")


class _Accepted(BaseModel):
    # "task_id" in the seeds; public clients also take "id" and "request_id" (reference 2.2, 2026-11-20).
    task_id: str = Field(min_length=1, validation_alias=AliasChoices("task_id", "id", "request_id"))


class _Result(BaseModel):
    # The seeds show both; older pages only the first, newer ones only the second (reference 2.3, 2026-11-20).
    asset_url: str | None = None
    asset: str | None = None
    asset_type: str | None = None


class _Task(BaseModel):
    status: str
    progress: float | str | None = None
    failure_reason: object = None
    results: list[_Result] | None = None


class _Wallet(BaseModel):
    # A text in the answers seen live, such as "20.00" (reference 2.1, 2026-11-20); a number would do as well.
    balance: Decimal
    rate_limit: int | None = None


class ThreeDAIStudio:
    """Submits one task for one to four pictures; references travel inside the request as data URIs."""

    def __init__(self, account: Account, network: Network) -> None:
        self._api = Api("3daistudio", account, network, headers={"Authorization": f"Bearer {account.key}"})

    def submit(self, request: Request) -> Job:
        """Send the request exactly once."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        accepted = self._api.read(answer, _Accepted, paid=True)
        return Job("3daistudio", accepted.task_id, Queued())

    def refresh(self, job: Job) -> Job:
        """Ask once how the task stands."""
        answer = self._api.get(f"/v1/generation-request/{quote(job.remote_id, safe='')}/status/")
        return replace(job, status=_status(self._api.read(answer, _Task, paid=False)))

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def balance(self) -> Balance:
        """The wallet, in credits, and the account's own limit on submits."""
        try:
            answer = self._api.get("/account/user/wallet/")
        except JobNotFound:
            # The Getting Started page shows this path, live answers the other (reference 2.1, 2026-11-20).
            answer = self._api.get("/user/wallet/")
        wallet = self._api.read(answer, _Wallet, paid=False)
        return Balance(str(wallet.balance), "credits", wallet.rate_limit)


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    verb = "edit" if request.references else "generate"
    resolution = None if request.model in _WITHOUT_RESOLUTION else request.resolution
    optional = {
        "images": _pictures(request),
        "output_format": request.format,
        "aspect_ratio": request.aspect,
        "resolution": _RESOLUTIONS.get(resolution, resolution) if resolution else None,
    }
    body: dict[str, object] = {"prompt": request.prompt, "num_images": request.count}
    body |= {name: value for name, value in optional.items() if value is not None}
    return f"/v1/images/{quote(request.model)}/{verb}/", body | dict(request.extras)


def _pictures(request: Request) -> list[PictureFile] | None:
    files = [reference for reference in request.references if isinstance(reference, PictureFile)]
    if len(files) < len(request.references):
        # One public client sends links, unverified; the seeds say base64 (reference 2.2, 2026-11-20).
        raise InvalidRequest("3D AI Studio takes reference pictures as files, not as links: download them first.")
    return files or None


def _status(task: _Task) -> Status:
    # The four states of the service's 3D page (reference 2.3, 2026-11-20); the seeds name only FINISHED.
    match task.status.upper():
        case "PENDING":
            return Queued()
        case "IN_PROGRESS":
            percent = task.progress
            return Running(min(percent / 100, 1.0) if isinstance(percent, float) and percent >= 0 else None)
        case "FINISHED":
            return Succeeded(tuple(_assets(task.results or [])))
        case "FAILED":
            reason = _reason(task.failure_reason)
            return Failed(reason, kind="refused" if names_content_policy(reason) else "failed")
        case _:
            return Unrecognised(task.status)


def _assets(results: list[_Result]) -> list[Asset]:
    # Never the thumbnail, which stands beside them.
    links = (result.asset_url or result.asset for result in results if result.asset_type not in _NO_PICTURES)
    return [LinkedAsset(link) for link in links if link]


def _reason(reason: object) -> str:
    # Null while all is well; what it is otherwise is not documented (reference 2.3, 2026-11-20).
    match reason:
        case str() if reason:
            return reason
        case {"message": str(message)}:
            return message
        case None | "":
            return "3D AI Studio gave no reason"
        case _:
            return str(reason)
