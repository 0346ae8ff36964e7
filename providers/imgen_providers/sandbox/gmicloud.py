"""GMI Cloud's request queue as its documents and its clients show it (seed 001; reference 1, 2026-11-20; "Seen in
real clients", 2026-11-25)."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from imgen_providers.sandbox import by_name
from imgen_providers.sandbox.conversation import Turn, last_turn, next_turn_contents
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, Fields, json_object
from imgen_providers.sandbox.pictures import UPLOAD_TYPES
from imgen_providers.sandbox.store import Order, Standing, State, StoredJob
from imgen_providers.sandbox.tables import GMICLOUD

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore, Reference

_BASE = "/api/v1/ie/requestqueue/apikey"
_STATES: dict[State, str] = {
    "queued": "queued",
    "running": "processing",
    "done": "success",
    "failed": "failed",
    "refused": "failed",
    "rate-limited": "failed",
    "error": "error",
    "expired": "failed",
    "cancelled": "cancelled",
    "unheard-of": "hibernating",
}
# Reference 1.5: one sentence for refused content, bad URLs and bad parameters alike.
_REJECTED = "Generation rejected; please review the prompt and parameters then retry"
_ENDS: dict[State, object] = {
    "failed": "Generation failed",
    "refused": {"code": 400, "message": _REJECTED, "status": "INVALID_INPUT"},
    "rate-limited": "rate limit exceeded(RPM)",
    "error": "Generation ended in an error",
    "expired": "Generation timed out",
}
_PRO_PARAMETERS = {"prompt", "image", "image_size", "aspect_ratio", "image_output_format", "contents"}
_FLASH_PARAMETERS = {"prompt", "image", "aspect_ratio", "contents"}  # reference 1.2
_PAGE = 100
_PRICES = "For input, $0.0011 per image. For output, $0.134 per 1K/2K image and $0.24 per 4K image"


class GMICloud:
    """Requests are records that can be listed.

    `blocking` holds the answer to a submit until the picture is done. Both forms exist (reference 1.3):
    the documents show the queue, the Gemini models were seen to block. With `inline` the answer holds the picture
    itself instead of its link, as one of GMI's own apps reads it ("Seen in real clients", GMI 1).
    """

    name = "gmicloud"

    def __init__(
        self, store: JobStore, pictures: Pictures, now: Callable[[], float], *, blocking: bool, inline: bool
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._now = now
        self._blocking = blocking
        self._inline = inline
        record = re.compile(_BASE + r"/requests/(?P<id>[\w-]+)")
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(f"{_BASE}/requests"), "submit"),
            Route("GET", re.compile(f"{_BASE}/requests"), self._list),
            Route("GET", record, "status"),
            Route("DELETE", record, self._cancel),
            Route("GET", re.compile(f"{_BASE}/models"), self._models),
            Route("GET", re.compile(_BASE + r"/models/(?P<model>[\w.-]+)"), self._model),
            Route("POST", re.compile(f"{_BASE}/upload-url"), self._upload),
        )

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def refuses_key(self, call: Call) -> Reply | None:
        return None if call.bearer() else self.trouble(Trouble("bad-key"))

    def order(self, call: Call) -> Order:
        envelope = Fields(values := json_object(call.body))
        envelope.only({"model", "payload"})
        model = envelope.text("model")
        if model not in GMICLOUD and model not in by_name.GMICLOUD:
            raise BadField("model", "no-model", f"model {model} not found or you do not have access")
        payload = values.get("payload")
        if not isinstance(payload, dict):
            raise BadField("payload", "missing", "payload is required")
        fields = Fields(payload)
        if model in by_name.GMICLOUD:
            return self._by_name(model, fields, payload)
        limits = GMICLOUD[model]
        pro = len(limits.resolutions) > 1
        fields.only(_PRO_PARAMETERS if pro else _FLASH_PARAMETERS)
        turn = self._turn(fields, payload, limits.prompt)
        if len(turn.links) > limits.references:
            raise fields.invalid("image", f"{limits.references} is the most")
        aspect = fields.choice("aspect_ratio", limits.aspects, "1:1")
        resolution = fields.choice("image_size", limits.resolutions, "1K")
        word = fields.choice("image_output_format", limits.formats, "png")
        pictures = tuple(self._reference(link) for link in turn.links)
        size = limits.size(aspect, resolution, None)
        return Order(
            self.name,
            model,
            turn.prompt,
            size,
            limits.formats[word],
            word,
            references=pictures,
            blocks=self._blocking,
            refused_at_once=self._blocking,
            body=payload,
            base64=self._inline,
        )

    def _by_name(self, model: str, fields: Fields, payload: dict[str, object]) -> Order:
        # Seedream answers with JPEG where no format is named, and GPT Image blocks (GMI 9).
        order = by_name.order(self.name, model, fields, format="jpeg" if model.startswith("seedream") else "png")
        blocks = self._blocking or model.startswith("gpt-image")
        return replace(order, blocks=blocks, body=payload, never_runs=model in by_name.GMICLOUD_NEVER_RUN)

    def accepted(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        if job.order.blocks:
            return self._blocked(job, standing, origin)
        at = int(job.created_at)
        times = {"created_at": at, "updated_at": at, "queued_at": at}
        return json_reply(200, {"request_id": job.id, "model": job.order.model, "status": "queued", **times})

    def status(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        return json_reply(200, self._record(job, standing, origin))

    def bad_field(self, bad_field: BadField) -> Reply:
        if bad_field.kind == "no-model":
            return json_reply(404, {"error": bad_field.text})
        if bad_field.text == _REJECTED:
            return self.trouble(Trouble("content-policy"))
        # [assumed] GMI documents no catalogue of errors (reference 1.5).
        return json_reply(400, {"error": f"invalid request: {bad_field.text}"})

    def trouble(self, trouble: Trouble) -> Reply:
        # [assumed] Only the shapes of these bodies were seen (reference 1.5).
        match trouble.kind:
            case "bad-key":
                return json_reply(401, {"error": "invalid API key"})
            case "no-credit":
                return json_reply(402, {"error": "insufficient balance"})
            case "rate-limited":
                return json_reply(429, {"error": "rate limit exceeded"})
            case "content-policy":
                return json_reply(400, {"error": _REJECTED, "request_id": str(uuid.uuid4())})
            case "not-found":
                return json_reply(404, {"error": "request not found"})
            case "wrong-method":
                return json_reply(405, {"error": "method not allowed"})
            case "server-error":
                return json_reply(trouble.status, {"error": "Backend error"})

    def _blocked(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        if standing.state in _ENDS:
            return json_reply(400, {"error": _REJECTED, "request_id": job.id})
        # Reference 1.4: the payload comes back inconsistently, sometimes empty.
        return json_reply(200, {**self._record(job, standing, origin), "payload": {}})

    def _record(self, job: StoredJob, standing: Standing, origin: str) -> dict[str, object]:
        return {
            "request_id": job.id,
            "org_id": "sandbox-org",
            "user_id": "sandbox-user",
            "model": job.order.model,
            "status": _STATES[standing.state],
            "is_public": False,
            "payload": job.order.body,
            "outcome": self._outcome(job, standing, origin),
            "created_at": int(job.created_at),
            "updated_at": int(standing.at),
            "queued_at": int(job.created_at),
        }

    def _outcome(self, job: StoredJob, standing: Standing, origin: str) -> dict[str, object] | None:
        if standing.state in _ENDS:
            return {"error": _ENDS[standing.state]}
        if standing.state != "done":
            return None
        if job.order.base64:
            return {"candidates": [self._candidate(job, index) for index in range(standing.pictures)]}
        links = [self._pictures.link(origin, job, index) for index in range(standing.pictures)]
        return {
            "media_urls": [{"id": str(index), "url": link} for index, link in enumerate(links)],
            "thumbnail_image_url": self._pictures.link(origin, job, 0, "thumbnails"),
            "next_turn_contents": next_turn_contents(job.order, self._pictures.link(origin, job, 0)),
        }

    def _candidate(self, job: StoredJob, index: int) -> dict[str, object]:
        data = base64.b64encode(self._pictures.draw(job, index)).decode()
        picture = {"inlineData": {"mimeType": f"image/{job.order.format.lower()}", "data": data}}
        return {"content": {"role": "model", "parts": [picture]}, "finishReason": "STOP", "index": index}

    def _turn(self, fields: Fields, payload: dict[str, object], limit: int | None) -> Turn:
        contents = payload.get("contents")
        if contents is not None:
            turn = last_turn(contents)
            if turn is None:
                raise fields.invalid("contents", "its last user turn has no text")
            return turn
        image = payload.get("image")
        links = [image] if isinstance(image, str) else fields.texts("image", most=1000)
        return Turn(fields.text("prompt", limit=limit), tuple(links))

    def _reference(self, link: str) -> Reference:
        reference = self._pictures.reference(link)
        if reference is None:  # reference 1.2: the Gemini models take no data URIs
            raise BadField("image", "invalid", _REJECTED)
        return reference

    def _list(self, call: Call) -> Reply:
        limit = _whole(call.query.get("limit"), _PAGE)
        offset = _whole(call.query.get("offset"), 0)
        model = call.query.get("model_id")
        jobs = [job for job in self._store.jobs(self.name) if model in (None, job.order.model)]
        now = self._now()
        page = jobs[offset : offset + limit]
        records = [self._record(job, job.standing(now), call.origin) for job in page]
        return json_reply(200, {"requests": records, "has_more": offset + limit < len(jobs)})

    def _cancel(self, call: Call) -> Reply:
        job = self._store.job(self.name, call.place["id"])
        if job is None:
            return self.trouble(Trouble("not-found"))
        now = self._now()
        if job.standing(now).state not in ("queued", "running"):
            return json_reply(400, {"error": "request is already finished"})  # [assumed]
        job = replace(job, cancelled_at=now)
        self._store.save(job)
        return self.status(job, job.standing(now), call.origin)

    def _models(self, _call: Call) -> Reply:
        return json_reply(200, {"model_ids": [*GMICLOUD, *sorted(by_name.GMICLOUD)]})

    def _model(self, call: Call) -> Reply:
        name = call.place["model"]
        if name not in GMICLOUD and name not in by_name.GMICLOUD:
            return json_reply(404, {"error": "model not found or you do not have access"})
        # The keys are those of GMI's own SDK and page (GMI 4), and two that were seen live (references 1.2 and 1.3).
        return json_reply(
            200,
            {
                "model": name,
                "brief_description": "A model of the sandbox",
                "detailed_description": "It draws its prompt as text.",
                "model_type": "image",
                "tags": ["image"],
                "parameters": [],
                "price_info": {"price": 0, "pricing_type": "per_request", "unit": "image"},
                "delivery_mode": "sync" if self._blocking else "async",
                "pricing_details": _PRICES,
            },
        )

    def _upload(self, call: Call) -> Reply:
        kind = Fields(json_object(call.body)).choice("file_type", UPLOAD_TYPES, "")
        if not kind:
            raise BadField("file_type", "missing", "file_type is required")
        put, public = self._pictures.upload_links(call.origin, f"{secrets.token_hex(12)}.{kind}")
        return json_reply(200, {"upload_url": put, "public_url": public})


def _whole(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal():
        raise BadField("limit", "invalid", "limit and offset are whole numbers")
    return int(text)
