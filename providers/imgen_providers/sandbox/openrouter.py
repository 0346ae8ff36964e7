"""OpenRouter's image API and its chat completions with pictures (reference of the direct services, 5; 2026-11-25)."""

from __future__ import annotations

import base64
import re
import secrets
from decimal import Decimal
from typing import TYPE_CHECKING

from imgen_providers.sandbox import references
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, Fields, json_object
from imgen_providers.sandbox.store import Order
from imgen_providers.sandbox.tables import OPENROUTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore, Reference, Standing, StoredJob

_IMAGES = {"model", "prompt", "n", "aspect_ratio", "resolution", "size", "quality", "output_format"} | {
    *("output_compression", "background", "seed", "input_references", "provider", "stream", "user"),
}
_CHAT = {"model", "messages", "modalities", "image_config", "provider", "stream", "seed", "temperature", "max_tokens"}
_ONLY_PICTURES = ("openai/",)  # chat completions answer 500 for a model that makes nothing else (5)
_COST = Decimal("0.04")  # of each picture; the sandbox's own number
_CREDITS = 25
_RATIOS_BEYOND = frozenset({"auto", "1:2", "2:1", "9:19.5", "19.5:9", "9:20", "20:9", "9:21"})
"""Ratios of the enum that no model of the table has: a provider takes the nearest it supports."""


