"""Reference pictures as they come in: read once, and kept only as a small copy for the drawing."""

from __future__ import annotations

import base64
import binascii
import http.client
import io
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imgen_providers.sandbox.gate import LOOPBACK
from imgen_providers.sandbox.store import Reference

if TYPE_CHECKING:
    from imgen_providers.sandbox.store import JobStore

THUMBNAIL = 256  # pixels, the longer side
_FETCH_SECONDS = 10.0
_FETCH_BYTES = 64 * 1024 * 1024


def from_data_uri(text: str, store: JobStore) -> Reference | None:
    """The picture inside a `data:image/...;base64,` URI, or None when it is no picture."""
    head, comma, data = text.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        return None
    try:
        return kept(base64.b64decode(data, validate=True), head[5:-7], store)
    except binascii.Error:
        return None


def from_link(url: str, store: JobStore) -> Reference | None:
    """The picture behind an http(s) URL, or None when it is no such URL.

    Only loopback is fetched, because the sandbox never touches a network; anything else gets a label.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    label = f"{host}{parts.path}"
    data = _fetch(host, port or 80, url) if parts.scheme == "http" and host in LOOPBACK else None
    return (kept(data, label, store) if data else None) or Reference(label)


def _fetch(host: str, port: int, url: str) -> bytes | None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(host, port, timeout=_FETCH_SECONDS)
    try:
        connection.request("GET", parts._replace(scheme="", netloc="", fragment="").geturl() or "/")
        response = connection.getresponse()
        return response.read(_FETCH_BYTES) if response.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def kept(data: bytes, label: str, store: JobStore) -> Reference | None:
    """A small copy of the picture in these bytes, kept in the store; None when they are no picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as picture:
            size = picture.size
            picture.draft("RGB", (THUMBNAIL, THUMBNAIL))
            small = picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return Reference(label, store.keep_thumbnail(buffer.getvalue()), size)
