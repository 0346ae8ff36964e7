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
_JPEG_SCAN = 0xDA
_ICC = 0xE2
# How to read the colours: how each header begins, and the bytes it has (ITU-T T.871, 10.1; T.872, 6.5.3).
_JPEG_HEADERS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_JPEG_NOTES = frozenset(range(0xE0, 0xFF))  # APP0 to APP15, reserved ones, and comments
_PNG_SIGNATURE_BYTES = 8
_PNG_PICTURE = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
# Chunks that are not critical and that change how the picture looks (PNG specification, third edition, 11.3).
_PNG_LOOKS = frozenset(b"tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs hIST sPLT acTL fcTL fdAT".split())
_WEBP_LOOKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_PICTURE = frozenset((b"VP8 ", b"VP8L", b"ANMF"))
_WEBP_FRAME_LOOKS = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_WEBP_FRAME_HEADER = 16  # bytes: place, size, duration and flags of a frame (RFC 9649, 2.7.1.1)
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


def upright_exif(data: bytes, format: Format) -> bytes | None:
    """The file's EXIF, as it is but for saying that the picture is upright; None where it has none."""
    exif = next(_exif(data, format), None)
    if not exif:
        return None
    at, order = _orientation_at(exif)
    return exif[:at] + struct.pack(f"{order}H", _UPRIGHT) + exif[at + 2 :] if at else exif


def exif_in(data: bytes, format: Format) -> bytes | None:
    """The file's first block of EXIF, without the mark that JPEG puts before it; None where it has none."""
    return next(_exif(data, format), None)


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP in pixels, by its first chunk (RFC 9649, 2.5 to 2.7). Raises `Damaged`."""
    chunks = list(webp_chunks(data))
    if any(kind in _WEBP_PICTURE for kind, _, _ in chunks):
        kind, start, end = chunks[0]
        body = data[start + 8 : min(end, start + 18)]
        match kind:
            case b"VP8X" if len(body) == 10:
                return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
            case b"VP8L" if len(body) >= 5 and body[0] == 0x2F:
                bits = int.from_bytes(body[1:5], "little")
                return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            case b"VP8 " if len(body) == 10 and body[3:6] == b"\x9d\x01\x2a":
                width, height = struct.unpack_from("<HH", body, 6)
                return width & 0x3FFF, height & 0x3FFF
    raise Damaged("it has a WebP header and no picture")


def jpeg_scans(data: bytes) -> int:
    """How many scans a JPEG is made of: more than one where it sharpens as it loads."""
    return sum(marker == _JPEG_SCAN for marker, _, _ in jpeg_segments(data))


def _exif(data: bytes, format: Format) -> Iterator[bytes]:
    match format:
        case "jpeg":
            notes = (data[start + 4 : end] for marker, start, end in jpeg_segments(data) if marker == 0xE1)
            yield from (note.removeprefix(_EXIF) for note in notes if note.startswith(_EXIF))
        case "png":
            yield from (data[start + 8 : end - 4] for kind, start, end in png_chunks(data) if kind == b"eXIf")
        case "webp":
            notes = (data[start + 8 : end] for kind, start, end in webp_chunks(data) if kind == b"EXIF")
            yield from (note.removeprefix(_EXIF) for note in notes)  # some writers put JPEG's mark there, too


def _orientation_in(exif: bytes) -> int:
    """The orientation in a block of EXIF; upright where it is broken, as viewers do."""
    at, order = _orientation_at(exif)
    value: int = struct.unpack_from(f"{order}H", exif, at)[0] if at else _UPRIGHT
    return value if 1 <= value <= 8 else _UPRIGHT


def _orientation_at(exif: bytes) -> tuple[int, str]:
    """Where a block of EXIF says the orientation, 0 where it does not; and the order of its bytes."""
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


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
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
    pieces = [view[:2]]
    scan_end = None
    for marker, start, end in jpeg_segments(data):
        # Only what follows the header of a scan is pixels. After the end marker, cameras put films.
        if scan_end is not None:
            pieces.append(view[scan_end:start])
        scan_end = end if marker == _JPEG_SCAN else None
        if marker in _JPEG_HEADERS:
            pieces.append(_jpeg_header(marker, view[start + 4 : end]))
        elif marker not in _JPEG_NOTES or (marker == _ICC and data.startswith(b"ICC_PROFILE\0", start + 4, end)):
            pieces.append(view[start:end])
    return pieces


def _jpeg_header(marker: int, body: memoryview) -> memoryview:
    """A header without what was added to it, such as a small picture that shows what was cut away from the large one.

    Nothing of a header that is not what its marker announces.
    """
    head, length = _JPEG_HEADERS[marker]
    facts = bytes(body[:length])
    if len(facts) < length or not facts.startswith(head):
        return memoryview(b"")
    if head == b"JFIF\0":
        facts = facts[:-2] + b"\0\0"  # width and height of the small picture
    return memoryview(bytes((0xFF, marker)) + (length + 2).to_bytes(2) + facts)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk of a PNG up to its end (PNG specification, third edition, section 5)."""
    at = _PNG_SIGNATURE_BYTES
    kind = b""
    while kind != b"IEND" and at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + length
        at += 12 + length


def _png_pieces(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    kept = [view[:_PNG_SIGNATURE_BYTES]]
    kept += [view[start:end] for kind, start, end in png_chunks(data) if kind in _PNG_PICTURE | _PNG_LOOKS]
    return kept


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk of a WebP (RFC 9649, 2.3 and 2.4). Raises `Damaged`."""
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
    kept = [
        (kind, _webp_frame(view[start:end]) if kind == b"ANMF" else view[start:end])
        for kind, start, end in webp_chunks(data)
        if kind in _WEBP_LOOKS
    ]
    length = 4 + sum(len(piece) for _, piece in kept)
    pieces = [memoryview(struct.pack("<4sI4s", b"RIFF", length, b"WEBP"))]
    for kind, piece in kept:
        if kind == b"VP8X" and piece[8] & _WEBP_NOTE_FLAGS:
            flags = bytes((piece[8] & ~_WEBP_NOTE_FLAGS,))
            pieces.append(memoryview(bytes(piece[:8]) + flags + bytes(piece[9:])))
        else:
            pieces.append(piece)
    return pieces


def _webp_frame(frame: memoryview) -> memoryview:
    """A frame of an animation, without the chunks in it that are no part of its picture."""
    at = 8 + _WEBP_FRAME_HEADER
    kept = [frame[8:at]]
    whole = True
    while at + 8 <= len(frame):
        kind, length = struct.unpack_from("<4sI", frame, at)
        end = at + 8 + length + length % 2
        if kind in _WEBP_FRAME_LOOKS:
            kept.append(frame[at:end])
        else:
            whole = False
        at = end
    if whole and at == len(frame):
        return frame
    body = b"".join(kept)
    return memoryview(struct.pack("<4sI", b"ANMF", len(body)) + body)
