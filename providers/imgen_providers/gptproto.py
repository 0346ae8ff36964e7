"""GPTProto: Gemini images as predictions, one picture each (seed 004, reference section 4.A, 2026-11-20)."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from pydantic import BaseModel, ValidationError

from imgen_providers.base import (
    Asset,
    Cancelled,
    Failed,
    InlineAsset,
    Job,
    Json,
    LinkedAsset,
    PictureLink,
    Queued,
    Request,
    Running,
    Status,
    Succeeded,
    Unrecognised,
)
from imgen_providers.client import Api, Explanation, explain, names_content_policy, shown
from imgen_providers.errors import ContentRefused, InvalidRequest, JobNotFound, NoCredit

if TYPE_CHECKING:
    from imgen_providers.base import Account
    from imgen_providers.client import Answer, Network

_MONEY = re.compile(r"balance|credit|quota|insufficient|recharge|top.?up", re.IGNORECASE)
# Its error table: "503 | Content policy violation | Content blocked due to safety concerns" (seed 004). A 503 is else
# a broken gateway, whose words ("upstream blocked") say nothing of the money.
_POLICY_AT_503 = re.compile(r"content policy violation|content blocked due to safety", re.IGNORECASE)
_INLINE = "inline-"  # begins our own name for a job that the service gave none
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")


class _Prediction(BaseModel):
    id: str | None = None
    status: str | None = None
    outputs: list[object] | None = None
    urls: object = None
    error: object = None


class _Envelope(BaseModel):
    data: object = None
    code: int | str | None = None


class GptProto:
    """Submits one prediction for one picture; references are public links, fetched by the service."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        # Seed 004 shows the bare key; the service's own SDK, CLI and plugin, and a live client of somebody
        # else's, send "Bearer" (reference 4.A, 2026-11-20).
        headers = {"Authorization": f"Bearer {account.key}"}
        self._api = Api("gptproto", account, network, headers=headers, explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; the picture may come back at once, whatever was asked for."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        data, prediction = self._read(answer, paid=True)
        if prediction.id:
            status = self._status(prediction)
            if status == Succeeded(()):
                # Seed 004's example says "completed" with no outputs straight after the submit.
                status = Queued()
            return Job("gptproto", prediction.id, status, self._handle(prediction))
        pictures = self._assets(data if isinstance(data, list) else [])
        if not pictures:
            raise self._api.unexpected(answer, paid=True)
        # An older form has the pictures and no id (reference 4.A, 2026-11-20). Equal bytes may be paid for twice.
        name = f"{_INLINE}{request.idempotency_key or secrets.token_hex(8)}"
        return Job("gptproto", name, Succeeded(pictures))

    def refresh(self, job: Job) -> Job:
        """Ask once for the prediction's result. A job whose answer held its pictures can't be asked for again."""
        if job.remote_id.startswith(_INLINE):
            raise JobNotFound("GPTProto sent these pictures with its answer only, and cannot be asked for them again.")
        documented = f"/api/v3/predictions/{quote(job.remote_id, safe='')}/result"
        try:
            answer = self._api.get(job.handle.get("poll", documented))
            _, prediction = self._read(answer, paid=False)
        except ContentRefused as error:
            # How the result of a blocked prediction is answered is not documented; this ends it, too.
            return replace(job, status=Failed(error.message, error.code, "refused"))
        if prediction.status is None:
            raise self._api.unexpected(answer, paid=False)
        return replace(job, status=self._status(prediction))

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def _read(self, answer: Answer, *, paid: bool) -> tuple[object, _Prediction]:
        envelope = self._api.read(answer, _Envelope, paid=paid)
        # An object in the examples; an array in one client (reference 4.A, 2026-11-20).
        data = envelope.data
        first = data[0] if isinstance(data, list) and data else data
        try:
            prediction = _Prediction.model_validate(first)
        except ValidationError:
            prediction = _Prediction()
        code = _http_status(envelope.code)
        if code >= 400 and not (prediction.id and prediction.status):
            # HTTP 200 around an error of its own: not seen, but the envelope allows it.
            raise self._api.failure(replace(answer, status=code), paid=paid)
        return data, prediction

    def _handle(self, prediction: _Prediction) -> dict[str, str]:
        # "urls.get" in the examples, "urls[0].get" in seed 004's prose.
        urls = prediction.urls
        first = urls[0] if isinstance(urls, list) and urls else urls
        url = first.get("get") if isinstance(first, dict) else None
        if not isinstance(url, str) or not self._api.trusts(url):
            return {}
        parts = urlsplit(url)
        return {"poll": parts.path + (f"?{parts.query}" if parts.query else "")} if parts.path else {}

    def _status(self, prediction: _Prediction) -> Status:
        # GPTProto lists no states; these were seen in the wild or in its plugin (reference 4.A, 2026-11-20).
        match (prediction.status or "").lower():
            case "created" | "queued" | "pending" | "starting":
                return Queued()
            case "running" | "processing" | "in_progress":
                return Running()
            case "completed" | "succeeded" | "success":
                return Succeeded(self._assets(prediction.outputs or []))
            case "failed" | "error":
                reason = _reason(prediction.error)
                return Failed(reason, kind="refused" if names_content_policy(reason) else "failed")
            case "cancelled" | "canceled":
                return Cancelled()
            case _:
                return Unrecognised(prediction.status or "")

    def _assets(self, outputs: list[object]) -> tuple[Asset, ...]:
        texts = (_text(output) for output in outputs)
        assets = (self._asset(text) for text in texts if text)
        return tuple(asset for asset in assets if asset)

    def _asset(self, text: str) -> Asset | None:
        """A link, a data URI, bare base64, or a path on the origin: all were seen (reference 4.A)."""
        if text.startswith(("http://", "https://")):
            return LinkedAsset(text)
        if text.startswith("data:"):
            text = text.partition(",")[2]
        elif "." in text:
            # no base64 has a dot, and every file name has
            return LinkedAsset(urljoin(self._origin + "/", text))
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except ValueError:
            return None
        return InlineAsset(data) if data.startswith(_PICTURE_STARTS) else None


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    scene = "image-edit" if request.references else "text-to-image"
    optional = {
        # The table of seed 004 says "image"; its example and the service's own plugin say "images".
        "images": _links(request),
        "size": request.resolution,
        "aspect_ratio": request.aspect,
        "output_format": request.format,
    }
    body: dict[str, object] = {
        "prompt": request.prompt,
        "enable_base64_output": False,
        "enable_sync_mode": False,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    return f"/api/v3/google/{quote(request.model, safe='')}/{scene}", body | dict(request.extras)


def _links(request: Request) -> list[str] | None:
    links = [reference.url for reference in request.references if isinstance(reference, PictureLink)]
    if len(links) < len(request.references):
        raise InvalidRequest("GPTProto fetches reference pictures itself: give a public http(s) link, not a file.")
    return links or None


def _http_status(code: object) -> int:
    """The HTTP status that the envelope names, a number or a text; 200 for anything that is none."""
    number = int(code) if isinstance(code, str) and len(code) == 3 and code.isdecimal() else code
    return number if isinstance(number, int) and 100 <= number < 600 else 200


def _text(output: object) -> str | None:
    if isinstance(output, dict):
        output = output.get("url") or output.get("b64_json")
    return output if isinstance(output, str) else None


def _reason(error: object) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error
    return str(error or "GPTProto gave no reason")


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    # "503 content policy violation (actual status code is 400)", and 403 for the key and for the balance
    # alike (seed 004): only the words tell them apart.
    at_503 = answer.status == 503 and _POLICY_AT_503.search(explanation.message)
    if at_503 or (answer.status == 400 and names_content_policy(explanation.message)):
        return replace(explanation, verdict=ContentRefused)
    if answer.status == 403 and _MONEY.search(explanation.message):
        return replace(explanation, verdict=NoCredit)
    return explanation
