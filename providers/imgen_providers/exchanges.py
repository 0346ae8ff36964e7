"""Every exchange with a service, told to the log of this module's name, for who listens there at DEBUG.

What is told may be shown to anybody: no key, no signature of a link, no picture, and long answers in short.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

import httpx

from imgen_providers.answers import request_id
from imgen_providers.redaction import HIDDEN, Redaction, is_secret_header, without_signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

_HEAD = 64 * 1024  # bytes of an answer that are looked at
_BORDER = 1024  # characters before the end of a cut text: there may be half a key in them
_SHOWN = 2000  # characters of an answer that are told
_DATA = re.compile(r"(data:[\w/+.-]+;base64,)?[\w+/=-]{256,}", re.ASCII)
_UNTOLD = ("host", "connection", "accept-encoding", "content-length")


class WatchedClient(httpx.Client):
    """A client that tells the log each exchange when it has ended, without what `redaction` hides by then."""

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
            self._tell(request, started, f"nothing came back: {_named(error)}", "")
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Watched(
            response.stream, lambda body: self._tell(request, started, _facts(response, body), _text(response, body))
        )
        if not stream:
            response.read()
        return response

    def _tell(self, request: httpx.Request, started: float, outcome: str, text: str) -> None:
        redaction = self.redaction()

        def hidden(text: str) -> str:
            return without_signatures(redaction.text(text))

        milliseconds = (time.monotonic() - started) * 1000
        lines = [*(f"> {hidden(line)}" for line in _request(request)), f"< {hidden(outcome)}, {milliseconds:.0f} ms"]
        lines += [f"< {_short(hidden(text))}"] if text else []  # before it is cut, or half a key could stay
        log.debug("%s", "\n".join(lines))


class _Watched(httpx.SyncByteStream):
    """A stream that counts what comes and keeps its beginning, and says so once when nothing more will."""

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
        if name not in _UNTOLD
    ]
    return [f"{request.method} {request.url}{size}", *headers]


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
    coding = {"Content-Encoding": response.headers.get("Content-Encoding", "identity")}
    try:
        text = httpx.Response(200, headers=coding, content=body.head).text
    except httpx.DecodingError:
        return ""
    if not text.lstrip().startswith(("{", "[")):
        return ""
    return text if body.size == len(body.head) else text[:-_BORDER]


def _short(text: str) -> str:
    line = _DATA.sub(lambda data: f"{data[1] or ''}[{len(data[0])} characters]", " ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}... ({len(line)} characters)"
