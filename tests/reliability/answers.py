"""Answers that no service's document describes, in place of the one it would have given."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from imgen_providers.sandbox.exchange import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

# What costs nothing, because the service plainly says no. Everything else may have been charged, and so it is.
REFUSALS = {"401": 401, "402": 402, "403": 403, "404": 404, "422": 422, "429 with seconds": 429, "429 with date": 429}
REDIRECTS = ("redirect same host", "redirect other host")
_STATUSES = {"408": 408, "409": 409, "500": 500, "502": 502, "503": 503, "504": 504}
_WORDS = {"error": {"message": "This is scripted."}}


def refusal(fault: str) -> Reply:
    """The service says no."""
    waits = {"429 with seconds": "1", "429 with date": formatdate(time.time() + 1.5, usegmt=True)}
    return json_reply(REFUSALS[fault], _WORDS, {"Retry-After": waits[fault]} if fault in waits else {})


def redirect(fault: str, path: str, elsewhere: str) -> Reply:
    """The service sends the client to the same path, with a mark, at itself or elsewhere."""
    return Reply(302, b"", headers={"Location": f"{'' if fault == 'redirect same host' else elsewhere}{path}?hop=1"})


def instead(fault: str, reply: Reply) -> Reply:
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
        case _:
            return json_reply(_STATUSES[fault], _WORDS)


def _mapped(reply: Reply, change: Callable[[Any], object]) -> Reply:
    return json_reply(reply.status, change(json.loads(reply.body)))


def _unheard_of(value: Any) -> object:
    if isinstance(value, dict):
        return {key: "rehearsing" if key == "status" else _unheard_of(inner) for key, inner in value.items()}
    return value


def _of_wrong_types(value: Any) -> object:
    match value:
        case dict():
            return {key: _of_wrong_types(inner) for key, inner in value.items()}
        case str():
            return 7
        case list():
            return {}
        case _:
            return "seven"
