"""GPTProto's newer surface, one endpoint for the images of every provider (reference 4.B; its SDK of 2026-08).

Jobs are the same as on the older surface, and each can be polled on both.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from imgen_providers.sandbox import by_name, gptproto
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, Fields, json_object
from imgen_providers.sandbox.store import Order, Standing, State, StoredJob
from imgen_providers.sandbox.tables import GPTPROTO_UNIFIED

if TYPE_CHECKING:
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import Reference

# "The unified `status` field uses exactly six values."
_STATES: dict[State, str] = {
    "queued": "pending",
    "running": "in_progress",
    "done": "completed",
    "failed": "failed",
    "refused": "failed",
    "rate-limited": "failed",
    "error": "failed",
    "expired": "expired",
    "unheard-of": "hibernating",
}
_PARAMETERS = {"model", "prompt", "aspect_ratio", "resolution", "size", "output_format", "input_references", "provider"}
# "Unified fields a provider does not support are ignored silently"; the matrix marks these so for Google.
_IGNORED = {"n", "seed", "quality", "background"}
_RESULT = "/api/v3/tasks/result"


class GPTProtoUnified:
    """The model is a field, and every answer is flat: no `data` around it."""

    name = gptproto.NAME

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(r"/api/v3/images"), "submit"),
            Route("GET", re.compile(_RESULT + r"/(?P<id>[\w-]+)"), "status"),
        )

    def new_id(self) -> str:
        return f"job-{uuid.uuid4().hex}"

    def refuses_key(self, call: Call) -> Reply | None:
        return gptproto.refuses_key(call)

    def order(self, call: Call) -> Order:
        values = json_object(call.body)
        model = Fields(values).text("model")
        if model in by_name.GPTPROTO:
            return by_name.order(self.name, model, Fields(values))
        if model not in GPTPROTO_UNIFIED:
            raise BadField("model", "no-model", f"model {model} is not available")
        limits = GPTPROTO_UNIFIED[model]
        fields = Fields(values)
        fields.only(_PARAMETERS | _IGNORED)
        prompt = fields.text("prompt", limit=limits.prompt)
        # For Google `size` counts, and `resolution` where it is missing. The list of resolutions says "512" for what
        # Google's tables call 0.5K; [assumed] `size`, which has no list, takes both.
        fallback = fields.choice("resolution", limits.resolutions.keys() - {"0.5K"}, "1K")
        resolution = fields.choice("size", limits.resolutions, fallback)
        aspect = fields.choice("aspect_ratio", limits.aspects | {"auto"}, "auto")
        word = fields.choice("output_format", limits.formats, "png")
        pictures = self._references(fields, limits.references)
        size = limits.size(aspect, resolution, pictures[0].size if pictures else None)
        return Order(
            self.name,
            model,
            prompt,
            size,
            limits.formats[word],
            word,
            references=pictures,
            refused_at_once=True,
        )

    def accepted(self, job: StoredJob, _standing: Standing, _origin: str) -> Reply:
        body = {
            "id": job.id,
            "generation_id": f"gen-{uuid.uuid5(uuid.NAMESPACE_OID, job.id).hex}",
            "polling_url": f"{_RESULT}/{job.id}",
            "status": "pending",
        }
        return json_reply(202, body)

    def status(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        links = [self._pictures.link(origin, job, index) for index in range(standing.pictures)]
        body: dict[str, object] = {
            "id": job.id,
            "polling_url": f"{_RESULT}/{job.id}",  # its examples leave it out, its SDK 0.1.0 fails without it
            "status": _STATES[standing.state],
            "unsigned_urls": links,
            "native_status": gptproto.STATES[standing.state],
        }
        if standing.state in gptproto.ENDS:
            body["error"] = gptproto.ENDS[standing.state]
        return json_reply(200, body)

    def bad_field(self, bad_field: BadField) -> Reply:
        return _error(404 if bad_field.kind == "no-model" else 400, bad_field.text)

    def trouble(self, trouble: Trouble) -> Reply:
        status, message = gptproto.words(trouble)
        return _error(status, message)

    def _references(self, fields: Fields, most: int) -> tuple[Reference, ...]:
        found = []
        for entry in fields.objects("input_references", most):
            link = entry.get("image_url")
            url = link.get("url") if isinstance(link, dict) else None
            reference = self._pictures.reference(url) if isinstance(url, str) else None
            if entry.get("type") != "image_url" or reference is None:
                raise fields.invalid("input_references", "each must hold the public URL of a picture")
            found.append(reference)
        return tuple(found)


def _error(status: int, message: str) -> Reply:
    # The SDK reads error.code and error.message; the text beside it shows the older form (reference 4.A, "Errors").
    return json_reply(status, {"error": {"code": status, "message": message}})
