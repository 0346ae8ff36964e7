"""A plain client for the sandbox's tests: one request over a fresh socket; and a clock only tests move."""

from __future__ import annotations

import base64
import http.client
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.sandbox.server import SandboxServer

KEY = "key-without-account-0123456789"
START = 1_800_000_000.25  # seconds since 1970


@dataclass
class Clock:
    """Seconds since 1970, which pass only when a test moves them."""

    time: float = START

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


@dataclass(frozen=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, loosely typed: tests look deep into it."""
        return json.loads(self.body)

    def picture(self) -> Image.Image:
        """The body as a picture, decoded."""
        picture = Image.open(io.BytesIO(self.body))
        picture.load()
        return picture


def ask(
    where: SandboxServer | str,
    method: str,
    path: str = "",
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    key: str | None = f"Bearer {KEY}",
) -> Answer:
    """One request with a key, to a server and path, or to a whole URL."""
    parts = urlsplit(where if isinstance(where, str) else where.origin + path)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    sent = {**({"Authorization": key} if key is not None else {}), **(headers or {})}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, parts._replace(scheme="", netloc="").geturl(), data, sent)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def fetch(url: str) -> Answer:
    """A picture behind its link, as it must be fetched: without a key."""
    return ask(url, "GET", key=None)


def png(colour: str, size: tuple[int, int] = (64, 64)) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(picture: bytes, media_type: str = "image/png") -> str:
    """The picture as 3D AI Studio takes it."""
    return f"data:{media_type};base64,{base64.b64encode(picture).decode()}"
