"""A finished picture in whatever form an answer holds it: a link, a data URI, base64, or an object around these.

One reader for all services, since each of these forms was seen at some of them (reference, "Seen in real clients",
2026-11-25). What looks like a picture is never dropped for its form: a link that no URL parser takes is kept as it
is, so that the last resort can print it, and base64 with errors becomes the bytes that can be read of it.
Standard library only.
"""

from __future__ import annotations

import base64
import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from imgen_providers.addresses import is_loopback_host
from imgen_providers.base import Asset, Failed, InlineAsset, LinkedAsset, Succeeded
from imgen_providers.json_text import inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imgen_providers.base import Json

LONGEST_LINK = 32_768
"""Characters; no server takes a longer address."""

MOST_ASSETS = 256
"""Pictures that are read out of one answer."""

_DEPTH = 10  # of objects and lists around one picture
# Of one object, the first of these that holds a picture counts: the others show the same one, or a smaller one.
_NAMES = (
    *("media_urls", "image_urls", "unsigned_urls", "images", "outputs", "results", "candidates", "content", "parts"),
    *("inlineData", "inline_data", "b64_json", "asset_url", "image_url", "imageUrl", "url", "image", "asset", "output"),
    *("result", "medias", "media", "outcome", "data", "base64", "uri", "fileUri", "fileData", "file_data", "href"),
)
_OF_REQUESTS = frozenset(("image", "images", "image_urls", "content", "parts", "data", "uri", "asset", "fileData"))
_MEDIA_TYPES = ("mimeType", "mime_type", "mime", "media_type", "content_type")
_ENCODED = ("data", "b64_json", "base64")
# Fields whose link shows something else than the result.
_NO_RESULT = re.compile(
    r"thumb|preview|icon|avatar|placeholder|blur|mask|input|refer|source|hook|callback|poll|status|cancel|docs?\b"
    r"|ground|citation|web|search|log|prompt|payload|request|turn|history|conversation|messages|^(?:get|self|stream)$",
    re.IGNORECASE,
)
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"<svg", b"<?xml", b"\xff\x0a", b"\0\0\0\x0cJXL ")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LINK_INSIDE = re.compile(r"https?://[^\s\"'<>()\[\]{}]+", re.IGNORECASE)
_DATA_INSIDE = re.compile(r"data:[\w/+.;=-]*;base64,[A-Za-z0-9+/_=%-]+", re.IGNORECASE)
_IN_ANOTHER = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*:\s*", re.IGNORECASE)
_HEAD_OF_BASE64 = re.compile(r"(?:[\w/+.-]+;)?base64[,:]\s*", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]+", re.ASCII)
_LEAST_BASE64 = 16  # characters that decide whether a text is a picture in base64
_FILE_BASE64 = 1000  # characters; so long a text without a space or a full stop is a file of whatever kind
# On the service's own origin: "/files/1", "files/1.png?size=2".
_PATH = re.compile(r"/[^\s]*|\.{1,2}/[^\s]*|[^\s?#]+\.[A-Za-z][A-Za-z0-9]{1,4}(?:[?#][^\s]*)?")


def read_assets(value: Json, *, base: str) -> tuple[Asset, ...]:
    """Every picture in a part of an answer; links without a host are resolved against `base`, a URL or an origin.

    Give only the part that holds results: an echoed request holds pictures as well. Raises nothing.
    """
    return tuple(islice(_assets(value, base, 0), MOST_ASSETS))


def read_results(value: Json, *, base: str) -> tuple[Asset, ...]:
    """As `read_assets`; where no field of a known name holds a picture, every whole link or picture in any other.

    Give only what holds results and nothing else: any link in it may be taken for one.
    """
    return read_assets(value, base=base) or tuple(islice(_unnamed(value, base, 0), MOST_ASSETS))


def read_elsewhere(record: Mapping[str, Json] | None, *, base: str) -> tuple[Asset, ...]:
    """Every picture in the fields of a record that no document describes, but for those that a request has as well.

    These may be an echo of the request, and its references are no results.
    """
    fields = {name: value for name, value in (record or {}).items() if name not in _OF_REQUESTS}
    return read_assets(fields, base=base)


def came_after_all(failure: Failed, found: tuple[Asset, ...]) -> Failed | Succeeded:
    """The end of a job that its service calls failed: what is a picture among its results came, and is kept."""
    came = tuple(each for each in found if is_surely_one(each))
    return Succeeded(came) if came else failure


def is_surely_one(asset: Asset) -> bool:
    """Whether what may be a picture is one by its form: a link that can be followed, or bytes that begin as one."""
    return link_trouble(asset.url) is None if isinstance(asset, LinkedAsset) else looks_like_picture(asset.data)


def link_trouble(link: str) -> str | None:
    """Why a link cannot be followed as it is written, such as "it names no host"; None where it can."""
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
        parts.port  # noqa: B018  (reading it checks it)
        host.encode("idna")  # as a resolver does
        for label in host.split("."):
            if label.startswith("xn--"):
                label.encode("ascii").decode("idna")
    except ValueError:
        return "it cannot be read as a URL"
    if parts.scheme not in ("http", "https"):
        return "it is not http or https"
    return None if host else "it names no host"


