"""GPTProto as its documents show it, in its own format (seed 004; reference 4.A, 2026-11-20)."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen_providers.sandbox import references
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import Complaint, Fields, json_object
from imgen_providers.sandbox.store import Order, Standing, State, StoredJob
from imgen_providers.sandbox.tables import GPTPROTO

if TYPE_CHECKING:
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore, Reference

# Seen by a client (reference 4.A); the document lists none.
_STATES: dict[State, str] = {
    "queued": "created",
    "running": "processing",
    "done": "completed",
    "failed": "failed",
    "refused": "failed",
    "rate-limited": "failed",
    "unheard-of": "hibernating",
}
_CONTENT_POLICY = "Content policy violation: content blocked due to safety concerns"
_ENDS: dict[State, str] = {
    "failed": "Image generation failed",
    "refused": _CONTENT_POLICY,
    "rate-limited": "The upstream model is overloaded",
}
_PARAMETERS = {
    "prompt",
    "size",
    "aspect_ratio",
    "temperature",
    "top_p",
    "topP",  # the curl in seed 004 says topP, its table top_p
    "enable_sync_mode",
    "enable_base64_output",
    "output_format",
}
_PICTURES = ("images", "image")  # the curl in seed 004 says images, its table image


class GPTProto:
    """The model and the scene are in the path; submit and result share one envelope."""

    name = "gptproto"

    def __init__(self, store: JobStore, pictures: Pictures) -> None:
        self._store = store
        self._pictures = pictures
        self.routes: tuple[Route, ...] = (
            Route(
                "POST",
                re.compile(r"/api/v3/google/(?P<model>[^/]+)/(?P<scene>text-to-image|image-edit)"),
                "submit",
            ),
            Route("GET", re.compile(r"/api/v3/predictions/(?P<id>[\w-]+)/result"), "status"),
        )

    def refuses_key(self, call: Call) -> Reply | None:
        value = call.headers.get("authorization", "").strip()
        # The documents send the key raw, the service's own clients behind "Bearer" (reference 4.A).
        if value.lower().removeprefix("bearer").strip():
            return None
        return json_reply(401, {"code": 401, "message": "Token cannot be empty", "type": "error"})

    def order(self, call: Call) -> Order:
        model = call.place["model"]
        if model not in GPTPROTO:
            raise Complaint("model", "no-model", f"model {model} is not available")
        limits = GPTPROTO[model]
        edit = call.place["scene"] == "image-edit"
        values = json_object(call.body)
        fields = Fields(values)
        fields.only(_PARAMETERS | (set(_PICTURES) if edit else set()))
        prompt = fields.text("prompt", limit=limits.prompt)
        resolution = fields.choice("size", limits.resolutions, "1K")
        # Seed 004 in its prose: "keeps the output image the same size as the input image; otherwise 1:1".
        aspect = fields.choice("aspect_ratio", limits.aspects, "") or None
        word = fields.choice("output_format", limits.formats, "png")
        fields.number("temperature", 0.0, 1.0)
        fields.number("top_p", 0.0, 1.0)
        fields.number("topP", 0.0, 1.0)
        blocks = fields.flag("enable_sync_mode")
        inline = fields.flag("enable_base64_output")
        pictures = self._references(fields, values, limits.references) if edit else ()
        size = limits.size(aspect, resolution, pictures[0].size if pictures else None)
        return Order(
            self.name,
            model,
            prompt,
            size,
            limits.formats[word],
            word,
            references=pictures,
            blocks=blocks,
            refused_at_once=True,  # seed 004: "503 Content policy violation (actual status code is 400)"
            base64=inline,
        )

    def accepted(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        # [assumed] In sync mode the answer to the submit is already the result (reference 4.A).
        return self.status(job, standing, origin)

    def status(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        over = standing.state not in ("queued", "running", "unheard-of")
        milliseconds = int(job.seconds * 1000) if over else 0
        created = datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        data = {
            "id": job.id,
            "model": job.order.model,
            "outputs": [self._output(job, index, origin) for index in range(standing.pictures)],
            "urls": {"get": f"{origin}/api/v3/predictions/{job.id}/result"},
            "status": _STATES[standing.state],
            "error": _ENDS.get(standing.state),
            "executionTime": milliseconds,
            "timings": {"inference": milliseconds},
            "has_nsfw_contents": [],
            "created_at": created,
        }
        return json_reply(200, {"data": data, "message": "success", "code": 200})

    def complaint(self, complaint: Complaint) -> Reply:
        return _error(404 if complaint.kind == "no-model" else 400, complaint.text)

    def trouble(self, trouble: Trouble) -> Reply:
        match trouble.kind:
            case "bad-key":
                return _error(401, "Invalid signature")
            case "no-credit":
                return _error(403, "Insufficient balance for the requested operation")
            case "rate-limited":
                return _error(429, "You've exceeded your rate limit")
            case "content-policy":
                return _error(400, _CONTENT_POLICY, "503")
            case "not-found":
                return _error(404, "Prediction not found")  # [assumed]
            case "wrong-method":
                return _error(405, "Method not allowed")  # [assumed]
            case "server-error":
                return _error(trouble.status, "An internal server error occurred")

    def _references(self, fields: Fields, values: dict[str, object], most: int) -> tuple[Reference, ...]:
        name = next((name for name in _PICTURES if name in values), _PICTURES[0])
        found = []
        for link in fields.texts(name, most, required=True):
            reference = references.from_link(link, self._store)
            if reference is None:
                raise fields.invalid(name, "each must be a public URL")
            found.append(reference)
        return tuple(found)

    def _output(self, job: StoredJob, index: int, origin: str) -> str:
        if job.order.base64:
            return base64.b64encode(self._pictures.draw(job, index)).decode()
        return self._pictures.link(origin, job, index)


def _error(status: int, message: str, kind: str | None = None) -> Reply:
    # Reference 4.A: {"error": {"message": "Invalid signature", "type": "401"}}.
    return json_reply(status, {"error": {"message": message, "type": kind or str(status)}})
