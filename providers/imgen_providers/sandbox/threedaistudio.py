"""3D AI Studio as its documents show it (seeds 000 and 002; reference 2, 2026-11-20)."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen_providers.sandbox import references
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, Fields, json_object
from imgen_providers.sandbox.store import Order, Standing, State, StoredJob
from imgen_providers.sandbox.tables import THREEDAISTUDIO

if TYPE_CHECKING:
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore, Reference

# Reference 2.3. Between its queue and its end a job has no other documented state.
_STATES: dict[State, str] = {
    "queued": "PENDING",
    "running": "IN_PROGRESS",
    "done": "FINISHED",
    "failed": "FAILED",
    "refused": "FAILED",
    "rate-limited": "FAILED",
    "error": "FAILED",
    "expired": "FAILED",
    "unheard-of": "HIBERNATING",
}
# [assumed] What stands in failure_reason is documented nowhere (reference 6).
_REASONS: dict[State, str] = {
    "failed": "Image generation failed. Your credits have been refunded.",
    "refused": "The request was blocked by the content policy.",
    "rate-limited": "The model is overloaded. Please try again later.",
    "error": "Image generation ended in an error. Your credits have been refunded.",
    "expired": "The request took too long. Your credits have been refunded.",
}
_PARAMETERS = {"prompt", "output_format", "aspect_ratio", "num_images"}


class ThreeDAIStudio:
    """Submits at one path per model and operation; every path ends in a slash."""

    name = "3daistudio"

    def __init__(self, store: JobStore, pictures: Pictures) -> None:
        self._store = store
        self._pictures = pictures
        models = "|".join(map(re.escape, THREEDAISTUDIO))
        submit = rf"/v1/images/gemini/(?P<model>{models})/(?P<operation>generate|edit)"
        status = r"/v1/generation-request/(?P<id>[\w-]+)/status"
        wallet = r"(?:/account)?/user/wallet"  # the page shows the short path, clients use the long one (2.1)
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(submit + "/"), "submit"),
            Route("GET", re.compile(status + "/"), "status"),
            Route("GET", re.compile(wallet + "/"), self._wallet),
            Route("POST", re.compile(submit), self._slash),
            Route("GET", re.compile(f"{status}|{wallet}"), self._slash),
        )

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def refuses_key(self, call: Call) -> Reply | None:
        return None if call.bearer() else self.trouble(Trouble("bad-key"))

    def order(self, call: Call) -> Order:
        limits = THREEDAISTUDIO[call.place["model"]]
        edit = call.place["operation"] == "edit"
        # Reference 2.1: the body of 2.5 Flash has no resolution.
        sized = {"resolution"} if len(limits.resolutions) > 1 else set()
        fields = Fields(json_object(call.body))
        fields.only(_PARAMETERS | sized | ({"images"} if edit else set()))
        prompt = fields.text("prompt")
        word = fields.choice("output_format", limits.formats, "png")
        aspect = fields.choice("aspect_ratio", limits.aspects | {"auto"}, "auto")
        resolution = fields.choice("resolution", limits.resolutions, "1K")
        count = fields.whole("num_images", 1, limits.pictures, 1)
        pictures = self._references(fields, limits.references) if edit else ()
        first = pictures[0].size if pictures else None
        size = limits.size(aspect, resolution, first)
        model = f"gemini/{call.place['model']}"
        return Order(self.name, model, prompt, size, limits.formats[word], word, count, pictures)

    def accepted(self, job: StoredJob, _standing: Standing, _origin: str) -> Reply:
        created = datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json_reply(200, {"task_id": job.id, "created_at": created})

    def status(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        return json_reply(
            200,
            {
                "status": _STATES[standing.state],
                "progress": standing.progress,
                "failure_reason": _REASONS.get(standing.state),
                "results": [
                    {
                        "asset_url": self._pictures.link(origin, job, index),
                        "asset": self._pictures.link(origin, job, index, "assets"),
                        "asset_type": "EDITED_IMAGE" if job.order.references else "IMAGE",
                        "thumbnail": self._pictures.link(origin, job, index, "thumbnails"),
                        "metadata": None,
                    }
                    for index in range(standing.pictures)
                ],
            },
        )

    def bad_field(self, bad_field: BadField) -> Reply:
        return _error(400, "validation_failed", f"{bad_field.text}.")

    def trouble(self, trouble: Trouble) -> Reply:
        match trouble.kind:
            case "bad-key":
                return _error(401, "invalid_api_key", "The API key is missing or invalid.")
            case "no-credit":
                return _error(402, "insufficient_credits", "Not enough credits. Top up your wallet.")
            case "rate-limited":
                return _error(429, "rate_limited", "Rate limit exceeded. Wait and retry.")
            case "content-policy":
                return _error(400, "validation_failed", _REASONS["refused"])
            case "not-found":
                return _error(404, "not_found", "Not found.")  # [assumed] reference 6, item 2
            case "wrong-method":
                return _error(405, "method_not_allowed", "Method not allowed.")
            case "server-error":
                return _error(trouble.status, "internal_error", "Something went wrong.")

    def _references(self, fields: Fields, most: int) -> tuple[Reference, ...]:
        found = []
        for text in fields.texts("images", most, required=True):
            reference = references.from_data_uri(text, self._store)
            if reference is None:
                raise fields.invalid("images", "each must be a data:image/...;base64, URI of a picture")
            found.append(reference)
        return tuple(found)

    def _wallet(self, _call: Call) -> Reply:
        return json_reply(200, {"balance": "1000.00", "rate_limit": 3})

    def _slash(self, call: Call) -> Reply:
        # [assumed] The paths look like Django's (reference 2.4), which redirects where the slash is missing.
        return Reply(301, b"", "text/html; charset=utf-8", {"Location": f"{call.path}/"})


def _error(status: int, code: str, message: str) -> Reply:
    # [assumed] Only status and code are documented; clients try these two keys (reference 2.4).
    return json_reply(status, {"code": code, "message": message})
