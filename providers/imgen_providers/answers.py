"""What a service's answer means, for people and for the person's money. Standard library only."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from imgen_providers.assets import looks_like_picture
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
from imgen_providers.json_text import inside, loads, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import Json

_LONGEST_WAIT = 86_400.0  # seconds; a longer Retry-After says no more than "not today"
_TEXT_LIMIT = 400  # characters of a service's own words that an error carries
_READ_BYTES = 64 * 1024  # of an answer that is no JSON
_BARE = re.compile(r"(?:https?://|data:)\S+|[A-Za-z0-9+/=_\r\n-]{64,}", re.IGNORECASE)
_MOST_ITEMS = 20  # of a list of complaints

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
        """The body as JSON, read leniently and bounded; as JSON inside of a text too. Raises `ValueError` for none."""
        value = loads(self.body)
        return (inside(value) or value) if isinstance(value, str) else value

    def content(self) -> Json:
        """As `json`; of a body that is nothing but a picture, or its link or base64, that text. Raises `ValueError`."""
        if looks_like_picture(self.body) and not self.body.startswith(b"<"):
            return f"data:;base64,{base64.b64encode(self.body).decode()}"
        try:
            return self.json()
        except ValueError:
            text = text_of(self.body).strip()
            if not _BARE.fullmatch(text):
                raise
            return text


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an error answer says. `verdict` overrides what its HTTP status alone would mean.

    `is_page` is true where the words are those of a web page, which a firewall or gateway may have sent.
    `retry_after` is the wait in seconds that a service names in its body; without one, the header counts.
    """

    message: str
    code: str | None = None
    request_id: str | None = None
    verdict: type[ServiceError] | None = None
    is_page: bool = False
    retry_after: float | None = None


_MESSAGES = ("message", "detail", "error", "error_message", "errors", "msg", "reason", "description", "title")
_FEW = 4
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CODES = ("code", "error_code", "type", "status")


def explain(answer: Answer) -> Explanation:
    """Read an error body of any form: the services were seen to send many, and gateways send more.

    Seen (reference 1.5 to 4.A, 2026-11-20): {"error": {...}}, {"error": "..."}, {"message"}, {"detail"},
    {"code" or "error_code"}, maps of fields to lists of complaints, plain text, and web pages.
    """
    try:
        body = answer.json()
    except ValueError:
        start = answer.body[:_READ_BYTES]
        text = text_of(start)
        return Explanation("") if _is_binary(text) else _in_plain_words(text)
    if isinstance(body, list) and len(body) == 1:  # as Google wraps its errors (reference 5.2)
        body = body[0]
    if not isinstance(body, dict):
        return Explanation(words(body))
    inner = body.get("error")
    found: dict[str, Json] = {**body, **inner} if isinstance(inner, dict) else body
    codes = (found.get(key) for key in _CODES)
    code = next((str(value) for value in codes if isinstance(value, str | int) and value != ""), None)
    message = next((text for key in _MESSAGES if (text := words(found.get(key)))), "")
    if not message:
        complaints = [f"{key}: {words(value)}" for key, value in found.items() if isinstance(value, list)]
        message = "; ".join(complaints)[:_TEXT_LIMIT]
    if not message and not code and body:
        message = words(body)
    request_id = found.get("request_id")
    return Explanation(
        message,
        code and code[:_TEXT_LIMIT],
        request_id[:_TEXT_LIMIT] if isinstance(request_id, str) else None,
    )


def _is_binary(text: str) -> bool:
    """Whether what came is a file rather than words, by the control characters in it, of which a text has a few."""
    return len(_NO_TEXT.findall(text.strip("\0"))) > _FEW


def words(value: Json) -> str:
    """A value in the service's own words: at most 400 characters, an object by its message, else as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value.strip()[:_TEXT_LIMIT]
        case list() if all(isinstance(item, str | dict) for item in value):
            return ", ".join(text for item in value[:_MOST_ITEMS] if (text := words(item)))[:_TEXT_LIMIT]
        case dict():
            said = (words(value.get(key)) for key in _MESSAGES)
            return next((text for text in said if text), _as_json(value))
        case _:
            return _as_json(value)


def _as_json(value: Json) -> str:
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece
        if len(text) >= _TEXT_LIMIT:
            break
    return "" if value in ({}, []) else text[:_TEXT_LIMIT]


def _in_plain_words(text: str) -> Explanation:
    """A body that is no JSON: as text, without the tags of a web page."""
    text = text.strip("\ufeff\0 \t\r\n")
    if not text.startswith("<"):
        return Explanation(" ".join(text.split())[:_TEXT_LIMIT])
    is_page = re.match(r"(?is)<(!doctype html|html|head|body|h\d|title|!--)", text) is not None
    bare = re.sub(r"(?is)<(script|style)\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)|<[^>]*(>|\Z)", " ", text)
    import html

    said = " ".join(html.unescape(bare).split())[:_TEXT_LIMIT]
    if is_page:
        quoted = f" ({said})" if said else ""
        said = f"it answered with a web page, so a firewall or gateway may stand between{quoted}"
    return Explanation(said, is_page=is_page)


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
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3), or else None.

    Zero and a date that is past are 0; more than a day is a day.
    """
    if value is None:
        return None
    numbers = [_seconds(part) for part in value.split(",")]  # a header that came twice is joined by a comma
    seconds = max((number for number in numbers if number is not None), default=None)
    if seconds is None or None in numbers:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            return None
    return min(max(0.0, seconds), _LONGEST_WAIT)


def _seconds(text: str) -> float | None:
    text = text.strip()
    return float(text) if re.fullmatch(r"\d{1,400}(\.\d{1,40})?", text, re.ASCII) else None


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
