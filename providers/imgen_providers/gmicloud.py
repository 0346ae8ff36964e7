"""GMI Cloud: a queue whose Gemini models answer the submit itself (seed 001, reference 1, 2026-11-20)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from imgen_providers.assets import came_after_all, read_assets, read_elsewhere, read_results
from imgen_providers.base import (
    Asset,
    Cancelled,
    Failed,
    FailureKind,
    Job,
    Json,
    PictureLink,
    Queued,
    RecentJob,
    Request,
    Running,
    Status,
    Unrecognised,
)
from imgen_providers.client import Api, names_content_policy, shown, words
from imgen_providers.conversation import next_turn
from imgen_providers.errors import InvalidRequest, JobNotFound
from imgen_providers.fields import Field, Fields, Record, anything, common_state, entries, number, word
from imgen_providers.identifiers import identifier, listed_ids
from imgen_providers.json_text import loads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen_providers.base import Account, PictureFile
    from imgen_providers.client import Network

# Two of the docs' examples show another path, left over from a template (reference 1.1, 2026-11-20).
_QUEUE = "/api/v1/ie/requestqueue/apikey"
_PAGE = 100
_PAGES = 20  # at most, when looking for a lost request
_CLOCKS_DIFFER = 60.0  # seconds; what a live client allows between its clock and theirs (reference 1.3)
# This model takes a prompt, pictures and an aspect ratio, nothing else (reference 1.2, 2026-11-20).
_PLAIN_MODELS = ("gemini-2.5-flash-image",)
# 3.1 Flash writes 0.5K as the text "512" (its own page; reference GMI 2, 2026-11-25).
_RESOLUTIONS = {"0.5K": "512"}
# For "jpg" the odd image/jpg gets signed; WebP and HEIC cannot be uploaded (reference 1.8, 2026-11-20).
_UPLOADS = {"image/png": "png", "image/jpeg": "jpeg"}
_RATE_LIMIT = re.compile(r"rate.?limit|too many requests", re.IGNORECASE)
_ID_NAMES = ("request_id",)


class _Record(Record):
    results_in = "outcome"
    request_id = Field(anything)
    model = Field(word)
    payload = Field(anything)  # an echo, with pictures that are no results
    outcome = Field(anything)  # null until the end
    error = Field(anything)
    error_message = Field(anything)
    reason = Field(anything)
    next_turn_contents = Field(anything)
    created_at = Field(number)  # seconds since 1970

    def outcome_key(self, key: str) -> Json:
        return self.outcome.get(key) if isinstance(self.outcome, dict) else None


class _List(Fields):
    requests = Field(anything)
    has_more = Field(anything)


class _Models(Fields):
    model_ids = Field(anything)


class _UploadPlace(Fields):
    upload_url = Field(word)
    public_url = Field(word)


class GmiCloud:
    """Submits one request for one picture; the answer may be the picture itself, or a place in the queue."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        headers = {"Authorization": f"Bearer {account.key}"}
        if account.organization:
            headers["X-Organization-ID"] = account.organization
        self._api = Api("gmicloud", account, network, headers=headers, id_names=_ID_NAMES)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; a model that answers the submit itself holds it for minutes."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        return self.read_answer(request, answer.body, answer.headers)

    def read_answer(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Job:
        """The job in a 2xx answer, also one that was kept: nothing is sent. Raises `Uncertain`."""
        answer = self._api.kept(headers, body)
        record = self._api.read(answer, _Record, paid=True)
        return self._api.accepted(
            answer,
            self._status(record) or Queued(),
            remote_id=identifier(record.request_id),
            inline_name=request.idempotency_key,
        )

    def refresh(self, job: Job) -> Job:
        """Poll the request once."""
        if self._api.came_inline(job):
            raise JobNotFound("GMI Cloud sent this picture with its answer only, and cannot be asked for it again.")
        answer = self._api.get(f"{_QUEUE}/requests/{quote(job.remote_id, safe='')}")
        record = self._api.read(answer, _Record, paid=False)
        status = self._status(record)
        if status is None:
            raise self._api.unexpected(answer, paid=False)
        return replace(job, status=status)

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def recent(self, request: Request, since: float) -> Sequence[RecentJob]:
        """Requests of this model with the same payload made by a submit of then, give or take a minute; oldest first.

        None later than a submit lasts: an equal request of another day is of another order.
        """
        payload = _without_nulls(loads(json.dumps(_payload(request)).encode()))  # as it reads when it is back
        listed = self.latest(request.model, since - _CLOCKS_DIFFER)
        last = since + self._api.submit_seconds + _CLOCKS_DIFFER
        return [one for one in listed if _without_nulls(one.payload) == payload and one.created_at <= last]

    def latest(self, model: str, since: float) -> Sequence[RecentJob]:
        """Every request of a model that was made since then, oldest first."""
        found = [
            RecentJob(
                Job("gmicloud", remote_id, self._status(one) or Queued()),
                one.model or "",
                one.payload,
                one.created_at or 0.0,
            )
            for one in self._listed(model)
            if (remote_id := identifier(one.request_id))
        ]
        return sorted((one for one in found if one.created_at >= since), key=lambda one: one.created_at)

    def models(self) -> Sequence[str]:
        """The model ids that the service lists today, of pictures and of everything else."""
        answer = self._api.get(f"{_QUEUE}/models")
        listed = self._api.read(answer, _Models, paid=False).model_ids
        if not isinstance(listed, list):
            raise self._api.unexpected(answer, paid=False)
        return listed_ids(listed)

    def upload(self, picture: PictureFile) -> PictureLink:
        """Put a PNG or JPEG where the service can fetch it; so can everyone who has the link."""
        file_type = _UPLOADS.get(picture.media_type)
        if file_type is None:
            raise InvalidRequest(
                f"GMI Cloud takes uploads of PNG and JPEG, and {picture.path.name} is {picture.media_type}: "
                "convert it first."
            )
        answer = self._api.post_free(f"{_QUEUE}/upload-url", {"file_type": file_type})
        place = self._api.read(answer, _UploadPlace, paid=False)
        if not (place.upload_url and place.public_url):
            raise self._api.unexpected(answer, paid=False)
        self._api.put_file(place.upload_url, picture)
        return PictureLink(place.public_url)

    def _listed(self, model: str) -> list[_Record]:
        found: list[_Record] = []
        for page in range(_PAGES):
            params = {"model_id": model, "limit": str(_PAGE), "offset": str(page * _PAGE)}
            listed = self._api.read(self._api.get(f"{_QUEUE}/requests", params), _List, paid=False)
            found += entries(listed.requests, _Record)
            if listed.has_more is not True:
                break
        return found

    def _status(self, record: _Record) -> Status | None:
        """None where the answer has neither a state nor pictures; those are an end without the word."""
        if record.status is None:
            found = read_results(record.outcome, base=self._origin)
            return self._api.finished(found, record.given()) if found else None
        # Seed 001 lists five states; "dispatched" stands in another page of the docs, "created" and "canceled"
        # were seen in the wild (reference 1.4, 2026-11-20), "error" and "running" in its own apps (GMI 3, 2026-11-25).
        match common_state(record.status):
            case "queued":
                return Queued()
            case "running":
                return Running()
            case "succeeded":
                conversation = record.outcome_key("next_turn_contents") or record.next_turn_contents
                return self._api.finished(self._assets(record), record.given(), conversation)
            case "failed" | "error":
                return came_after_all(_failed(record), read_assets(record.outcome, base=self._origin))
            case "cancelled":
                return Cancelled()
            case _:
                return Unrecognised(record.status)

    def _assets(self, record: _Record) -> tuple[Asset, ...]:
        """The pictures: never the thumbnail beside them, nor one out of the echoed payload.

        "outcome.media_urls" is documented; "outcome.candidates" with the picture inside is read by the service's
        own app; flat keys and "medias" stood in older answers (reference 1.4, 2026-11-20; GMI 1, 2026-11-25).
        """
        found = read_results(record.outcome, base=self._origin)
        return found or read_elsewhere(record.others(), base=self._origin)


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    return f"{_QUEUE}/requests", {"model": request.model, "payload": _payload(request)}


def _without_nulls(payload: Json) -> Json:
    """A payload without the fields that were left to the service, which an echo may name."""
    return {name: value for name, value in payload.items() if value is not None} if isinstance(payload, dict) else None


def _payload(request: Request) -> dict[str, object]:
    plain = request.model in _PLAIN_MODELS
    goes_on = request.conversation is not None
    links = _links(request)
    resolution = None if plain else request.resolution
    optional: dict[str, object] = {
        # Beside "contents", "prompt" and "image" are ignored (seed 001).
        "contents": next_turn(request.conversation, request.prompt, links or ()) if goes_on else None,
        "image": None if goes_on else links,
        "image_size": _RESOLUTIONS.get(resolution, resolution) if resolution else None,
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


def _failed(record: _Record) -> Failed:
    # A text or an object in "outcome.error" was seen live; other clients read the other keys (reference 1.5, GMI 7).
    candidates = (
        record.outcome_key("error"),
        record.error,
        record.error_message,
        record.outcome_key("message"),
        record.outcome_key("fail_reason"),
        record.outcome_key("reason"),
        record.reason,
    )
    error = next((candidate for candidate in candidates if candidate), None)
    code = error.get("code") if isinstance(error, dict) else None
    invalid = isinstance(error, dict) and error.get("status") == "INVALID_INPUT"
    reason = words(error) or "GMI Cloud gave no reason"
    kind: FailureKind = "failed"
    if _RATE_LIMIT.search(reason):
        kind = "rate_limited"
    elif invalid or names_content_policy(reason):
        kind = "refused"
    return Failed(reason, identifier(code), kind)
