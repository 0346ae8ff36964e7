"""What a picture file says beside its pixels: which way is up, and what is nobody else's business.

Works on the file's own structure and touches no pixel. Only what a viewer needs to show the same picture is kept
(colour profiles among it), so that a note nobody has heard of yet is left out too. Standard library only.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from imgen.pictures.verify import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.pictures.verify import Format

_UPRIGHT = 1
_ORIENTATION_TAG = 0x0112  # EXIF 2.32, 4.6.4
_EXIF = b"Exif\0\0"
_JPEG_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")
_JPEG_END = 0xD9
_JFIF = 0xE0
_JPEG_NOTES = frozenset((*range(0xE0, 0xF0), 0xFE))  # APP0 to APP15, and comments
_PNG_SIGNATURE_BYTES = 8
# Chunks that are not critical and that change how the picture looks (PNG specification, third edition, 11.3).
_PNG_LOOKS = frozenset(b"tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs hIST sPLT acTL fcTL fdAT".split())
_WEBP_LOOKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_NOTE_FLAGS = 0x08 | 0x04  # "there is EXIF", "there is XMP" (RFC 9649, 2.7.1)


def without_notes(data: bytes, format: Format) -> list[memoryview]:
    """The pieces of the file that belong to the picture; together as long as `data` where it has no notes.

    Raises `Damaged` where the file has no whole structure.
    """
    match format:
        case "jpeg":
            return _jpeg_pieces(data)
        case "png":
            return _png_pieces(data)
        case "webp":
            return _webp_pieces(data)


def orientation(data: bytes, format: Format) -> int:
    """Which way is up, as EXIF counts it: 1 is upright, 2 to 8 are turned or mirrored."""
    exif = next(_exif(data, format), None)
    return _orientation_in(exif) if exif else _UPRIGHT


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP in pixels, by its first chunk (RFC 9649, 2.5 to 2.7). Raises `Damaged`."""
    for kind, start, end in _webp_chunks(data):
        body = data[start + 8 : min(end, start + 18)]
        match kind:
            case b"VP8X" if len(body) == 10:
                return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
            case b"VP8L" if len(body) >= 5 and body[0] == 0x2F:
                bits = int.from_bytes(body[1:5], "little")
                return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            case b"VP8 " if body[3:6] == b"\x9d\x01\x2a":
                width, height = struct.unpack_from("<HH", body, 6)
                return width & 0x3FFF, height & 0x3FFF
        break
    raise Damaged("it has a WebP header and no picture")


def _exif(data: bytes, format: Format) -> Iterator[bytes]:
    match format:
        case "jpeg":
            notes = (data[start + 4 : end] for marker, start, end in _jpeg_segments(data) if marker == 0xE1)
            yield from (note.removeprefix(_EXIF) for note in notes if note.startswith(_EXIF))
        case "png":
            yield from (data[start + 8 : end - 4] for kind, start, end in _png_chunks(data) if kind == b"eXIf")
        case "webp":
            notes = (data[start + 8 : end] for kind, start, end in _webp_chunks(data) if kind == b"EXIF")
            yield from (note.removeprefix(_EXIF) for note in notes)  # some writers put JPEG's mark there, too


def _orientation_in(exif: bytes) -> int:
    """The orientation in a block of EXIF; upright where it is broken, as viewers do."""
    orders = {b"II": "<", b"MM": ">"}
    try:
        order = orders[exif[:2]]
        (first,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, first)
        for entry in range(first + 2, first + 2 + 12 * entries, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if tag == _ORIENTATION_TAG:
                return value if 1 <= value <= 8 else _UPRIGHT
    except (KeyError, struct.error):
        pass
    return _UPRIGHT


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the end marker (ITU-T T.81, annex B)."""
    at = 2
    while found := _JPEG_MARKER.search(data, at):
        marker, end = found[1][0], found.end()
        if marker == _JPEG_END:
            yield marker, found.start(), end
            return
        at = end + int.from_bytes(data[end : end + 2])
        yield marker, found.start(), at
    raise Damaged(f"it breaks off after {len(data):,} bytes")


def _jpeg_pieces(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    pieces = []
    at = 0
    for marker, start, end in _jpeg_segments(data):
        # What lies between two segments is pixels. What follows the end marker goes: cameras put films there.
        pieces.append(view[at:start])
        if marker not in _JPEG_NOTES or _shows_in_jpeg(marker, data[start + 4 : end]):
            pieces.append(_without_thumbnail(view[start:end]) if marker == _JFIF else view[start:end])
        at = end
    return pieces


def _shows_in_jpeg(marker: int, body: bytes) -> bool:
    """JFIF's and Adobe's headers say how to read the colours, and an ICC profile what they mean."""
    heads = {_JFIF: b"JFIF\0", 0xEE: b"Adobe", 0xE2: b"ICC_PROFILE\0"}
    return marker in heads and body.startswith(heads[marker])


def _without_thumbnail(segment: memoryview) -> memoryview:
    """A JFIF header without the small picture it may hold, which can show what was cut away from the large one."""
    facts = bytes(segment[4:16])  # "JFIF", version, units and densities; the size of the small picture follows
    return memoryview(b"\xff\xe0\x00\x10" + facts + b"\0\0") if len(segment) > 18 else segment


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = _PNG_SIGNATURE_BYTES
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + length
        at += 12 + length


def _png_pieces(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    kept = [view[:_PNG_SIGNATURE_BYTES]]
    kept += [view[start:end] for kind, start, end in _png_chunks(data) if kind[:1].isupper() or kind in _PNG_LOOKS]
    return kept


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    whole = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < whole:
        raise Damaged(f"it breaks off after {len(data):,} of {whole:,} bytes")
    at = 12
    while at + 8 <= whole:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2  # chunks are padded to even lengths
        if end > whole + whole % 2:
            raise Damaged(f"its chunk at byte {at:,} is longer than the file")
        yield kind, at, min(end, whole)
        at = end


def _webp_pieces(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    kept = [(kind, view[start:end]) for kind, start, end in _webp_chunks(data) if kind in _WEBP_LOOKS]
    length = 4 + sum(len(piece) for _, piece in kept)
    pieces = [memoryview(struct.pack("<4sI4s", b"RIFF", length, b"WEBP"))]
    for kind, piece in kept:
        if kind == b"VP8X" and piece[8] & _WEBP_NOTE_FLAGS:
            flags = bytes((piece[8] & ~_WEBP_NOTE_FLAGS,))
            pieces.append(memoryview(bytes(piece[:8]) + flags + bytes(piece[9:])))
        else:
            pieces.append(piece)
    return pieces
