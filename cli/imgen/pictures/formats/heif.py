"""HEIF and HEIC, as telephones take pictures: sent as links only, and not decoded here. Standard library only."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, Literal

from imgen.pictures.formats import Damaged, check_dimensions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Brands of HEIF files (ISO/IEC 23008-12, annex B; the MIAF registry).
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_HEIF_BRANDS = (b"mif1", b"msf1", b"miaf")
_META_LIMIT = 16 * 1024 * 1024  # bytes of what is said about the pixels; a telephone writes some kilobytes
_VERSION = 4  # bytes of version and flags before what a "full box" holds


def sniff_heif(head: bytes) -> Literal["heic", "heif"] | None:
    """Whether a file that begins like this is an HEIC or another HEIF picture."""
    if head[4:8] != b"ftyp":
        return None
    if head[8:12] in _HEIC_BRANDS:
        return "heic"
    return "heif" if head[8:12] in _HEIF_BRANDS else None


def check_heif(path: Path) -> tuple[int, int]:
    """Width and height of the largest picture in a file whose boxes are all there (ISO/IEC 14496-12, 4.2).

    Its pixels are not looked at. Raises `Damaged`, or `OSError` when it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        boxes = {kind: (start, end) for kind, start, end in _boxes(file, 0, size)}
        start, end = boxes.get(b"meta", (0, 0))
        if not end or b"mdat" not in boxes:
            raise Damaged("it has a HEIF header and no picture")
        if end - start > _META_LIMIT:
            raise Damaged("its HEIF header is larger than any picture needs")
        sizes = list(_sizes(file, start + _VERSION, end))
    if not sizes:
        raise Damaged("it has a HEIF header and no picture")
    for width, height in sizes:
        check_dimensions(width, height)
    return max(sizes)


def _sizes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Width and height of each picture that a "meta" box speaks of (ISO/IEC 23008-12, 6.5.3)."""
    for outer in (b"iprp", b"ipco"):
        start, end = next(((at, over) for kind, at, over in _boxes(file, start, end) if kind == outer), (end, end))
    for kind, at, _ in _boxes(file, start, end):
        if kind == b"ispe":
            file.seek(at + _VERSION)
            facts = file.read(8)
            if len(facts) == 8:
                yield struct.unpack(">II", facts)


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each box, and where its content starts and ends; the last one may reach to the end of the file."""
    while at < end:
        file.seek(at)
        head = file.read(16)
        length, kind = struct.unpack_from(">I4s", head) if len(head) >= 8 else (0, b"")
        start = at + 8
        if length == 1 and len(head) == 16:
            start, length = at + 16, int.from_bytes(head[8:])
        elif length == 0 and kind == b"mdat":
            length = end - at
        if length < start - at:
            raise Damaged(f"no box of a HEIF file begins at byte {at:,}, where one should")
        if at + length > end:
            raise Damaged(f"it breaks off after {end:,} bytes")
        yield kind, start, at + length
        at += length
