"""reAPI as its documents show it (seed 003; reference 3, 2026-11-20)."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from imgen_providers.sandbox import by_name
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, BadFieldKind, Fields, json_object
from imgen_providers.sandbox.store import Order, Standing, State, StoredJob
from imgen_providers.sandbox.tables import REAPI

if TYPE_CHECKING:
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import Reference

_STATES: dict[State, str] = {
    "queued": "processing",
    "running": "processing",
    "done": "completed",
    "failed": "failed",
    "refused": "failed",
    "rate-limited": "failed",
    "error": "failed",
    "expired": "failed",
    "unheard-of": "hibernating",
}
# Reference 3.1: codes of tasks that failed after they were accepted; nothing there stands for "no capacity".
_ENDS: dict[State, tuple[int, str]] = {
    "failed": (80003, "provider_failed"),
    "refused": (80006, "Request violates content policy"),
    "rate-limited": (80001, "provider_submit_failed"),
    "error": (80003, "provider_failed"),
    "expired": (80002, "provider_polling_timeout"),
}
_COMPLAINTS: dict[BadFieldKind, int] = {
    "body": 20001,
    "missing": 20002,
    "invalid": 20003,
    "unknown": 20003,
    "no-model": 20004,
    "too-long": 20007,
}
_BAD_SIZE = 20005
# Reference 3.1. The HTTP status of 502 and 504 is that of a gateway, which speaks no JSON.
_SERVER_ERRORS = {500: (60099, "Internal error — please retry"), 503: (70001, "Temporal cluster unavailable")}
_PARAMETERS = {"model", "prompt", "resolution", "image_urls"}


class ReAPI:
    """One endpoint for every model and both operations; a task that exists is always answered with 200."""

    name = "reapi"

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(r"/api/v1/images/generations"), "submit"),
            Route("GET", re.compile(r"/api/v1/tasks/(?P<id>[\w-]+)"), "status"),
            Route("GET", re.compile(r"/api/v1/balance"), self._balance),
        )

    def new_id(self) -> str:
        return f"task_{uuid.uuid4().hex}"

    def refuses_key(self, call: Call) -> Reply | None:
        match call.bearer():
            case None:
                return _error(401, 10001, "Missing Authorization header")
            case "" if call.headers["authorization"].strip().lower() == "bearer":
                return _error(401, 10003, "API key invalid")
            case "":
                return _error(401, 10002, "Authorization header must be: Bearer <key>")
            case _:
                return None

    def order(self, call: Call) -> Order:
        values = json_object(call.body)
        model = Fields(values).text("model")
        if model in by_name.REAPI:
            return by_name.order(self.name, model, Fields(values, model))
        if model not in REAPI:
            raise BadField("model", "no-model", f"{model}: model not supported on this endpoint")
        limits = REAPI[model]
        # Seed 003: "2K" and "2k" are the same; we compare in capitals.
        if isinstance(word := values.get("resolution"), str) and word.upper() in limits.resolutions:
            values = {**values, "resolution": word.upper()}
        fields = Fields(values, model)
        ratio = _ratio(model)
        fields.only(_PARAMETERS | {ratio} | ({"n"} if limits.pictures > 1 else set()) | _extras(model))
        for name in sorted(_extras(model)):
            fields.flag(name)
        if values.get("google_image_search") is True and values.get("google_search") is not True:
            raise fields.invalid("google_image_search", "it needs google_search")
        prompt = fields.text("prompt", limit=limits.prompt)
        links = fields.texts("image_urls", limits.references)
        aspect = fields.choice(ratio, limits.aspects, "") or None
        # One model has 1K in lower case only (reference 3.3).
        usual = "1K" if "1K" in limits.resolutions else next(iter(limits.resolutions))
        resolution = fields.choice("resolution", limits.resolutions, usual)
        count = fields.whole("n", 1, limits.pictures, 1)
        pictures = self._references(fields, links)
        # [assumed] "inherits the first reference's resolution" (seed 003) is taken as its nearest ratio.
        size = limits.size(aspect, resolution, pictures[0].size if pictures else None)
        return Order(self.name, model, prompt, size, "PNG", "png", count, pictures)

    def accepted(self, job: StoredJob, _standing: Standing, _origin: str) -> Reply:
        return json_reply(200, self._envelope(job, "processing"))

    def status(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        output: dict[str, object] | None = None
        if standing.state == "done":
            links = [self._pictures.link(origin, job, index) for index in range(standing.pictures)]
            output = {"image_urls": links}
        code, message = _ENDS.get(standing.state, (0, ""))
        error = {"code": code, "message": message} if code else None
        return json_reply(200, {**self._envelope(job, _STATES[standing.state]), "output": output, "error": error})

    def bad_field(self, bad_field: BadField) -> Reply:
        wrong_size = bad_field.field == "size" and bad_field.kind == "invalid"
        return _error(400, _BAD_SIZE if wrong_size else _COMPLAINTS[bad_field.kind], bad_field.text)

    def trouble(self, trouble: Trouble) -> Reply:
        match trouble.kind:
            case "bad-key":
                return _error(401, 10003, "API key invalid")
            case "no-credit":
                return _error(402, 30001, "Insufficient credits")
            case "rate-limited":
                return _error(429, 50001, "Rate limit exceeded")
            case "content-policy":
                return _error(400, 80006, "Request violates content policy")
            case "not-found":
                return _error(404, 40001, "Task not found")
            case "wrong-method":
                return json_reply(405, {"error": "Method not allowed"})  # [assumed]
            case "server-error":
                code, message = _SERVER_ERRORS.get(trouble.status, _SERVER_ERRORS[500])
                return _error(trouble.status, code, message)

    def _envelope(self, job: StoredJob, status: str) -> dict[str, object]:
        return {"id": job.id, "model": job.order.model, "status": status, "created_at": int(job.created_at)}

    def _references(self, fields: Fields, links: list[str]) -> tuple[Reference, ...]:
        found = []
        for link in links:
            reference = self._pictures.reference(link)
            if reference is None:
                raise fields.invalid("image_urls", "each must be a public HTTP(S) URL")
            found.append(reference)
        return tuple(found)

    def _balance(self, _call: Call) -> Reply:
        return json_reply(200, {"balance": 100_000})  # reference 3.4: credits, one is $0.001


def _ratio(model: str) -> str:
    """The name of the field with the ratio: that of the newer models differs (reference 3.3)."""
    return "aspect_ratio" if model.startswith("nano-banana") else "size"


def _extras(model: str) -> set[str]:
    """The parameters that only some models take (reference 3.3)."""
    if model.startswith("nano-banana"):
        return set()
    fallback = set() if model.endswith("-official") else {"official_fallback"}
    return fallback | ({"google_search", "google_image_search"} if "3.1-flash" in model else set())


def _error(status: int, code: int, message: str) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": message, "request_id": f"req_{uuid.uuid4()}"}})
