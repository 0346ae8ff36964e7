"""What a picture file holds beside its pixels: which way is up, and what is the user's own business.

Works on the file's own structure and changes no pixel. Only what a viewer needs to show the same picture is kept
(colour profiles among it), so that an unknown kind of note is left out too. Standard library only.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgen.pictures.formats import jpeg, png, webp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.pictures.formats import Format

_UPRIGHT = 1
_ORIENTATION_TAG = 0x0112  # EXIF 2.32, 4.6.4


def without_notes(data: bytes, format: Format) -> list[memoryview]:
    """The pieces of the file that belong to the picture. Raises `Damaged` where it has no whole structure."""
    match format:
        case "jpeg":
            return jpeg.pieces(data)
        case "png":
            return png.pieces(data)
        case "webp":
            return webp.pieces(data)


def orientation(data: bytes, format: Format) -> int:
    """Which way is up, as EXIF counts it: 1 is upright, 2 to 8 are turned or mirrored."""
    exif = next(_exif(data, format), None)
    return _orientation_in(exif) if exif else _UPRIGHT


def upright_exif(data: bytes, format: Format) -> bytes | None:
    """The file's EXIF, changed only to say that the picture is upright; None where it has none."""
    exif = next(_exif(data, format), None)
    if not exif:
        return None
    at, order = _orientation_at(exif)
    return exif[:at] + struct.pack(f"{order}H", _UPRIGHT) + exif[at + 2 :] if at else exif


def _exif(data: bytes, format: Format) -> Iterator[bytes]:
    match format:
        case "jpeg":
            return jpeg.exif(data)
        case "png":
            return png.exif(data)
        case "webp":
            return webp.exif(data)


def _orientation_in(exif: bytes) -> int:
    """The orientation in a block of EXIF; upright where it is broken, as viewers do."""
    at, order = _orientation_at(exif)
    value: int = struct.unpack_from(f"{order}H", exif, at)[0] if at else _UPRIGHT
    return value if 1 <= value <= 8 else _UPRIGHT


def _orientation_at(exif: bytes) -> tuple[int, str]:
    """Where a block of EXIF has the orientation, 0 where it has none; and the order of its bytes."""
    orders = {b"II": "<", b"MM": ">"}
    try:
        order = orders[exif[:2]]
        (first,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, first)
        for entry in range(first + 2, first + 2 + 12 * entries, 12):
            (tag, *_) = struct.unpack_from(f"{order}HHIH", exif, entry)
            if tag == _ORIENTATION_TAG:
                return entry + 8, order
    except (KeyError, struct.error):
        pass
    return 0, "<"