class OpenRouter:
    """Answers a submit with its pictures and with what they cost."""

    name = "openrouter"

    def __init__(self, store: JobStore, pictures: Pictures, faults: FaultScript) -> None:
        self._store = store
        self._pictures = pictures
        self._faults = faults
        base = "/api/v1"
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(base + "/(?P<surface>images|chat/completions)"), "submit"),
            Route("GET", re.compile(base + "/images/models"), self._models),
            Route("GET", re.compile(base + "/models"), self._models),
            Route("GET", re.compile(base + r"/images/models/(?P<model>[\w.-]+/[\w.-]+)/endpoints"), self._endpoints),
            Route("GET", re.compile(base + "/credits"), self._credits),
            Route("GET", re.compile(base + "/key"), self._key),
            Route("GET", re.compile(base + "/generation"), self._generation),
        )

    def new_id(self) -> str:
        return f"gen-{secrets.token_hex(10)}"

    def refuses_key(self, call: Call) -> Reply | None:
        return None if call.bearer() else _error(401, "No auth credentials found")

    def order(self, call: Call) -> Order:
        values = json_object(call.body)
        if call.place["surface"] == "images":
            return self._images(Fields(values))
        return self._chat(Fields(values), values)

    def accepted(self, job: StoredJob, standing: Standing, _origin: str) -> Reply:
        match standing.state:
            case "done":
                count = 0 if self._faults.take("no-picture") else standing.pictures
            case "refused":
                return self.trouble(Trouble("content-policy"))
            case "rate-limited":
                return self.trouble(Trouble("rate-limited"))
            case _:
                return _error(502, "Provider returned error", {"provider_name": "Sandbox"})
        pictures = [self._pictures.draw(job, index) for index in range(count)]
        if job.order.body["chat"]:
            return json_reply(200, _completion(job, pictures, standing.at))
        media_type = f"image/{job.order.format.lower()}"
        data = [{"b64_json": base64.b64encode(each).decode(), "media_type": media_type} for each in pictures]
        return json_reply(200, {"created": int(standing.at), "data": data, "usage": _usage(job, count)})

    def status(self, _job: StoredJob, _standing: Standing, _origin: str) -> Reply:
        return self.trouble(Trouble("not-found"))  # there is no path to ask at

    def bad_field(self, bad_field: BadField) -> Reply:
        return _error(400, bad_field.text)

    def trouble(self, trouble: Trouble) -> Reply:
        match trouble.kind:
            case "bad-key":
                return _error(401, "User not found.")
            case "no-credit":
                return _error(402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits")
            case "rate-limited":
                return _error(429, "Rate limit exceeded")
            case "content-policy":
                reasons = {"reasons": ["sexual"], "flagged_input": "..."}
                return _error(403, "The input was flagged by moderation.", reasons)
            case "not-found":
                return _error(404, "Not found")
            case "wrong-method":
                return _error(405, "Method not allowed")  # [assumed]
            case "server-error":
                return _error(trouble.status, "Internal Server Error")

    def _images(self, fields: Fields) -> Order:
        fields.only(_IMAGES)
        model = _model(fields)
        limits = OPENROUTER[model]
        aspect = fields.choice("aspect_ratio", limits.aspects | _RATIOS_BEYOND, "1:1")
        resolution = fields.choice("resolution", limits.resolutions, "1K")
        word = fields.choice("output_format", limits.formats, "png")
        found = self._references(fields.objects("input_references", limits.references))
        size = limits.size(aspect if aspect in limits.aspects else None, resolution, None)
        count = fields.whole("n", 1, limits.pictures, 1)
        prompt = fields.text("prompt")
        return self._order(model, prompt, size, (limits.formats[word], word), count, found, chat=False)

    def _chat(self, fields: Fields, values: dict[str, object]) -> Order:
        fields.only(_CHAT)
        model = _model(fields)
        if model.startswith(_ONLY_PICTURES):
            raise BadField("model", "no-model", f"{model} is not available on this endpoint")
        if "image" not in fields.texts("modalities", 2):
            raise BadField("modalities", "missing", "No endpoints found that support the requested output modalities")
        messages = fields.objects("messages", 1000)
        parts = [part for message in messages for part in _content(message)]
        prompt = " ".join(str(part["text"]) for part in parts if part.get("type") == "text" and part.get("text"))
        if not prompt:
            raise BadField("messages", "missing", "Input required: specify messages")
        config = values.get("image_config")
        chosen = Fields(config if isinstance(config, dict) else {})
        limits = OPENROUTER[model]
        aspect = chosen.choice("aspect_ratio", limits.aspects, "1:1")
        resolution = chosen.choice("image_size", limits.resolutions, "1K")
        found = self._references([part for part in parts if part.get("type") == "image_url"])
        size = limits.size(aspect, resolution, None)
        return self._order(model, prompt, size, ("PNG", "png"), 1, found, chat=True)

    def _order(
        self,
        model: str,
        prompt: str,
        size: tuple[int, int],
        form: tuple[str, str],
        count: int,
        found: tuple[Reference, ...],
        *,
        chat: bool,
    ) -> Order:
        file_format, extension = form
        return Order(
            self.name,
            model,
            prompt,
            size,
            file_format,
            extension,
            count,
            found,
            blocks=True,
            refused_at_once=True,
            base64=True,
            body={"chat": chat},
        )

    def _references(self, entries: list[dict[str, object]]) -> tuple[Reference, ...]:
        found = []
        for entry in entries:
            inner = entry.get("image_url")
            link = inner.get("url") if isinstance(inner, dict) else None
            reference = None
            if isinstance(link, str):
                reference = references.from_data_uri(link, self._store) or self._pictures.reference(link)
            if reference is None:
                raise BadField("input_references", "invalid", "Invalid image URL")
            found.append(reference)
        return tuple(found)

    def _models(self, _call: Call) -> Reply:
        shown = [
            {
                "id": model,
                "name": model,
                "architecture": {"input_modalities": ["image", "text"], "output_modalities": ["image"]},
                "supported_parameters": sorted(_IMAGES - {"model", "prompt"}),
            }
            for model in OPENROUTER
        ]
        return json_reply(200, {"data": shown})

    def _endpoints(self, call: Call) -> Reply:
        if call.place["model"] not in OPENROUTER:
            return self.trouble(Trouble("not-found"))
        line = {"billable": "image", "unit": "image", "cost_usd": float(_COST)}
        endpoint = {"provider_name": "Sandbox", "pricing": [line], "supported_parameters": sorted(_IMAGES)}
        return json_reply(200, {"data": {"id": call.place["model"], "endpoints": [endpoint]}})

    def _credits(self, _call: Call) -> Reply:
        return json_reply(200, {"data": {"total_credits": _CREDITS, "total_usage": float(self._spent())}})

    def _key(self, _call: Call) -> Reply:
        used = float(self._spent())
        return json_reply(200, {"data": {"label": "sandbox", "usage": used, "limit": None, "is_free_tier": False}})

    def _spent(self) -> Decimal:
        return sum((_COST * job.order.count for job in self._store.jobs(self.name)), Decimal(0))

    def _generation(self, call: Call) -> Reply:
        name = call.query.get("id", "")
        job = self._store.job(self.name, name) if re.fullmatch(r"[\w-]+", name) else None
        if job is None:
            return self.trouble(Trouble("not-found"))
        cost = float(_COST * job.order.count)
        return json_reply(200, {"data": {"id": job.id, "model": job.order.model, "total_cost": cost, "usage": cost}})


def _model(fields: Fields) -> str:
    model = fields.text("model")
    if model not in OPENROUTER:
        raise BadField("model", "no-model", f"{model} is not a valid model ID")
    return model


def _content(message: dict[str, object]) -> list[dict[str, object]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _usage(job: StoredJob, count: int) -> dict[str, object]:
    prompt, drawn = 1 + len(job.order.prompt) // 4, 1120 * count
    tokens = {"prompt_tokens": prompt, "completion_tokens": drawn, "total_tokens": prompt + drawn}
    return {**tokens, "cost": float(_COST * count)}


def _completion(job: StoredJob, pictures: list[bytes], at: float) -> dict[str, object]:
    links = [f"data:image/png;base64,{base64.b64encode(each).decode()}" for each in pictures]
    message = {
        "role": "assistant",
        "content": "Here is the picture you asked for.",
        "images": [{"type": "image_url", "image_url": {"url": link}} for link in links],
    }
    return {
        "id": job.id,
        "object": "chat.completion",
        "created": int(at),
        "model": job.order.model,
        "provider": "Sandbox",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "native_finish_reason": "STOP"}],
        "usage": _usage(job, len(pictures)),
    }


def _error(status: int, message: str, metadata: Mapping[str, object] | None = None) -> Reply:
    error: dict[str, object] = {"code": status, "message": message}
    if metadata is not None:
        error["metadata"] = metadata
    return json_reply(status, {"error": error})
