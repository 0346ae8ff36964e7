"""Google's Gemini API as its documents and its own client show it (reference of the direct services, 1; 2026-11-25)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, cast

from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, json_object
from imgen_providers.sandbox.gemini_answers import answer
from imgen_providers.sandbox.gemini_batches import GeminiBatches, is_batch
from imgen_providers.sandbox.gemini_files import GeminiFiles
from imgen_providers.sandbox.gemini_requests import NAME, RequestReader, in_camel_case
from imgen_providers.sandbox.tables import GEMINI

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore, Order, Standing, StoredJob

_VERSION = r"/v1(?:beta)?"
_KEY_HEADER = "x-goog-api-key"
_PAGE = 50
_STATUSES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_WORDS = {
    500: "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
    503: "The model is overloaded. Please try again later.",
}


class Gemini:
    """Models that answer the submit with their picture, and batches, which are jobs; /v1 and /v1beta are the same."""

    name = NAME

    def __init__(self, store: JobStore, pictures: Pictures, faults: FaultScript, now: Callable[[], float]) -> None:
        self._pictures = pictures
        self._faults = faults
        self.files = GeminiFiles(store, now, pictures.key)
        self._reader = RequestReader(store, pictures, self.files)
        self._batches = GeminiBatches(store, pictures, faults, self.files, self._reader, now)
        model = _VERSION + r"/models/(?P<model>[\w.-]+)"
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(model + r":(?P<method>generateContent|batchGenerateContent)"), "submit"),
            Route("GET", re.compile(_VERSION + r"/batches/(?P<id>[\w-]+)"), "status"),
            Route("GET", re.compile(_VERSION + "/models"), self._models, _KEY_HEADER),
            Route("GET", re.compile(model), self._model, _KEY_HEADER),
            *self.files.routes,
            *self._batches.routes,
        )

    def new_id(self) -> str:
        return secrets.token_hex(12)

    def refuses_key(self, call: Call) -> Reply | None:
        if call.headers.get(_KEY_HEADER) or call.query.get("key"):
            return None
        # [assumed] What Google answers without any key.
        return error(403, "Method doesn't allow unregistered callers (callers without established identity).")

    def order(self, call: Call) -> Order:
        body = cast("dict[str, object]", in_camel_case(json_object(call.body)))
        if call.place["method"] == "generateContent":
            return self._reader.order(call.place["model"], body)
        return self._batches.order(call.place["model"], body)

    def accepted(self, job: StoredJob, standing: Standing, _origin: str) -> Reply:
        if is_batch(job):
            return json_reply(200, self._batches.operation(job, standing))
        match standing.state:
            case "rate-limited":
                return self.trouble(Trouble("rate-limited"))
            case "queued" | "running" | "cancelled":
                return error(504, "Deadline expired before operation could complete.", status="DEADLINE_EXCEEDED")
            case _:
                message = answer(job, standing, self._pictures, self._faults)
                return json_reply(200, message, {"Server": "scaffolding on HTTPServer2"})

    def status(self, job: StoredJob, standing: Standing, _origin: str) -> Reply:
        if not is_batch(job):
            return self.trouble(Trouble("not-found"))
        return json_reply(200, self._batches.operation(job, standing))

    def bad_field(self, bad_field: BadField) -> Reply:
        return error(404 if bad_field.kind == "no-model" else 400, bad_field.text)

    def trouble(self, trouble: Trouble) -> Reply:
        match trouble.kind:
            case "bad-key":  # a wrong key is 400, not 401 (1.6)
                info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
                text = "API key not valid. Please pass a valid API key."
                return error(400, text, {**info, "domain": "googleapis.com"})
            case "no-credit":  # the free tier has no pictures at all (1.6)
                return _exhausted("free_tier_requests, limit: 0, model: gemini-nano-banana-2.1", 86_400.0)
            case "rate-limited":
                return _exhausted("generate_content_paid_tier_requests, limit: 10", trouble.seconds)
            case "content-policy":
                return json_reply(200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
            case "not-found":
                return error(404, "Requested entity was not found.")
            case "wrong-method":
                return Reply(404, b"", "text/html")  # [assumed]
            case "server-error":
                status = trouble.status if trouble.status in _WORDS else 500
                return error(status, _WORDS[status])

    def _models(self, call: Call) -> Reply:
        size, start = call.query.get("pageSize", str(_PAGE)), call.query.get("pageToken", "0")
        if not size.isdecimal() or not start.isdecimal():
            raise BadField("pageToken", "invalid", "Invalid page token or page size.")
        first, count = int(start), min(int(size) or _PAGE, 1000)
        ids = [*GEMINI, "gemini-2.5-flash", "gemini-embedding-001"]
        page: dict[str, object] = {"models": [_listed(each) for each in ids[first : first + count]]}
        if first + count < len(ids):
            page["nextPageToken"] = str(first + count)
        return json_reply(200, page)

    def _model(self, call: Call) -> Reply:
        if call.place["model"] not in GEMINI:
            return self.trouble(Trouble("not-found"))
        return json_reply(200, _listed(call.place["model"]))


def error(code: int, message: str, *details: Mapping[str, object], status: str | None = None) -> Reply:
    """A google.rpc.Status, as every refusal of Google is one."""
    body: dict[str, object] = {"code": code, "message": message, "status": status or _STATUSES[code]}
    if details:
        body["details"] = list(details)
    return json_reply(code, {"error": body})


def _exhausted(metric: str, seconds: float) -> Reply:
    """A 429 whose time to wait stands in its body only (1.6)."""
    text = (
        "You exceeded your current quota, please check your plan and billing details. "
        f"* Quota exceeded for metric: generativelanguage.googleapis.com/{metric}\n"
        f"Please retry in {seconds:g}s."
    )
    quota = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerMinute"}]}
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"}
    return error(429, text, quota, wait)


def _listed(model: str) -> dict[str, object]:
    methods = ["embedContent"] if "embedding" in model else ["generateContent", "countTokens", "batchGenerateContent"]
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model.replace("-", " ").title(),
        "description": "A model of the sandbox",
        "inputTokenLimit": 65536,
        "outputTokenLimit": 65536,
        "supportedGenerationMethods": methods,
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
    }
