"""Answers that no service's document describes, in place of the one it would have given."""

from __future__ import annotations

import base64
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
_IDS = ("task_id", "request_id", "id")
_WORDS = {"error": {"message": "This is scripted."}}


def refusal(fault: str) -> Reply:
    """The service says no."""
    soon = formatdate(time.time() + 1.5, usegmt=True)
    waits = {"429 with seconds": "1", "429 with date": soon, "429 with zero": "0"}
    return json_reply(REFUSALS[fault], _WORDS, {"Retry-After": waits[fault]} if fault in waits else {})


def redirect(fault: str, path: str, elsewhere: str) -> Reply:
    """The service sends the client to the same path, with a mark, at itself or elsewhere."""
    return Reply(302, b"", headers={"Location": f"{'' if fault == 'redirect same host' else elsewhere}{path}?hop=1"})


def instead(fault: str, place: str, reply: Reply) -> Reply:
    """What comes in place of the service's own answer, or of a picture."""
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
        case "no links":
            return _mapped(reply, lambda value: _with_pictures(value, None)) if is_json else reply
        case "inline":
            return _mapped(reply, lambda value: _with_pictures(value, _DATA_URI)) if is_json else reply
        case "another format":
            return reply if is_json else Reply(200, _drawn("GIF"), "image/gif")
        case _:
            return json_reply(_STATUSES[fault], _WORDS)


def _mapped(reply: Reply, change: Callable[[Any], object]) -> Reply:
    return json_reply(reply.status, change(json.loads(reply.body)))


def _unheard_of(value: Any) -> object:
    if isinstance(value, dict):
        return {key: "rehearsing" if key == "status" else _unheard_of(inner) for key, inner in value.items()}
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
    """With a byte order mark, an echo in Latin-1, a lone surrogate and a NUL."""
    first, rest = reply.body[:1], reply.body[1:]
    return replace(reply, body=b"\xef\xbb\xbf" + first + b'"echo": "K\xe4se \\ud83e \0", ' + rest)


def _with_pictures(value: Any, shown: str | None) -> object:
    """With something else wherever a picture's link stands."""
    match value:
        case dict():
            return {key: _with_pictures(inner, shown) for key, inner in value.items()}
        case list():
            return [_with_pictures(inner, shown) for inner in value]
        case str() if "/sandbox/" in value:  # 3D AI Studio has two links to each
            return shown
        case _:
            return value


def _drawn(format: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 64), "orange").save(file, format)
    return file.getvalue()


_DATA_URI = f"data:image/png;base64,{base64.b64encode(_drawn('PNG')).decode()}"
