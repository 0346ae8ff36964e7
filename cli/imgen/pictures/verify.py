"""Is this file a whole picture, and is it the one that was ordered?

One check for pictures that come and pictures that go up. PNG has a checksum over every byte and is unpacked to its
last row, block by block; a JPEG of one scan is decoded to its last pixel in a 64th of its memory. WebP and JPEG of
several scans are decoded with every pixel in memory: large ones one at a time. Measured 2026-11-20 (reference
reliability 3.4): Pillow's `verify()` misses every truncated JPEG, its `load()` a PNG without its last byte.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from imgen.files import open_regular
from imgen.pictures.formats import (
    EXTENSIONS,
    HEAD,
    HELD_LIMIT,
    PIXEL_LIMIT,
    Damaged,
    Format,
    OtherFormat,
    TooManyPixels,
    Unverified,
    decoding,
    jpeg,
    known_format,
    not_verified,
    png,
    sniff,
    webp,
)

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

__all__ = [
    "EXTENSIONS",
    "PIXEL_LIMIT",
    "Damaged",
    "Format",
    "OtherFormat",
    "Picture",
    "TooManyPixels",
    "Unverified",
    "Wanted",
    "differences",
    "inspect",
    "known_format",
    "sniff",
]


_ANY_ORDER = 18_000_000  # pixels: the largest picture of any service, whatever was ordered


class Picture(NamedTuple):
    """A verified picture file: `width` and `height` in pixels, `size` in bytes, `sha256` in hexadecimal."""

    format: Format
    width: int
    height: int
    size: int
    sha256: str


class Wanted(NamedTuple):
    """What was ordered, as far as it is known; `size` is width and height in pixels."""

    format: Format | None
    size: tuple[int, int] | None


def inspect(path: Path, wanted: Wanted | None = None) -> Picture:
    """Check every byte of a picture file.

    A picture that takes much memory to decode may have four times the pixels that were `wanted`. Bytes after the end
    of the picture are no damage: cameras and services put notes there. Raises `Unverified` for another
    format, `TooManyPixels`, another `Damaged`, or `OSError` when it cannot be read.
    """
    with open_regular(path) as file:
        return check(file, _held_limit(wanted))


def check(file: BufferedReader, held_limit: int = HELD_LIMIT, decoded: int = HELD_LIMIT) -> Picture:
    """As `inspect`, of a file that is open; `held_limit`, in pixels, is for a picture decoded with all in memory.

    Of such a picture with more than `decoded` pixels only the structure is checked.
    """
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    format = sniff(head)
    match format:
        case "png":
            return Picture("png", *png.check(file, size), size, sha256)
        case "jpeg":
            with decoding(size):
                return Picture("jpeg", *jpeg.check(file.read(), held_limit), size, sha256)
        case "webp":
            with decoding(size):
                return Picture("webp", *webp.check(file.read(), held_limit, decoded), size, sha256)
        case None:
            raise not_verified(head)


def _held_limit(wanted: Wanted | None) -> int:
    if wanted is None or wanted.size is None:
        return HELD_LIMIT
    return min(HELD_LIMIT, max(4 * wanted.size[0] * wanted.size[1], _ANY_ORDER))


def differences(picture: Picture, wanted: Wanted) -> tuple[str, ...]:
    """What is not as ordered, one short text each; what was left open is never different."""
    found = []
    if wanted.format is not None and wanted.format != picture.format:
        found.append(f"format: ordered {wanted.format}, got {picture.format}")
    if wanted.size is not None and wanted.size != (picture.width, picture.height):
        width, height = wanted.size
        found.append(f"size: ordered {width}x{height}, got {picture.width}x{picture.height}")
    return tuple(found)
