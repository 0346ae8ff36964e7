"""What a service's answer means, for people and for the person's money. Standard library only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from imgen_providers.errors import (
    Busy,
    ContentRefused,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    NotUnderstood,
    RateLimited,
    Refused,
    ServiceError,
    Uncertain,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import Json

_LONGEST_WAIT = 86_400.0  # seconds; a longer Retry-After says no more than "not today"
_TEXT_LIMIT = 400  # characters of a service's own words that an error carries

SENTENCES: dict[type[ServiceError], str] = {
    KeyRefused: "refused the key",
    NoCredit: "says the account cannot pay for this",
    InvalidRequest: "refused the request",
    ContentRefused: "refused the content",
    JobNotFound: "knows nothing under this name",
    RateLimited: "asks us to slow down",
    Busy: "cannot take the request now and charged nothing",
    Refused: "sent us elsewhere instead of answering",
    Uncertain: "did not say whether it took the request",
    Unreachable: "could not answer",
    NotUnderstood: "gave an answer that cannot be read",
}
"""How an error of each kind begins, after the service's name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a service, whole, and free of the key; `headers` read without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """The body as JSON. Raises `ValueError` when it is none."""
        value: Json = json.loads(self.body)
        return value


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an error answer says. `verdict` overrides what its HTTP status alone would mean."""

    message: str
    code: str | None = None
    request_id: str | None = None
    verdict: type[ServiceError] | None = None


def explain(answer: Answer) -> Explanation:
    """Read an error body of any shape the services were seen to send.

    Seen (reference 1.5 to 4.A, 2026-11-20): {"error": {...}}, {"error": "..."}, {"message"}, {"detail"},
    {"code" or "error_code"}, and maps of fields to lists of complaints.
    """
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        page = answer.body.lstrip()[:1] == b"<"
        return Explanation("it answered with a web page, so a firewall or gateway may stand between" if page else "")
    if not isinstance(body, dict):
        return Explanation("")
    inner = body.get("error")
    found: dict[str, Json] = {**body, **inner} if isinstance(inner, dict) else body
    message = next((found[key] for key in ("message", "detail", "error") if found.get(key)), None)
    if message is None:
        complaints = [f"{key}: {_text(value)}" for key, value in found.items() if isinstance(value, list)]
        message = "; ".join(complaints)
    codes = (found.get(key) for key in ("code", "error_code", "type", "status"))
    code = next((str(value) for value in codes if isinstance(value, str | int) and value != ""), None)
    request_id = found.get("request_id")
    return Explanation(
        _text(message)[:_TEXT_LIMIT],
        code and code[:_TEXT_LIMIT],
        request_id if isinstance(request_id, str) else None,
    )


def _text(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def meaning(status: int, *, paid: bool) -> type[ServiceError]:
    """What an HTTP status alone says; a paid request is only called refused where no charge is possible."""
    match status:
        case 401 | 403:
            return KeyRefused
        case 402:
            return NoCredit
        case 404:
            return InvalidRequest if paid else JobNotFound
        case 429:
            return RateLimited
        case 408 | 409 | 425:
            return Uncertain if paid else Unreachable
        case _ if 300 <= status < 400:
            return Refused if paid else NotUnderstood
        case _ if 400 <= status < 500:
            return InvalidRequest
        case _:
            return Uncertain if paid else Unreachable


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3), or else None."""
    if value is None:
        return None
    if value.strip().isdecimal() and value.isascii():
        return min(float(value), _LONGEST_WAIT)
    try:
        return min(max(0.0, parsedate_to_datetime(value).timestamp() - now), _LONGEST_WAIT)
    except (ValueError, OverflowError):
        return None


# None is documented but the body's own "request_id"; these are what gateways in front of services send.
_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "x-correlation-id", "x-trace-id", "cf-ray")


def request_id(headers: Mapping[str, str]) -> str | None:
    """The service's own name for an exchange, out of the headers of its answer."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)


_CONTENT_POLICY = re.compile(
    r"content.?polic|policy violation|violates|safety|moderation|moderated|nsfw|prohibited|sensitive|blocked",
    re.I,
)


def names_content_policy(text: str) -> bool:
    """Whether a service's own words put a refusal down to the content of the prompt or a picture.

    Few document a code for it; the words are those of reference 3.1, 4.A and 5.2 (2026-11-20).
    """
    return _CONTENT_POLICY.search(text) is not None
