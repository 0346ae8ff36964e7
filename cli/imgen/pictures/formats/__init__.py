"""Picture formats: those that are verified here, and the names of those that are not. Standard library only."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["png", "jpeg", "webp"]

EXTENSIONS: dict[Format, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}
"""The extension of a file of each format, without a dot."""

PIXEL_LIMIT = 100_000_000
"""Pictures with more pixels are not opened; the largest any service draws has 17 million."""

HELD_LIMIT = 40_000_000
"""As `PIXEL_LIMIT`, for pictures that can only be decoded with every pixel in memory, up to 18 bytes each."""

_LARGE = 1_000_000  # pixels, or bytes
_one_large = threading.RLock()

HEAD = 512
"""How many bytes of a file are enough to name its format."""


class Damaged(Exception):
    """The file is no whole picture; the message is half a sentence, as "it breaks off after 12 bytes"."""


class TooManyPixels(Damaged):
    """The picture is larger than we open; `width`, `height` and `limit` in pixels."""

    def __init__(self, width: int, height: int, limit: int) -> None:
        super().__init__(f"it claims {width}x{height} pixels, and at most {limit / 1e6:.0f} million are opened")
        self.width = width
        self.height = height
        self.limit = limit


class OtherFormat(NamedTuple):
    """A format that is not verified here: its name for people, the extension of its files, and whether it is one of
    pictures."""

    name: str
    extension: str
    is_picture: bool = True


class Unverified(Damaged):
    """The file is not PNG, JPEG or WebP: nothing here can say whether it is whole.

    A service that sends a picture of another format will send the same again; what is no picture may be an error page.
    """

    def __init__(self, message: str, format: OtherFormat) -> None:
        super().__init__(message)
        self.format = format


_UNKNOWN = OtherFormat("unknown", "bin", is_picture=False)
_PAGE = OtherFormat("HTML", "html", is_picture=False)
_SVG = OtherFormat("SVG", "svg")
_XML = OtherFormat("XML", "xml", is_picture=False)
_JSON = OtherFormat("JSON", "json", is_picture=False)
_AVIF = OtherFormat("AVIF", "avif")
_HEIC = OtherFormat("HEIC", "heic")
_HEIF = OtherFormat("HEIF", "heif")
_VIDEO = OtherFormat("MP4", "mp4", is_picture=False)

_PREFIXES = {
    b"GIF87a": OtherFormat("GIF", "gif"),
    b"GIF89a": OtherFormat("GIF", "gif"),
    b"BM": OtherFormat("BMP", "bmp"),
    b"II*\0": OtherFormat("TIFF", "tiff"),
    b"MM\0*": OtherFormat("TIFF", "tiff"),
    b"II+\0": OtherFormat("TIFF", "tiff"),
    b"MM\0+": OtherFormat("TIFF", "tiff"),
    b"\xff\x0a": OtherFormat("JPEG XL", "jxl"),
    b"\0\0\0\x0cJXL \r\n\x87\n": OtherFormat("JPEG XL", "jxl"),
    b"\0\0\0\x0cjP  \r\n\x87\n": OtherFormat("JPEG 2000", "jp2"),
    b"\0\0\1\0": OtherFormat("ICO", "ico"),
    b"8BPS": OtherFormat("PSD", "psd"),
    b"%PDF-": OtherFormat("PDF", "pdf", is_picture=False),
    b"PK\3\4": OtherFormat("ZIP", "zip", is_picture=False),
    b"\x1f\x8b": OtherFormat("GZIP", "gz", is_picture=False),
    b"\x1aE\xdf\xa3": OtherFormat("WebM", "webm", is_picture=False),
}
# Brands of files made of boxes (ISO/IEC 23008-12, annex B; AVIF 1.1, 6; the MIAF registry), the most exact first.
_BRANDS = (
    ((b"avif", b"avis"), _AVIF),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), _HEIC),
    ((b"mif1", b"msf1", b"miaf"), _HEIF),
)


def known_format(name: str | None) -> Format | None:
    """The format of that name, or None where it is none of ours."""
    return next((known for known in EXTENSIONS if known == name), None)


def sniff(head: bytes) -> Format | None:
    """The picture format that the first twelve bytes of a file announce."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    return None


def other_format(head: bytes) -> OtherFormat:
    """What a file that begins like this is, where `sniff` knows it not."""
    if found := next((found for prefix, found in _PREFIXES.items() if head.startswith(prefix)), None):
        return found
    if head[4:8] == b"ftyp":
        brands = head[8 : max(12, min(int.from_bytes(head[:4]), len(head)))]
        named = {brands[at : at + 4] for at in range(0, len(brands), 4) if at != 4}  # the second is a version
        return next((found for known, found in _BRANDS if named.intersection(known)), _VIDEO)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return _PAGE
    if text.startswith(b"<"):
        return _SVG if b"<svg" in text or b"<!doctype svg" in text else _XML
    return _JSON if text.startswith((b"{", b"[")) else _UNKNOWN


def not_verified(head: bytes) -> Damaged:
    """The error for a file that is not PNG, JPEG or WebP, by its first bytes."""
    if not head:
        return Damaged("it is empty")
    found = other_format(head)
    if found is _UNKNOWN:
        return Unverified("it is not a PNG, JPEG or WebP picture", found)
    article = "an" if found.name[0] in "AHIMSX" and found is not _HEIF and found is not _HEIC else "a"
    if found is _PAGE:
        return Unverified("it is a web page, not a picture", found)
    if found in (_XML, _JSON):
        return Unverified(f"it is {article} {found.name} text, not a picture", found)
    if not found.is_picture:
        return Unverified(f"it is {article} {found.name} file, not a picture", found)
    return Unverified(f"it is {article} {found.name} picture, not PNG, JPEG or WebP", found)


def check_dimensions(width: int, height: int, limit: int = PIXEL_LIMIT) -> None:
    """Raises `Damaged` for a picture without pixels, and `TooManyPixels`."""
    if width == 0 or height == 0:
        raise Damaged("it has no pixels")
    if width * height > limit:
        raise TooManyPixels(width, height, limit)


def broken_off(size: int) -> Damaged:
    """The error for a file that ends too early, after `size` bytes."""
    return Damaged(f"it breaks off after {size:,} bytes")


@contextmanager
def decoding(held: int) -> Iterator[None]:
    """The block that holds so many pixels, or bytes of a file: of large ones, one runs at a time in this process."""
    if held <= _LARGE:
        yield
        return
    with _one_large:
        yield
