"""3D AI Studio: Gemini images behind a task id (seeds 000 and 002, reference section 2, 2026-11-20)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from imgen_providers.assets import came_after_all, read_assets, read_elsewhere, read_results
from imgen_providers.base import (
    Asset,
    Balance,
    Cancelled,
    Failed,
    Job,
    Json,
    PictureFile,
    Queued,
    Request,
    Running,
    Status,
    Unrecognised,
)
from imgen_providers.client import Api, names_content_policy, shown, words
from imgen_providers.errors import InvalidRequest, JobNotFound
from imgen_providers.fields import MOST_ENTRIES, Field, Fields, Record, amount, anything, common_state, number

if TYPE_CHECKING:
    from imgen_providers.base import Account
    from imgen_providers.client import Network

# The seeds spell 0.5K "512px" (seed 002).
_RESOLUTIONS = {"0.5K": "512px"}
# Two public clients send this model no resolution at all (reference 2.1, 2026-11-20).
_WITHOUT_RESOLUTION = ("gemini/2.5/flash",)
# Results that are no pictures (asset types of a public skill's reference, reference 2.3, 2026-11-20).
_NO_PICTURES = ("3D_MODEL", "SCALED_3D_MODEL", "ARCHIVE")


# "task_id" in the seeds; public clients also take "id" and "request_id" (reference 2.2, 2026-11-20).
_ID_NAMES = ("task_id", "id", "request_id")
_MOST_SUBMITS = 100_000  # a minute; a larger limit is none


class _Task(Record):
    results_in = "results"
    progress = Field(anything)
    failure_reason = Field(anything)
    results = Field(anything)


class _Wallet(Fields):
    # A text in the answers seen live, such as "20.00" (reference 2.1, 2026-11-20); a number would do as well.
    balance = Field(amount)
    rate_limit = Field(number)
    error = Field(anything)


class ThreeDAIStudio:
    """Submits one task for one to four pictures; references travel inside the request as data URIs."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        headers = {"Authorization": f"Bearer {account.key}"}
        self._api = Api("3daistudio", account, network, headers=headers, id_names=_ID_NAMES)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        task = self._api.read(answer, _Task, paid=True)
        status = self._status(task) or Queued()
        return self._api.accepted(answer, status, inline_name=request.idempotency_key)

    def refresh(self, job: Job) -> Job:
        """Poll the task once."""
        if self._api.came_inline(job):
            raise JobNotFound("3D AI Studio sent these pictures with its answer only, and cannot be asked again.")
        answer = self._api.get(f"/v1/generation-request/{quote(job.remote_id, safe='')}/status/")
        task = self._api.read(answer, _Task, paid=False)
        status = self._status(task)
        if status is None:
            raise self._api.unexpected(answer, paid=False)
        return replace(job, status=status)

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
        if wallet.error:
            raise self._api.unexpected(answer, paid=False)
        limit = wallet.rate_limit
        return Balance(
            None if wallet.balance is None else f"{wallet.balance:f}",
            "credits",
            int(limit) if limit and 1 <= limit <= _MOST_SUBMITS else None,
        )

    def _status(self, task: _Task) -> Status | None:
        """None where the answer has neither a state nor pictures; those are an end without the word."""
        if task.status is None:
            found = self._assets(task) if task.results else ()
            return self._api.finished(found, task.given()) if found else None
        # The four states of the service's 3D page (reference 2.3, 2026-11-20); the seeds name only FINISHED.
        match common_state(task.status):
            case "queued":
                return Queued()
            case "running":
                percent = task.progress
                known = isinstance(percent, int | float) and not isinstance(percent, bool) and percent >= 0
                return Running(min(percent / 100, 1.0) if known and isinstance(percent, int | float) else None)
            case "succeeded":
                return self._api.finished(self._assets(task), task.given())
            case "failed":
                # Null while all is well; what it is otherwise is not documented (reference 2.3, 2026-11-20).
                reason = words(task.failure_reason) or "3D AI Studio gave no reason"
                failure = Failed(reason, kind="refused" if names_content_policy(reason) else "failed")
                return came_after_all(failure, read_assets(_pictures_of(task), base=self._origin))
            case "cancelled":
                return Cancelled()
            case _:
                return Unrecognised(task.status)

    def _assets(self, task: _Task) -> tuple[Asset, ...]:
        """The pictures, never the thumbnail that stands beside each.

        Of "asset_url" and "asset", the seeds show both; older pages only the first, newer ones only the second
        (reference 2.3, 2026-11-20).
        """
        found = read_results(_pictures_of(task), base=self._origin)
        return found or read_elsewhere(task.others(), base=self._origin)


def _pictures_of(task: _Task) -> Json:
    """The results of a task, without those of a kind that is no picture."""
    if not isinstance(task.results, list):
        return task.results
    return [
        each
        for each in task.results[:MOST_ENTRIES]
        if not (isinstance(each, dict) and each.get("asset_type") in _NO_PICTURES)
    ]


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
