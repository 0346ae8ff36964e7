"""GPTProto: Gemini images as predictions, one picture each (seed 004, reference section 4.A, 2026-11-20).

Models whose id begins with their maker ("google/...") go through the service's newer surface, which its own SDK
speaks: `/api/v3/images` and `/api/v3/tasks/result/{id}` (`gptproto` 0.1.0, 2026-08; reference 4.B, GPTProto 1).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from imgen_providers.assets import came_after_all, read_assets, read_elsewhere, read_results
from imgen_providers.base import (
    Asset,
    Cancelled,
    Failed,
    Job,
    Json,
    PictureLink,
    Queued,
    Request,
    Running,
    Status,
    Succeeded,
    Unrecognised,
)
from imgen_providers.client import Api, Explanation, explain, names_content_policy, shown, words
from imgen_providers.errors import ContentRefused, InvalidRequest, JobNotFound, NoCredit
from imgen_providers.fields import Field, Fields, Record, anything, common_state
from imgen_providers.identifiers import identifier, listed_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen_providers.base import Account
    from imgen_providers.client import Answer, Network

_MONEY = re.compile(r"balance|credit|quota|insufficient (?!permission)|recharge|top.?up", re.IGNORECASE)
# Its error table: "503 | Content policy violation | Content blocked due to safety concerns" (seed 004). A 503 is else
# a broken gateway, whose words ("upstream blocked") say nothing of the money.
_POLICY_AT_503 = re.compile(r"content policy violation|content blocked due to safety", re.IGNORECASE)
_UNSAFE = re.compile(r"unsafe content", re.IGNORECASE)  # its words for content policy at 400 (GPTProto 7)
_ID_NAMES = ("id", "task_id")
_UNIFIED = "/api/v3/images"
_UNIFIED_SIZES = {"0.5K": "512"}
_LONGEST_PATH = 2048  # characters


class _Prediction(Record):
    results_in = "outputs"
    id = Field(anything)
    outputs = Field(anything)
    urls = Field(anything)  # where to poll, and no picture
    polling_url = Field(anything)
    error = Field(anything)
    input = Field(anything)  # an echo


class _Models(Fields):
    data = Field(anything)


class GptProto:
    """Submits one prediction for one picture; references are public links, fetched by the service."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        # Seed 004 shows the bare key; the service's own SDK, CLI and plugin, and a live client of a third party
        # send "Bearer" (reference 4.A, 2026-11-20).
        headers = {"Authorization": f"Bearer {account.key}"}
        self._api = Api("gptproto", account, network, headers=headers, id_names=_ID_NAMES, explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; the picture may come back at once, whatever was asked for."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        prediction = self._api.read(answer, _Prediction, paid=True)
        remote_id = identifier(prediction.id) or self._api.id_of(answer)
        if remote_id is None:
            self._check_code(answer, paid=True)
        handle = self._handle(prediction)
        if path == _UNIFIED and remote_id and not handle:
            handle = {"poll": f"/api/v3/tasks/result/{quote(remote_id, safe='')}"}
        return self._api.accepted(
            answer,
            self._status(prediction) if prediction.status else self._without_status(answer, prediction),
            remote_id=remote_id,
            handle=handle,
            inline_name=request.idempotency_key,
        )

    def refresh(self, job: Job) -> Job:
        """Poll the prediction's result once. A job whose answer held its pictures can't be asked for again."""
        if self._api.came_inline(job):
            raise JobNotFound("GPTProto sent these pictures with its answer only, and cannot be asked for them again.")
        path = _path(job.handle.get("poll")) or f"/api/v3/predictions/{quote(job.remote_id, safe='')}/result"
        try:
            answer = self._api.get(path)
            prediction = self._api.read(answer, _Prediction, paid=False)
            if prediction.status is None:
                self._check_code(answer, paid=False)
                status = self._without_status(answer, prediction)
                if not isinstance(status, Succeeded):
                    raise self._api.unexpected(answer, paid=False)
                return replace(job, status=status)
        except ContentRefused as error:
            # How the result of a blocked prediction is answered is not documented; this ends it, too.
            return replace(job, status=Failed(error.message, error.code, "refused"))
        return replace(job, status=self._status(prediction))

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def models(self) -> Sequence[str]:
        """The model ids that the service lists with this key (reference GPTProto 8, 2026-11-25)."""
        answer = self._api.get("/v1/models")
        listed = self._api.read(answer, _Models, paid=False).data
        if not isinstance(listed, list):
            raise self._api.unexpected(answer, paid=False)
        return listed_ids(listed)

    def _check_code(self, answer: Answer, *, paid: bool) -> None:
        """Raises what the envelope's own code means: HTTP 200 around an error was not seen, but the form allows it."""
        code = _http_status(_envelope(answer).get("code"))
        if code >= 400:
            raise self._api.failure(replace(answer, status=code), paid=paid)

    def _without_status(self, answer: Answer, prediction: _Prediction) -> Status:
        """Pictures without a word on the state are an end, as in an older, synchronous form (reference 4.A)."""
        envelope = _envelope(answer)
        found = read_assets(envelope.get("data"), base=self._origin)
        found = found or read_results(prediction.outputs, base=self._origin)
        return self._api.finished(found, envelope) if found else Queued()

    def _handle(self, prediction: _Prediction) -> dict[str, str]:
        # "urls.get" in the examples, "urls[0].get" in seed 004's prose, "polling_url" on the newer surface.
        urls = prediction.urls
        first = urls[0] if isinstance(urls, list) and urls else urls
        for url in (first.get("get") if isinstance(first, dict) else None, prediction.polling_url):
            if isinstance(url, str) and (path := _path(url) or (self._api.trusts(url) and _path_of(url))):
                return {"poll": path}
        return {}

    def _status(self, prediction: _Prediction) -> Status:
        # GPTProto lists no states for predictions; these were seen in the wild or in its plugin (reference 4.A,
        # 2026-11-20), "expired" in its SDK for the newer surface (GPTProto 1, 2026-11-25).
        match common_state(prediction.status or ""):
            case "queued":
                return Queued()
            case "running":
                return Running()
            case "succeeded":
                return self._api.finished(self._assets(prediction), prediction.given())
            case "failed" | "error":
                reason = words(prediction.error) or "GPTProto gave no reason"
                failure = Failed(reason, kind="refused" if names_content_policy(reason) else "failed")
                return came_after_all(failure, read_assets(prediction.outputs, base=self._origin))
            case "expired":
                return Failed(words(prediction.error) or "GPTProto reports that the task expired")
            case "cancelled":
                return Cancelled()
            case _:
                return Unrecognised(prediction.status or "")

    def _assets(self, prediction: _Prediction) -> tuple[Asset, ...]:
        """The pictures: documented in "outputs"; its own clients look elsewhere as well (GPTProto 3, 2026-11-25)."""
        found = read_results(prediction.outputs, base=self._origin)
        return found or read_elsewhere(prediction.others(), base=self._origin)


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    if "/" in request.model:
        return _UNIFIED, _unified(request)
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


def _unified(request: Request) -> dict[str, object]:
    # The SDK's API.md: "size" or "resolution", and "n" not for Google's models (reference 4.B).
    links = _links(request)
    optional: dict[str, object] = {
        "input_references": links and [{"type": "image_url", "image_url": {"url": link}} for link in links],
        "size": _UNIFIED_SIZES.get(request.resolution or "", request.resolution),
        "aspect_ratio": request.aspect,
        "output_format": request.format,
    }
    body: dict[str, object] = {"model": request.model, "prompt": request.prompt}
    body |= {name: value for name, value in optional.items() if value is not None}
    return body | dict(request.extras)


def _links(request: Request) -> list[str] | None:
    links = [reference.url for reference in request.references if isinstance(reference, PictureLink)]
    if len(links) < len(request.references):
        raise InvalidRequest("GPTProto fetches reference pictures itself: give a public http(s) link, not a file.")
    return links or None


def _envelope(answer: Answer) -> dict[str, Json]:
    """The object around the prediction; an empty one where the answer has none."""
    try:
        envelope = answer.json()
    except ValueError:
        return {}
    return envelope if isinstance(envelope, dict) else {}


def _http_status(code: object) -> int:
    """The HTTP status that the envelope names, a number or a text; 200 for anything that is none."""
    number = int(code) if isinstance(code, str) and len(code) == 3 and code.isdecimal() else code
    return number if isinstance(number, int) and 100 <= number < 600 else 200


def _path(text: object) -> str | None:
    """A path on the origin that a request can hold; None for anything else, such as another host."""
    if not isinstance(text, str) or not text.startswith("/") or text.startswith("//") or len(text) > _LONGEST_PATH:
        return None
    return text if text.isascii() and text.isprintable() and " " not in text and "\\" not in text else None


def _path_of(url: str) -> str | None:
    parts = urlsplit(url)
    return _path(parts.path + (f"?{parts.query}" if parts.query else ""))


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    if explanation.is_page:  # a gateway's words
        return explanation
    # "503 content policy violation (actual status code is 400)", and 403 for the key and for the balance
    # alike (seed 004): only the words tell them apart.
    at_503 = answer.status == 503 and _POLICY_AT_503.search(explanation.message)
    unsafe = names_content_policy(explanation.message) or _UNSAFE.search(explanation.message)
    if at_503 or (answer.status == 400 and unsafe):
        return replace(explanation, verdict=ContentRefused)
    if answer.status == 403 and _MONEY.search(explanation.message):
        return replace(explanation, verdict=NoCredit)
    return explanation