def looks_like_picture(data: bytes) -> bool:
    """Whether a file begins as a picture does, also of a format that cannot be ordered; 14 bytes decide."""
    if data.startswith(_STARTS) or data[4:8] == b"ftyp":  # AVIF, HEIC
        return True
    return (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or (data[:2] == b"BM" and data[6:10] == b"\0\0\0\0")


def _assets(value: Json, base: str, depth: int) -> Iterator[Asset]:
    if depth > _DEPTH:
        return
    if isinstance(value, str):
        if (inner := inside(value)) is not None:
            yield from _assets(inner, base, depth + 1)
        elif asset := _from_text(value, base):
            yield asset
    elif data := _bytes(value):
        yield InlineAsset(data)
    elif isinstance(value, list):
        for item in value:
            yield from _assets(item, base, depth + 1)
    elif isinstance(value, dict):
        yield from _from_object(value, base, depth)


def _from_object(value: dict[str, Json], base: str, depth: int) -> Iterator[Asset]:
    if value.get("thought") is True:  # a sketch on the way to the picture (Google's cookbook, reference 5.2)
        return
    if inline := _named_base64(value):
        yield inline
        return
    for name in _NAMES:
        first = None
        for first in _assets(value.get(name), base, depth + 1):
            yield first
        if first:
            return


def _unnamed(value: Json, base: str, depth: int) -> Iterator[Asset]:
    """What stands under a name that no document has: only what cannot be anything but a link or a picture."""
    if depth > _DEPTH:
        return
    if isinstance(value, str):
        whole = value.strip().lower().startswith(("https://", "http://", "//", "data:"))
        if (inner := inside(value)) is not None:
            yield from _unnamed(inner, base, depth + 1)
        elif (whole or _is_picture_base64(value) or _DATA_INSIDE.search(value)) and (asset := _from_text(value, base)):
            yield asset
    elif isinstance(value, list):
        for item in value:
            yield from _unnamed(item, base, depth + 1)
    elif isinstance(value, dict) and value.get("thought") is not True:
        for name, item in value.items():
            if not _NO_RESULT.search(name):
                yield from _unnamed(item, base, depth + 1)


def _bytes(value: Json) -> bytes:
    """The bytes of a picture as a list of numbers, such as a program in JavaScript writes a buffer; else none."""
    if not isinstance(value, list) or len(value) < _LEAST_BASE64 or not isinstance(value[0], int):
        return b""
    data = bytes(each for each in value if isinstance(each, int) and 0 <= each < 256)
    return data if len(data) == len(value) and looks_like_picture(data) else b""


def _named_base64(value: dict[str, Json]) -> InlineAsset | None:
    """The bytes of an object whose own field says that they are base64, such as Gemini's "inlineData"."""
    names = _ENCODED if any(isinstance(value.get(name), str) for name in _MEDIA_TYPES) else ("b64_json",)
    for name in names:
        text = value.get(name)
        if isinstance(text, str) and not text.lstrip()[:5].lower().startswith(("data:", "http")):
            data = _decoded(text)
            if data:
                return InlineAsset(data)
    return None


def _from_text(text: str, base: str) -> Asset | None:
    text = text.strip("\ufeff\0 \t\r\n").replace("\\/", "/")
    text = text.replace("\\r", "\r").replace("\\n", "\n") if text[:4].lower() != "http" else text
    if text[:5].lower() != "data:" and (found := _DATA_INSIDE.search(text)):
        text = found[0]
    if text[:5].lower() == "data:":
        data = _data_uri(text)
        return InlineAsset(data) if data else None
    text = text.strip("\"'<>")
    if head := _HEAD_OF_BASE64.match(text):
        text = text[head.end() :]
    if _is_picture_base64(text):
        return InlineAsset(_decoded(text))
    if len(text) > LONGEST_LINK:
        return None
    if (known := _LINK_INSIDE.search(text)) and _IN_ANOTHER.fullmatch(text[: known.start()]):
        text = text[known.start() :]  # "url:https://...", "blob:https://..."
    if _SCHEME.match(text) or text.startswith("//"):
        return _link(re.sub(r"\s*[\t\r\n]\s*", "", text).replace(" ", "%20"), base)
    if found := _LINK_INSIDE.search(text):
        return _link(found[0].rstrip(".,;"), base)
    return _link(text, base) if _PATH.fullmatch(text) else None


def _link(text: str, base: str) -> LinkedAsset:
    """The whole link; as it came where it cannot be read."""
    if re.match(r"https?:[/\\]", text, re.IGNORECASE):
        text = text.replace("\\", "/")  # as browsers do (WHATWG URL, 4.4)
    try:
        if text.startswith("//"):
            host = urlsplit(text).hostname or ""
            scheme = urlsplit(base).scheme if is_loopback_host(host) else "https"
            return LinkedAsset(f"{scheme}:{text}")
        return LinkedAsset(text if _SCHEME.match(text) else urljoin(base.rstrip("/") + "/", text))
    except ValueError:
        return LinkedAsset(text)


def _data_uri(text: str) -> bytes:
    head, _, content = text.partition(",")
    data = unquote_to_bytes(content)
    if ";base64" in head.lower().replace(" ", "") or _is_picture_base64(data.decode("latin-1")):
        return _decoded(data.decode("latin-1"))
    return data


def _is_picture_base64(text: str) -> bool:
    head = "".join(text[:200].split())[:64]
    if len(head) < _LEAST_BASE64 or not _BASE64.fullmatch(head):
        return False
    is_file = len(text) >= _FILE_BASE64 and _BASE64.fullmatch(text[:_FILE_BASE64])
    return bool(is_file) or looks_like_picture(_decoded(head))


def _decoded(text: str) -> bytes:
    """The bytes of base64 in either alphabet, with or without its padding; what is no base64 is left out."""
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return base64.b64decode(letters + "=" * (-len(letters) % 4))
