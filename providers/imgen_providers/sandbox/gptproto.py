"""GPTProto as its documents show it, in its own format (seed 004; reference 4.A, 2026-11-20;
what its own clients send, 2026-11-25)."""

from __future__ import annotations

import base64
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen_providers.sandbox import by_name
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, Fields, json_object
from imgen_providers.sandbox.store import Order, Standing, State, StoredJob
from imgen_providers.sandbox.tables import GPTPROTO, GPTPROTO_UNIFIED, OPENAI

if TYPE_CHECKING:
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import Reference

NAME = "gptproto"
# Seen by a client (reference 4.A); the document lists none. `error` is read by the Dify plugin, `expired` by the SDK.
STATES: dict[State, str] = {
    "queued": "created",
    "running": "processing",
    "done": "completed",
    "failed": "failed",
    "refused": "failed",
    "rate-limited": "failed",
    "error": "error",
    "expired": "expired",
    "unheard-of": "hibernating",
}
_CONTENT_POLICY = "Content policy violation: content blocked due to safety concerns"
ENDS: dict[State, str] = {
    "failed": "Image generation failed",
    "refused": _CONTENT_POLICY,
    "rate-limited": "The upstream model is overloaded",
    "error": "Image generation ended in an error",
    "expired": "The task expired before its completion",
}
_PARAMETERS = {
    "prompt",
    "n",  # documented for text-to-image, and sent to image-edit by its own app ("Seen in real clients", GPTProto 4)
    "size",
    "aspect_ratio",
    "temperature",
    "top_p",
    "topP",  # the curl in seed 004 has topP, its table top_p
    "enable_sync_mode",
    "enable_base64_output",
    "output_format",
}
# Its Dify plugin posts to .../nano-banana/edit without a prompt (0.0.53).
_EDIT_WITHOUT_PROMPT = ("nano-banana",)
_PICTURES = ("images", "image")  # the curl in seed 004 has images, its table image


class GPTProto:
    """The model and the scene are in the path; submit and result share one envelope."""

    name = NAME

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self.routes: tuple[Route, ...] = (
            Route(
                "POST",
                re.compile(r"/api/v3/(?P<vendor>[a-z]+)/(?P<model>[^/]+)/(?P<scene>text-to-image|image-edit|edit)"),
                "submit",
            ),
            Route("GET", re.compile(r"/api/v3/predictions/(?P<id>[\w-]+)/result"), "status"),
            Route("GET", re.compile(r"/v1/models"), self._models),
        )

    def new_id(self) -> str:
        return uuid.uuid4().hex

    def refuses_key(self, call: Call) -> Reply | None:
        return refuses_key(call)

    def order(self, call: Call) -> Order:
        vendor, model = call.place["vendor"], call.place["model"]
        if f"{vendor}/{model}" in by_name.GPTPROTO:
            return by_name.order(self.name, model, Fields(json_object(call.body)))
        if vendor != "google" or model not in GPTPROTO:
            raise BadField("model", "no-model", f"model {model} is not available")
        limits = GPTPROTO[model]
        scene = call.place["scene"]
        if (scene == "edit") != (model in _EDIT_WITHOUT_PROMPT) and scene != "text-to-image":
            raise BadField("model", "no-model", f"model {model} has no scene {scene}")
        edit = scene != "text-to-image"
        values = json_object(call.body)
        fields = Fields(values)
        fields.only(_PARAMETERS | (set(_PICTURES) if edit else {"background"}))
        optional = scene == "edit" and "prompt" not in values
        prompt = "" if optional else fields.text("prompt", limit=limits.prompt)
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
            count=fields.whole("n", 1, limits.pictures, 1),
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
            "status": STATES[standing.state],
            "error": ENDS.get(standing.state),
            "executionTime": milliseconds,
            "timings": {"inference": milliseconds},
            "has_nsfw_contents": [],
            "created_at": created,
        }
        return json_reply(200, {"data": data, "message": "success", "code": 200})

    def bad_field(self, bad_field: BadField) -> Reply:
        return _error(404 if bad_field.kind == "no-model" else 400, bad_field.text)

    def trouble(self, trouble: Trouble) -> Reply:
        status, message = words(trouble)
        return _error(status, message, "503" if trouble.kind == "content-policy" else None)

    def _models(self, _call: Call) -> Reply:
        # "Seen in real clients", GPTProto 8: its MCP server reads it. [assumed] The shape is OpenAI's, as is the path.
        # OpenAI has the same path and header, so its models stand here as well.
        ids = sorted({*GPTPROTO, *GPTPROTO_UNIFIED, *by_name.GPTPROTO, *OPENAI})
        return json_reply(200, {"object": "list", "data": [{"id": each, "object": "model"} for each in ids]})

    def _references(self, fields: Fields, values: dict[str, object], most: int) -> tuple[Reference, ...]:
        name = next((name for name in _PICTURES if name in values), _PICTURES[0])
        found = []
        for link in fields.texts(name, most, required=True):
            reference = self._pictures.reference(link)
            if reference is None:
                raise fields.invalid(name, "each must be a public URL")
            found.append(reference)
        return tuple(found)

    def _output(self, job: StoredJob, index: int, origin: str) -> str:
        if job.order.base64:
            return base64.b64encode(self._pictures.draw(job, index)).decode()
        return self._pictures.link(origin, job, index)


def refuses_key(call: Call) -> Reply | None:
    """The 401 answer without a key. The documents send it alone, the service's clients behind "Bearer" (4.A)."""
    if call.key():
        return None
    return json_reply(401, {"code": 401, "message": "Token cannot be empty", "type": "error"})


def words(trouble: Trouble) -> tuple[int, str]:
    """The status and the sentence of a refusal, alike on both surfaces."""
    match trouble.kind:
        case "bad-key":
            return 401, "Invalid signature"
        case "no-credit":
            return 403, "Insufficient balance for the requested operation"
        case "rate-limited":
            return 429, "You've exceeded your rate limit"
        case "content-policy":
            return 400, _CONTENT_POLICY
        case "not-found":
            return 404, "Prediction not found"  # [assumed]
        case "wrong-method":
            return 405, "Method not allowed"  # [assumed]
        case "server-error":
            return trouble.status, "An internal server error occurred"


def _error(status: int, message: str, kind: str | None = None) -> Reply:
    # Reference 4.A: {"error": {"message": "Invalid signature", "type": "401"}}.
    return json_reply(status, {"error": {"message": message, "type": kind or str(status)}})
