"""A log of every exchange with a service: one DEBUG record each, on the logger of this module's name.

What is logged may be shown to everyone: no key, no signature of a link, no picture, and long answers in short.
"""

from __future__ import annotations

import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any

import httpx

from imgen_providers.answers import request_id
from imgen_providers.content_coding import unpacked
from imgen_providers.json_text import loads, text_of
from imgen_providers.redaction import HIDDEN, Redaction, is_secret_header, without_signature, without_signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgen_providers.base import Json

log = logging.getLogger(__name__)

_HEAD = 64 * 1024  # bytes of an answer that are looked at
_BORDER = 1024  # characters before the end of a cut text: there may be half a key in them
_SHOWN = 2000  # characters of an answer that are logged
_DATA = re.compile(r"(data:[\w/+.-]+;base64,)?[\w+/=-]{256,}", re.ASCII)
_LINK = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?/", re.ASCII)
_NOT_LOGGED = ("host", "connection", "accept-encoding", "content-length")


class WatchedClient(httpx.Client):
    """A client that logs each exchange when it has ended, without what `redaction` hides by then."""

    redaction: Callable[[], Redaction] = Redaction

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,  # noqa: ANN401 (httpx keeps the types of these two to itself)
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,  # noqa: ANN401
    ) -> httpx.Response:
        """Send the request as `httpx.Client` does."""
        started = time.monotonic()
        try:
            response = super().send(request, stream=True, auth=auth, follow_redirects=follow_redirects)
        except httpx.HTTPError as error:
            self._log(request, started, f"nothing came back: {_named(error)}", "")
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Watched(
            response.stream, lambda body: self._log(request, started, _facts(response, body), _text(response, body))
        )
        if not stream:
            response.read()
        return response

    def _log(self, request: httpx.Request, started: float, outcome: str, text: str) -> None:
        redaction = self.redaction()

        def hidden(text: str) -> str:
            return without_signatures(_without_data(redaction.text(text)))

        milliseconds = (time.monotonic() - started) * 1000
        lines = [*(f"> {hidden(line)}" for line in _request(request)), f"< {hidden(outcome)}, {milliseconds:.0f} ms"]
        if text:  # hidden before it is cut, or half a key could stay; and again as the texts that JSON writes
            lines += [f"< {_short(hidden(_unsigned_json(_without_data(redaction.text(text)))))}"]
        log.debug("%s", "\n".join(lines))


class _Watched(httpx.SyncByteStream):
    """A stream that counts what comes and keeps its beginning, and reports both once when it has ended."""

    def __init__(self, inner: httpx.SyncByteStream, ended: Callable[[_Body], None]) -> None:
        self._inner = inner
        self._ended: Callable[[_Body], None] | None = ended
        self._body = _Body()

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._inner:
                self._body.take(piece)
                yield piece
        except httpx.HTTPError as error:
            self._body.trouble = _named(error)
            raise
        finally:
            self._end()

    def close(self) -> None:
        self._inner.close()
        self._end()

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        if ended:
            ended(self._body)


class _Body:
    """What is known of an answer's body, as it came over the wire."""

    def __init__(self) -> None:
        self.head = b""
        self.size = 0
        self.trouble: str | None = None

    def take(self, piece: bytes) -> None:
        """The next piece has come."""
        self.head += piece[: _HEAD - len(self.head)]
        self.size += len(piece)


def _named(error: httpx.HTTPError) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def _request(request: httpx.Request) -> list[str]:
    size = f" ({request.headers['Content-Length']} bytes)" if "Content-Length" in request.headers else ""
    headers = [
        f"{name.title()}: {HIDDEN if is_secret_header(name) else value}"
        for name, value in request.headers.items()
        if name not in _NOT_LOGGED
    ]
    return [f"{request.method} {_shown(request.url)}{size}", *headers]


def _shown(url: httpx.URL) -> str:
    """The address without its query, its fragment, and any user name and password."""
    shown = f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii').partition('?')[0]}"
    return f"{shown}?{HIDDEN}" if url.query else shown


def _facts(response: httpx.Response, body: _Body) -> str:
    named = request_id(response.headers)
    facts = [f"{response.status_code} {response.reason_phrase}".strip()]
    facts += [response.headers["Content-Type"]] if "Content-Type" in response.headers else []
    facts += [f"{body.size} bytes"]
    facts += [f"request id {named}"] if named else []
    facts += [f"broken off ({body.trouble})"] if body.trouble else []
    return ", ".join(facts)


def _text(response: httpx.Response, body: _Body) -> str:
    """A JSON answer as far as its beginning was kept; empty for any other."""
    whole = body.size == len(body.head)
    data = bytearray()
    try:
        for piece in unpacked([body.head], response.headers.get("Content-Encoding", "")):
            data += piece
            if len(data) > _HEAD:
                whole = False
                break
    except httpx.DecodingError:
        whole = False
    text = text_of(bytes(data[:_HEAD]))
    if not text.lstrip("\ufeff\0 \t\r\n").startswith(("{", "[")):
        return ""
    return text if whole else text[:-_BORDER]


def _unsigned_json(text: str) -> str:
    """A JSON text with the signatures of its links hidden, each read as the text that it stands for."""
    try:
        value = loads(text.encode("utf-8", "replace"))
    except ValueError:  # not JSON, or cut
        return text
    return json.dumps(_unsigned(value), ensure_ascii=False)


def _unsigned(value: Json, name: str = "") -> Json:
    match value:
        case str() if value and is_secret_header(name):
            return HIDDEN
        case str():
            return without_signature(value) if _LINK.match(value) else without_signatures(value)
        case list():
            return [_unsigned(item, name) for item in value]
        case dict():
            return {key: _unsigned(item, key) for key, item in value.items()}
        case _:
            return value


def _without_data(text: str) -> str:
    """The text with a note in place of each picture, and of everything else that is long and has no spaces."""
    return _DATA.sub(lambda data: f"{data[1] or ''}[{len(data[0])} characters]", text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}... ({len(line)} characters)"
