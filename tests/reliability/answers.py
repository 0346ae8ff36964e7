"""Answers in place of the one a service would have given: those that no document describes, and its own refusals."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import replace
from email.utils import formatdate
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from imgen_providers.sandbox.exchange import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

# What costs nothing, because the service plainly says no. Everything else may have been charged, and so it is.
_TOO_FAST = ("429 with seconds", "429 with date", "429 with zero")
REFUSALS = {"401": 401, "402": 402, "403": 403, "404": 404, "422": 422, **dict.fromkeys(_TOO_FAST, 429)}
REDIRECTS = ("redirect same host", "redirect other host")
_STATUSES = {"408": 408, "409": 409, "500": 500, "502": 502, "503": 503, "504": 504}
_IDS = ("task_id", "request_id", "id", "name")
_WORDS = {"error": {"message": "This is scripted."}}


def _google(status: int, word: str, message: str = "This is scripted.", **detail: str) -> Reply:
    """A google.rpc.Status."""
    error: dict[str, object] = {"code": status, "message": message, "status": word}
    return json_reply(status, {"error": {**error, **({"details": [detail]} if detail else {})}})


def _openai(status: int, code: str) -> Reply:
    return json_reply(status, {"error": {"message": "This is scripted.", "type": "scripted", "code": code}})


_BILLING = "Your prepayment credits are depleted. Check your billing."
UNPAID = {
    "Google's 500": _google(500, "INTERNAL"),
    "Google's 503": _google(503, "UNAVAILABLE"),
    "a wait in the body": _google(429, "RESOURCE_EXHAUSTED", retryDelay="0.5s"),
    "a limit of 0": _google(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0, model: any", retryDelay="40000s"),
    "a wrong key as 400": _google(400, "INVALID_ARGUMENT", reason="API_KEY_INVALID"),
    "no billing as 400": _google(400, "FAILED_PRECONDITION", _BILLING),
    "moderated before": _openai(400, "moderation_blocked"),
    "an empty quota as 429": _openai(429, "insufficient_quota"),
    "moderated by OpenRouter": json_reply(403, {"error": {"code": 403, "message": "Your input violates the policy"}}),
    "an exhausted balance": json_reply(403, {"detail": "User is locked. Reason: Exhausted balance."}),
}
"""Refusals of one service's own, of which its document says, or means, that they cost nothing."""

_USAGE = {"promptTokenCount": 4, "totalTokenCount": 4}
_NO_MEDIA = [{"loc": ["body"], "msg": "unsafe content", "type": "no_media_generated"}]
_PAID = {
    "Google's 504": _google(504, "DEADLINE_EXCEEDED"),
    "a blocked prompt": json_reply(
        200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": _USAGE}
    ),
    "no image": json_reply(200, {"candidates": [{"finishReason": "NO_IMAGE"}], "usageMetadata": _USAGE}),
    "no parts": json_reply(200, {"candidates": [{"content": {}, "finishReason": "STOP"}], "usageMetadata": _USAGE}),
    "no data": json_reply(200, {"created": 1, "data": [], "usage": {"cost": 0}}),
    "a 524": json_reply(524, {"error": {"code": 524, "message": "A timeout occurred"}}),
    "a 529": json_reply(529, {"error": {"code": 529, "message": "Provider overloaded"}}),
    "an expired batch": json_reply(200, {"done": True, "metadata": {"state": "BATCH_STATE_EXPIRED"}}),
    "a failed batch": json_reply(200, {"done": True, "metadata": {"state": "JOB_STATE_FAILED"}, "error": {"code": 13}}),
    "a failed request": json_reply(
        200,
        {
            "done": True,
            "metadata": {
                "state": "BATCH_STATE_SUCCEEDED",
                "output": {"inlinedResponses": {"inlinedResponses": [{"error": {"code": 13, "message": "Internal"}}]}},
            },
        },
    ),
    "no state yet": json_reply(200, {"name": "batches/one", "done": False}),
    "completed with an error": json_reply(
        200, {"status": "COMPLETED", "error": "Runner disconnected", "error_type": "runner_disconnected"}
    ),
    "the refusal of a run": json_reply(422, {"detail": _NO_MEDIA}, {"X-Fal-Error-Type": "no_media_generated"}),
    "the failure of a run": json_reply(500, {"detail": "Runner disconnected", "error_type": "runner_disconnected"}),
    "a gateway's 400": Reply(400, b"<html><title>400 Bad Request</title></html>", "text/html"),
}
"""Ends of one service's own that may have been charged: what its document does not call free, is not."""


def refusal(fault: str) -> Reply:
    """The service says no."""
    if fault in UNPAID:
        return UNPAID[fault]
    soon = formatdate(time.time() + 1.5, usegmt=True)
    waits = {"429 with seconds": "1", "429 with date": soon, "429 with zero": "0"}
    return json_reply(REFUSALS[fault], _WORDS, {"Retry-After": waits[fault]} if fault in waits else {})


