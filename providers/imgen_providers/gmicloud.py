"""GMI Cloud: a queue whose Gemini models answer the submit itself (seed 001, reference 1, 2026-11-20)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from pydantic import BaseModel, Field

from imgen_providers.base import (
    Cancelled,
    Failed,
    FailureKind,
    Job,
    Json,
    LinkedAsset,
    PictureLink,
    Queued,
    RecentJob,
    Request,
    Running,
    Status,
    Succeeded,
    Unrecognised,
)
from imgen_providers.client import Api, names_content_policy, shown
from imgen_providers.conversation import next_turn
from imgen_providers.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen_providers.base import Account, PictureFile
    from imgen_providers.client import Network

# Two of the docs' examples show another path, left over from a template (reference 1.1, 2026-11-20).
_QUEUE = "/api/v1/ie/requestqueue/apikey"
_PAGE = 100
_PAGES = 20  # at most, when looking for a lost request
_CLOCKS_DIFFER = 60.0  # seconds; what a live client allows between its clock and theirs (reference 1.3)
# This model takes a prompt, pictures and an aspect ratio, nothing else (reference 1.2, 2026-11-20).
_PLAIN_MODELS = ("gemini-2.5-flash-image",)
# For "jpg" the odd image/jpg gets signed; WebP and HEIC cannot be uploaded (reference 1.8, 2026-11-20).
_UPLOADS = {"image/png": "png", "image/jpeg": "jpeg"}
_RATE_LIMIT = re.compile(r"rate.?limit|too many requests", re.IGNORECASE)


class _Record(BaseModel):
    status: str
    outcome: object = None  # null until the end
    error: object = None
    error_message: object = None
    next_turn_contents: object = None

    def outcome_key(self, key: str) -> object:
        return self.outcome.get(key) if isinstance(self.outcome, dict) else None


class _Accepted(_Record):
    request_id: str = Field(min_length=1)
    status: str = "queued"


class _Listed(_Accepted):
    model: str = ""
    payload: object = None
    created_at: float | None = None  # seconds since 1970


class _List(BaseModel):
    requests: list[_Listed]
    has_more: bool = False


class _Models(BaseModel):
    model_ids: list[str]


class _UploadPlace(BaseModel):
    upload_url: str
    public_url: str


class GmiCloud:
    """Submits one request for one picture; the answer may be the picture itself, or a place in the queue."""

    def __init__(self, account: Account, network: Network) -> None:
        headers = {"Authorization": f"Bearer {account.key}"}
        if account.organization:
            headers["X-Organization-ID"] = account.organization
        self._api = Api("gmicloud", account, network, headers=headers)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; a model that answers the submit itself holds it for minutes."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        return _job(self._api.read(answer, _Accepted, paid=True))

    def refresh(self, job: Job) -> Job:
        """Ask once how the request stands."""
        answer = self._api.get(f"{_QUEUE}/requests/{quote(job.remote_id, safe='')}")
        return replace(job, status=_status(self._api.read(answer, _Record, paid=False)))

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def recent(self, request: Request, since: float) -> Sequence[RecentJob]:
        """Requests of this model with the same payload made by a submit of then, give or take a minute; oldest first.

        None later than a submit lasts: an equal request of another day is somebody else's.
        """
        payload = _payload(request)
        listed = self.latest(request.model, since - _CLOCKS_DIFFER)
        last = since + self._api.submit_seconds + _CLOCKS_DIFFER
        return [one for one in listed if one.payload == payload and one.created_at <= last]

    def latest(self, model: str, since: float) -> Sequence[RecentJob]:
        """Every request of a model that was made since then, oldest first."""
        found = [
            RecentJob(_job(one), one.model, cast("Json", one.payload), one.created_at or 0.0)
            for one in self._listed(model)
        ]
        return sorted((one for one in found if one.created_at >= since), key=lambda one: one.created_at)

    def models(self) -> Sequence[str]:
        """The model ids that the service lists today, of pictures and of everything else."""
        return self._api.read(self._api.get(f"{_QUEUE}/models"), _Models, paid=False).model_ids

    def upload(self, picture: PictureFile) -> PictureLink:
        """Put a PNG or JPEG where the service can fetch it; anybody who has the link can, too."""
        file_type = _UPLOADS.get(picture.media_type)
        if file_type is None:
            raise InvalidRequest(
                f"GMI Cloud takes uploads of PNG and JPEG, and {picture.path.name} is {picture.media_type}: "
                "convert it first."
            )
        answer = self._api.post_free(f"{_QUEUE}/upload-url", {"file_type": file_type})
        place = self._api.read(answer, _UploadPlace, paid=False)
        self._api.put_file(place.upload_url, picture)
        return PictureLink(place.public_url)

    def _listed(self, model: str) -> list[_Listed]:
        found: list[_Listed] = []
        for page in range(_PAGES):
            params = {"model_id": model, "limit": str(_PAGE), "offset": str(page * _PAGE)}
            listed = self._api.read(self._api.get(f"{_QUEUE}/requests", params), _List, paid=False)
            found += listed.requests
            if not listed.has_more:
                break
        return found


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    return f"{_QUEUE}/requests", {"model": request.model, "payload": _payload(request)}


def _payload(request: Request) -> dict[str, object]:
    plain = request.model in _PLAIN_MODELS
    goes_on = request.conversation is not None
    links = _links(request)
    optional: dict[str, object] = {
        # Beside "contents", "prompt" and "image" are ignored (seed 001).
        "contents": next_turn(request.conversation, request.prompt, links or ()) if goes_on else None,
        "image": None if goes_on else links,
        "image_size": None if plain else request.resolution,
        "aspect_ratio": request.aspect,
        "image_output_format": None if plain else request.format,
    }
    payload: dict[str, object] = {"prompt": request.prompt}
    payload |= {name: value for name, value in optional.items() if value is not None}
    return payload | dict(request.extras)


def _links(request: Request) -> list[str] | None:
    # Gemini models were seen to refuse base64 (reference 1.2, 2026-11-20): links only.
    links = [reference.url for reference in request.references if isinstance(reference, PictureLink)]
    if len(links) < len(request.references):
        raise InvalidRequest("GMI Cloud fetches reference pictures from links: upload the file first.")
    return links or None


def _job(record: _Accepted) -> Job:
    return Job("gmicloud", record.request_id, _status(record))


def _status(record: _Record) -> Status:
    # Seed 001 lists five states; "dispatched" stands in another page of the docs, "created" and "canceled"
    # were seen in the wild (reference 1.4, 2026-11-20).
    match record.status.lower():
        case "created" | "queued" | "dispatched":
            return Queued()
        case "processing":
            return Running()
        case "success":
            conversation = record.outcome_key("next_turn_contents") or record.next_turn_contents
            return Succeeded(tuple(LinkedAsset(link) for link in _result_links(record)), cast("Json", conversation))
        case "failed":
            return _failed(record)
        case "cancelled" | "canceled":
            return Cancelled()
        case _:
            return Unrecognised(record.status)


def _result_links(record: _Record) -> list[str]:
    """The pictures' links: never the thumbnail beside them, nor a link out of the echoed payload."""
    media = record.outcome_key("media_urls")
    if media is not None:
        return _urls(media)
    # Flat keys of older answers, and a list of another name (reference 1.4, 2026-11-20).
    legacy = (_urls([record.outcome_key("image_url")]), _urls([record.outcome_key("url")]))
    return next((links for links in legacy if links), _urls(record.outcome_key("medias")))


def _urls(entries: object) -> list[str]:
    found = (
        [entry.get("url") if isinstance(entry, dict) else entry for entry in entries]
        if isinstance(entries, list)
        else []
    )
    return [url for url in found if isinstance(url, str) and url]


def _failed(record: _Record) -> Failed:
    # A text or an object in "outcome.error" was seen live; other clients read the other keys (reference 1.5).
    candidates = (
        record.outcome_key("error"),
        record.error,
        record.error_message,
        record.outcome_key("message"),
        record.outcome_key("fail_reason"),
    )
    error = next((candidate for candidate in candidates if candidate), "GMI Cloud gave no reason")
    code = invalid = None
    if isinstance(error, dict):
        code, invalid = error.get("code"), error.get("status") == "INVALID_INPUT"
        error = error.get("message") or error
    reason = str(error)
    kind: FailureKind = "failed"
    if _RATE_LIMIT.search(reason):
        kind = "rate_limited"
    elif invalid or names_content_policy(reason):
        kind = "refused"
    return Failed(reason, str(code) if code is not None else None, kind)
