"""Is this file a picture that can be sent, and what is it? In little memory, whatever the size of the picture.

PNG is checked to its last checksum. A JPEG must be whole by its structure and, unless it is progressive (decoding that
takes two bytes per sample at once), decode at an eighth of its size: as much work on its data, and a 64th of the
memory. A WebP must be as long as it says.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imgen.pictures.metadata import orientation, webp_size, without_notes
from imgen.pictures.verify import Damaged, Format, check_dimensions, inspect, sniff

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = 512  # bytes
# Brands of HEIF files (ISO/IEC 23008-12, annex B; the MIAF registry).
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_HEIF_BRANDS = (b"mif1", b"msf1", b"miaf")
_SHRINK = 8  # the most that a JPEG decoder leaves out


@dataclass(frozen=True, slots=True)
class Examined:
    """A picture file: `width` and `height` in pixels, `size` in bytes, `sha256` in hexadecimal.

    `orientation` is EXIF's (1: upright). `has_notes` says that more than the picture is in it, such as where it was
    taken.
    """

    path: Path
    format: Format
    width: int
    height: int
    size: int
    sha256: str
    orientation: int
    has_notes: bool


def examine(path: Path) -> Examined:
    """Check a file that is to be sent. Raises `Damaged`, or `OSError` when it cannot be read."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    format = sniff(head)
    if format is None and (modern := sniff_heif(head)):
        raise Damaged(f"it is a {modern.upper()} picture, which is not read here")
    if format in (None, "png"):
        inspect(path)  # which says what else it is
    assert format
    data = path.read_bytes()
    pieces = without_notes(data, format)
    has_notes = sum(map(len, pieces)) != len(data)
    size, sha256, turned = len(data), hashlib.sha256(data).hexdigest(), orientation(data, format)
    if format == "jpeg":
        del data, pieces  # decoding takes memory of its own
        width, height = _check_jpeg(path)
    else:
        width, height = webp_size(data) if format == "webp" else struct.unpack_from(">II", data, 16)
    check_dimensions(width, height)
    return Examined(path, format, width, height, size, sha256, turned, has_notes)


def sniff_heif(head: bytes) -> Literal["heic", "heif"] | None:
    """Whether a file that begins like this is an HEIC or another HEIF picture."""
    if head[4:8] != b"ftyp":
        return None
    if head[8:12] in _HEIC_BRANDS:
        return "heic"
    return "heif" if head[8:12] in _HEIF_BRANDS else None


def _check_jpeg(path: Path) -> tuple[int, int]:
    from PIL.Image import DecompressionBombError
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with warnings.catch_warnings(action="ignore"), JpegImageFile(path) as picture:  # of odd EXIF
            width, height = picture.size
            check_dimensions(width, height)
            if "progressive" not in picture.info:
                picture.draft(picture.mode, (max(1, width // _SHRINK), max(1, height // _SHRINK)))
                picture.load()
    except (OSError, SyntaxError, DecompressionBombError) as error:
        raise Damaged(f"it cannot be decoded ({error})") from error
    return width, height