def too_fast(seconds: int) -> Reply:
    """The service takes nothing for so long."""
    return json_reply(429, _WORDS, {"Retry-After": str(seconds)})


def redirect(fault: str, path: str, elsewhere: str) -> Reply:
    """The service sends the client to the same path, with a mark, at itself or elsewhere."""
    return Reply(302, b"", headers={"Location": f"{'' if fault == 'redirect same host' else elsewhere}{path}?hop=1"})


def instead(fault: str, place: str, reply: Reply, pictures: str) -> Reply:
    """What comes in place of the service's own answer, or of a picture; `pictures` is the origin of these."""
    is_json = reply.media_type == "application/json"
    match fault:
        case "HTML 200":
            return Reply(200, b"<!doctype html><title>Please wait</title>", "text/html; charset=utf-8")
        case "empty 200":
            return Reply(200, b"", reply.media_type)
        case "unknown state":
            return _mapped(reply, _unheard_of) if is_json else Reply(299, reply.body, reply.media_type)
        case "missing fields":
            return _mapped(reply, lambda _: {})
        case "wrong types":
            return _mapped(reply, _of_wrong_types) if is_json else Reply(200, reply.body, "text/html")
        case "odd coding":
            return replace(reply, headers={**reply.headers, "Content-Encoding": "none"})
        case "odd bytes":
            return _with_odd_bytes(reply) if is_json else replace(reply, body=reply.body + b"\n")
        case "id in a link":
            return _mapped(reply, _linked) if place == "submit" else reply
        case "504 with the id":
            return replace(_mapped(reply, _failed), status=504) if is_json else json_reply(504, _WORDS)
        case "no links" | "inline" | "linked" | "another format" | "cut picture" if is_json:
            return _mapped(reply, lambda value: _with_pictures(value, fault, pictures))
        case "cut picture":
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case "another format":
            return Reply(200, _drawn("GIF"), "image/gif")
        case "no links" | "inline" | "linked":
            return reply
        case _:
            return _PAID.get(fault) or json_reply(_STATUSES[fault], _WORDS)


def _mapped(reply: Reply, change: Callable[[Any], object]) -> Reply:
    return json_reply(reply.status, change(json.loads(reply.body)))


def _unheard_of(value: Any) -> object:
    if isinstance(value, dict):
        return {key: "rehearsing" if key in ("status", "state") else _unheard_of(each) for key, each in value.items()}
    return value


def _of_wrong_types(value: Any) -> object:
    """Everything of another type, but for the id: a number in its place would be an id as well, of another job."""
    match value:
        case dict():
            return {key: inner if key in _IDS else _of_wrong_types(inner) for key, inner in value.items()}
        case str():
            return 7
        case list():
            return {}
        case _:
            return "seven"


def _id(value: Any) -> str:
    """The id of the job in the answer to its submit."""
    inner = value.get("data", value)
    return next(str(inner[name]) for name in _IDS if name in inner)


def _linked(value: Any) -> object:
    return {"urls": {"get": f"/api/v3/predictions/{_id(value)}/result"}}


def _failed(value: Any) -> object:
    inner = value.get("data", value)
    return {**_WORDS, **{name: inner[name] for name in _IDS if name in inner}}


def _with_odd_bytes(reply: Reply) -> Reply:
    """With a byte order mark, an echo in Latin-1, a lone surrogate and a NUL, and a header outside ASCII."""
    first, rest = reply.body[:1], reply.body[1:]
    headers = {**reply.headers, "CF-IPCity": "S\xe3o Paulo"}
    return replace(reply, headers=headers, body=b"\xef\xbb\xbf" + first + b'"echo": "K\xe4se \\ud83e \0", ' + rest)


def _with_pictures(value: Any, fault: str, pictures: str) -> object:
    """With something else wherever a picture's link stands, or the picture itself in base64."""
    match value:
        case dict():
            return {key: _with_pictures(inner, fault, pictures) for key, inner in value.items()}
        case list():
            return [_with_pictures(inner, fault, pictures) for inner in value]
        case str() if "/sandbox/" in value:  # 3D AI Studio has two links to each
            return {"no links": None, "inline": _DATA_URI}.get(fault, value)
        case str() if len(value) > _LONGEST_TEXT:
            cut = _base64(base64.b64decode(value)[: len(value) // 2])
            changed = {"no links": None, "inline": _DATA_URI, "linked": pictures + LINKED_PATH, "cut picture": cut}
            return changed.get(fault, _base64(_drawn("GIF")))
        case _:
            return value


def _drawn(format: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 64), "orange").save(file, format)
    return file.getvalue()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_LONGEST_TEXT = 5000  # characters; what is longer is a picture
LINKED = _drawn("PNG")
"""The picture behind the link that a service gives in place of the picture itself."""

LINKED_PATH = f"/sandbox/storage/{hashlib.sha256(LINKED).hexdigest()}.png"
_DATA_URI = f"data:image/png;base64,{_base64(LINKED)}"
