"""Google's Gemini API: a picture in the answer itself, or at half the price by a batch of one request.

Facts are those of the reference of the direct services, section 1 (2026-11-25). No key was at hand: how much of a
refusal, of a 503 and of a cancelled batch is charged, and whether a batch keeps to imageSize, is not known.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from imgen_providers.base import (
    Cancelled,
    Failed,
    Job,
    PictureLink,
    Queued,
    RecentJob,
    Request,
    Running,
    Succeeded,
    Unrecognised,
)
from imgen_providers.client import Answer, Api, Explanation, explain, shown, words
from imgen_providers.errors import Busy, InvalidRequest, JobNotFound, KeyRefused, NoCredit
from imgen_providers.gemini_batches import failed, lines_of, listed_job, model_of, results, state_of
from imgen_providers.gemini_wire import BATCH, Reading, read, request_body, too_large
from imgen_providers.identifiers import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen_providers.base import Account, Json, PictureFile, Status
    from imgen_providers.client import Network
    from imgen_providers.errors import ServiceError

_MODELS = "/v1beta/models"  # /v1 was seen to take the same (1.2)
_PAGES = 20  # at most, of any list
_CLOCKS_DIFFER = 60.0  # seconds
_BILLING = re.compile(r"billing|prepay|credit", re.IGNORECASE)
_NO_FREE_PICTURES = re.compile(r"limit: 0(?![\d.]*\d)")
# A request that fails with 400 or 500 is not charged, says Google's billing page; 503 is read with it (1.6).
_FREE = {500: "INTERNAL", 503: "UNAVAILABLE"}


class Gemini:
    """Submits one request for one picture. Only a batch can be polled: any other answer comes once."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        headers = {"x-goog-api-key": account.key}
        self._api = Api("gemini", account, network, headers=headers, id_names=("name",), explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; an answer may take minutes, and holds the picture."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        return self.read_answer(request, answer.body, answer.headers)

    def read_answer(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Job:
        """The job in a 2xx answer, also one that was kept: nothing is sent. Raises `Uncertain`.

        It is finished, unless it is a batch.
        """
        answer = self._api.kept(headers, body)
        if request.model.startswith(BATCH):
            return self._accepted_batch(answer)
        reading = read(request, _json(answer), base=self._origin)
        if reading is None and (stray := self._api.pictures_of(answer)):
            reading = Reading(Succeeded(stray), None, None)
        if reading is None:
            raise self._api.unexpected(answer, paid=True)
        remote_id = reading.response_id or request.idempotency_key or secrets.token_hex(12)
        return Job("gemini", remote_id, reading.status, charged=reading.charged)

    def refresh(self, job: Job) -> Job:
        """Poll the batch once. Raises `JobNotFound` for what came with its answer only."""
        answer = self._api.get(_place(job))
        operation = _object(answer)
        if not state_of(operation):
            raise self._api.unexpected(answer, paid=False)
        return self._polled(job, operation)

    def stop(self, job: Job) -> None:
        """Ask for the batch to be stopped (1.14). Raises `JobNotFound` for what came with its answer only."""
        self._api.post_free(f"{_place(job)}:cancel", {})

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def recent(self, request: Request, since: float) -> Sequence[RecentJob]:
        """The batch under the request's own key, which is its display name; no other is like it."""
        if not request.model.startswith(BATCH) or not request.idempotency_key:
            return []
        found = self.latest(request.model, since - _CLOCKS_DIFFER)
        return [one for one in found if one.payload == {"displayName": request.idempotency_key}]

    def latest(self, model: str, since: float) -> Sequence[RecentJob]:
        """Every batch of one request of that model that was made since then, oldest first."""
        if not model.startswith(BATCH):
            return []
        found = [one for operation in self._listed("/v1beta/batches", "operations") if (one := listed_job(operation))]
        ours = [one for one in found if one.model == model and one.created_at >= since]
        return sorted(ours, key=lambda one: one.created_at)

    def upload(self, picture: PictureFile) -> PictureLink:
        """Put a picture into Google's file store for 48 hours: for references that a request cannot hold (1.9)."""
        name = f"imgen-{secrets.token_hex(12)}"
        size = str(picture.size)
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": size,
            "X-Goog-Upload-Header-Content-Type": picture.media_type,
        }
        # The name is ours, so that nothing but the status of the second answer is needed.
        file: dict[str, Json] = {"name": f"files/{name}", "mime_type": picture.media_type, "size_bytes": size}
        answer = self._api.post_free("/upload/v1beta/files", {"file": file}, start)
        place = answer.headers.get("x-goog-upload-url")
        if not place:
            raise self._api.unexpected(answer, paid=False)
        finish = {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}
        self._api.put_file(place, picture, method="POST", headers=finish)
        return PictureLink(f"{self._origin}/v1beta/files/{name}")

    def models(self) -> Sequence[str]:
        """The ids of models that make pictures. One that is listed may still not answer (1.10)."""
        found = []
        for entry in self._listed(_MODELS, "models"):
            name, methods = entry.get("name"), entry.get("supportedGenerationMethods")
            if isinstance(name, str) and isinstance(methods, list) and "generateContent" in methods:
                found.append(name.removeprefix("models/"))
        return [name for name in found if "image" in name or "banana" in name]

    def _accepted_batch(self, answer: Answer) -> Job:
        operation = _object(answer)
        metadata = operation.get("metadata")
        name = identifier(operation.get("name")) or (
            identifier(metadata.get("name")) if isinstance(metadata, dict) else None
        )
        return self._api.accepted(answer, Queued(), remote_id=name)

    def _listed(self, path: str, key: str) -> list[dict[str, Json]]:
        found: list[dict[str, Json]] = []
        token = ""
        for _ in range(_PAGES):
            answer = self._api.get(path, {"pageSize": "100", **({"pageToken": token} if token else {})})
            page = _object(answer)
            entries = page.get(key)
            if not isinstance(entries, list) and page:
                raise self._api.unexpected(answer, paid=False)
            found += [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
            token = words(page.get("nextPageToken"))
            if not token:
                break
        return found

    def _polled(self, job: Job, operation: dict[str, Json]) -> Job:
        status: Status
        match state := state_of(operation):
            case "PENDING" | "QUEUED" | "PAUSED" | "UNSPECIFIED":
                status = Queued()
            case "RUNNING" | "UPDATING" | "CANCELLING":
                status = Running()
            case "SUCCEEDED" | "PARTIALLY_SUCCEEDED":
                return self._collected(job, operation)
            case "FAILED":
                status = failed(operation.get("error"))
            case "EXPIRED":
                status = Failed("The batch expired after 48 hours at Google, without a result", "EXPIRED")
            case "CANCELLED":
                status = Cancelled()
            case _:
                status = Unrecognised(state)
        return replace(job, status=status)

    def _collected(self, job: Job, operation: dict[str, Json]) -> Job:
        entries = self._entries(operation)
        if not entries:
            return replace(job, status=Succeeded(()))  # they are seen to come after the state
        entry = entries[0]
        if "error" in entry:
            return replace(job, status=failed(entry["error"]))
        model = model_of(operation)
        reading = read(Request(model, ""), entry.get("response"), base=self._origin, half_price=True)
        if reading is None:  # it is kept there for six weeks: what cannot be read is no end
            return replace(job, status=self._api.finished((), entry))
        status = reading.status
        if isinstance(status, Succeeded):  # of the turns so far only the model's own would be in it
            status = replace(status, conversation=None)
        return replace(job, status=status, charged=reading.charged)

    def _entries(self, operation: dict[str, Json]) -> list[dict[str, Json]]:
        """The results, which stand in the answer or in a file that it names."""
        found = results(operation)
        if isinstance(found, str):
            answer = self._api.get(f"/download/v1beta/{quote(found)}:download", {"alt": "media"})
            return lines_of(answer.body)
        return found


def _place(job: Job) -> str:
    """Where a batch is. Raises `JobNotFound` for any other job."""
    if not job.remote_id.startswith("batches/"):
        raise JobNotFound("Google sent this picture with its answer only, and cannot be asked for it again.")
    return f"/v1beta/batches/{quote(job.remote_id.removeprefix('batches/'), safe='')}"


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    if too_large(request):
        raise InvalidRequest(
            "The reference pictures are more than Google takes in one request (20 MB): upload them first."
        )
    body = request_body(request)
    model = quote(request.model.removeprefix(BATCH), safe="")
    if not request.model.startswith(BATCH):
        return f"{_MODELS}/{model}:generateContent", body
    name = request.idempotency_key or f"imgen-{secrets.token_hex(8)}"
    batch = {"displayName": name, "inputConfig": {"requests": {"requests": [{"request": body}]}}}
    return f"{_MODELS}/{model}:batchGenerateContent", {"batch": batch}


def _json(answer: Answer) -> Json:
    try:
        return answer.json()
    except ValueError:
        return None


def _object(answer: Answer) -> dict[str, Json]:
    found = _json(answer)
    return found if isinstance(found, dict) else {}


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    error = _object_error(answer)
    status, details = words(error.get("status")), error.get("details")
    entries = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    reasons = {words(each.get("reason")) for each in entries}
    verdict: type[ServiceError] | None = None
    if reasons & {"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED"}:
        verdict = KeyRefused  # a wrong key is a 400
    elif answer.status == 400 and status == "FAILED_PRECONDITION":
        verdict = NoCredit if _BILLING.search(explanation.message) else KeyRefused
    elif answer.status == 429 and _NO_FREE_PICTURES.search(words(error.get("message"))):
        verdict = NoCredit  # the free tier has no pictures at all: to wait would be in vain
    elif _FREE.get(answer.status) == status and status:
        verdict = Busy
    waits = [wait for each in entries if (wait := _wait(each.get("retryDelay"))) is not None]
    code = status or explanation.code
    return replace(explanation, code=code, verdict=verdict, retry_after=max(waits, default=None))


def _object_error(answer: Answer) -> dict[str, Json]:
    found = _json(answer)
    found = found[0] if isinstance(found, list) and len(found) == 1 else found
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _wait(text: Json) -> float | None:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", text) if isinstance(text, str) else None
    return min(float(match[1]), 86_400.0) if match else None
