"""The XMP packet of a picture: how it came to be, in the words of the IPTC, and which job made it.

Sources: XMP specification part 3 (2020), 1.1 (where it is in each format); IPTC Photo Metadata Standard 2023.2,
"Digital Source Type"; RFC 9649 (WebP).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.pictures.formats import jpeg, png, webp

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from imgen.pictures.verify import Format

JPEG_MARK = b"http://ns.adobe.com/xap/1.0/\0"
PNG_KEYWORD = b"XML:com.adobe.xmp\0"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_DC_TERMS = "http://purl.org/dc/terms/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_MOST_BYTES = 4 * 1024 * 1024
_APP1 = 0xE1
_DOCTYPE = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Described:
    """What a packet says; None where it says nothing of the kind.

    `source_type` is as it is written, often a URL. `claim_link` is where a C2PA claim about the file is kept.
    """

    source_type: str | None
    identifier: str | None
    claim_link: str | None


def packet(data: bytes, format: Format) -> bytes | None:
    """The packet in a picture file, None where there is none. Raises `Damaged` for a file without whole structure."""
    match format:
        case "jpeg":
            bodies = (data[start + 4 : end] for marker, start, end in jpeg.segments(data) if marker == _APP1)
            return next((body.removeprefix(JPEG_MARK) for body in bodies if body.startswith(JPEG_MARK)), None)
        case "png":
            texts = (data[start + 8 : end - 4] for kind, start, end in png.chunks(data) if kind == b"iTXt")
            return next((_png_text(text) for text in texts if text.startswith(PNG_KEYWORD)), None)
        case "webp":
            places = (start for kind, start, _ in webp.chunks(data) if kind == b"XMP ")
            return next((_without_padding(data, start) for start in places), None)


def _without_padding(data: bytes, start: int) -> bytes:
    """The content of a chunk, whose length is in its header."""
    return data[start + 8 : start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")]


def described(packet: bytes) -> Described | None:
    """What a packet says; None where it cannot be read. What declares entities, as no writer of XMP does, cannot be."""
    root = _parsed(packet)
    if root is None:
        return None
    return Described(
        _property(root, f"{{{IPTC}}}DigitalSourceType"),
        _property(root, f"{{{DUBLIN_CORE}}}identifier"),
        _property(root, f"{{{_DC_TERMS}}}provenance"),
    )


def about(packet: bytes) -> str | None:
    """What the packet's descriptions are about, which is one thing for all of them; None where it cannot be read."""
    root = _parsed(packet)
    if root is None:
        return None
    found = {each.get(f"{{{_RDF}}}about", "") for each in root.iter(f"{{{_RDF}}}Description")}
    return found.pop() if len(found) == 1 else "" if not found else None


def _png_text(text: bytes) -> bytes:
    """The text of an iTXt chunk (PNG specification, third edition, 11.3.3.4), at most `_MOST_BYTES` of it."""
    compressed = text[len(PNG_KEYWORD) : len(PNG_KEYWORD) + 1] == b"\1"
    *_, body = text[len(PNG_KEYWORD) + 2 :].split(b"\0", 2)
    if not compressed:
        return body
    try:
        return zlib.decompressobj().decompress(body, _MOST_BYTES)
    except zlib.error:
        return b""


def _parsed(packet: bytes) -> Element | None:
    from xml.etree.ElementTree import ParseError, fromstring

    if len(packet) > _MOST_BYTES:
        return None
    try:
        text = packet.decode("utf-8").strip("\ufeff\0 \t\r\n")
        return None if _DOCTYPE.search(text) else fromstring(text)  # noqa: S314 (without entities nothing grows)
    except (UnicodeDecodeError, ParseError, ValueError):
        return None


def _property(root: Element, name: str) -> str | None:
    """A property, which stands as an attribute, as an element, or as the first of a list."""
    for description in root.iter(f"{{{_RDF}}}Description"):
        if text := description.get(name):
            return text
        element = description.find(name)
        if element is not None:
            inner = element.find(f".//{{{_RDF}}}li")
            text = element.get(f"{{{_RDF}}}resource") or (inner if inner is not None else element).text
            return (text or "").strip() or None
    return None
