"""WebP: its chunks, decoded to the last pixel, and what of them is the picture (RFC 9649)."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from imgen.pictures.formats import HELD_LIMIT, Damaged, check_dimensions, decoding
from imgen.pictures.formats.profile import bare_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_PICTURE = frozenset((b"VP8 ", b"VP8L", b"ANMF"))
_FRAME_LOOKS = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_FRAME_HEADER = 16  # bytes: place, size, duration and flags of a frame (2.7.1.1)
_NOTE_FLAGS = 0x08 | 0x04  # "there is EXIF", "there is XMP" (2.7.1)
_PROFILE_FLAG = 0x20  # "there is a colour profile"
_EXIF_MARK = b"Exif\0\0"


def check(data: bytes, held_limit: int = HELD_LIMIT, decoded: int = HELD_LIMIT) -> tuple[int, int]:
    """Width and height of a WebP as long as its RIFF header says (2.4), and decoded whole. Raises `Damaged`.

    Of one with more than `decoded` pixels only the structure is checked: its decoder takes 18 bytes for each.
    """
    from PIL.Image import DecompressionBombError
    from PIL.WebPImagePlugin import WebPImageFile

    width, height = size(data)
    # Before the decoder sees it: the size alone makes it take its memory.
    check_dimensions(width, height, held_limit)
    if width * height > decoded:
        return width, height
    try:
        with decoding(width * height), WebPImageFile(io.BytesIO(b"".join(pieces(data)))) as picture:
            if picture.size != (width, height):
                raise Damaged("its headers do not agree on its size")
            picture.load()
    except (OSError, ValueError, SyntaxError, DecompressionBombError) as error:
        raise Damaged(f"it cannot be decoded ({error})") from error
    return width, height


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, by the first chunk (2.5 to 2.7). Raises `Damaged`."""
    found = list(chunks(data))
    if any(kind in _PICTURE for kind, _, _ in found):
        kind, start, end = found[0]
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


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk. Raises `Damaged` where the file breaks off."""
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


def pieces(data: bytes) -> list[memoryview]:
    """What of the file is the picture. Raises `Damaged`."""
    view = memoryview(data)
    kept = [(kind, _kept(kind, view[start:end])) for kind, start, end in chunks(data) if kind in _LOOKS]
    left_out = _NOTE_FLAGS if any(kind == b"ICCP" and piece for kind, piece in kept) else _NOTE_FLAGS | _PROFILE_FLAG
    length = 4 + sum(len(piece) for _, piece in kept)
    found = [memoryview(struct.pack("<4sI4s", b"RIFF", length, b"WEBP"))]
    for kind, piece in kept:
        if kind == b"VP8X" and piece[8] & left_out:
            flags = bytes((piece[8] & ~left_out,))
            found.append(memoryview(bytes(piece[:8]) + flags + bytes(piece[9:])))
        else:
            found.append(piece)
    return found


def _kept(kind: bytes, chunk: memoryview) -> memoryview:
    match kind:
        case b"ANMF":
            return _frame(chunk)
        case b"ICCP":
            return _profile(chunk)
        case _:
            return chunk


def _profile(chunk: memoryview) -> memoryview:
    """A colour profile without its texts and what follows it in its chunk; nothing where it is none."""
    profile = bare_profile(bytes(chunk[8 : 8 + int.from_bytes(chunk[4:8], "little")]))
    if profile is None:
        return memoryview(b"")
    return memoryview(struct.pack("<4sI", b"ICCP", len(profile)) + profile + bytes(len(profile) % 2))


def _frame(frame: memoryview) -> memoryview:
    """A frame of an animation, without the chunks in it that are no part of its picture."""
    at = 8 + _FRAME_HEADER
    kept = [frame[8:at]]
    whole = True
    while at + 8 <= len(frame):
        kind, length = struct.unpack_from("<4sI", frame, at)
        end = at + 8 + length + length % 2
        if kind in _FRAME_LOOKS:
            kept.append(frame[at:end])
        else:
            whole = False
        at = end
    if whole and at == len(frame):
        return frame
    body = b"".join(kept)
    return memoryview(struct.pack("<4sI", b"ANMF", len(body)) + body)


def exif(data: bytes) -> Iterator[bytes]:
    """Each block of EXIF in the file."""
    notes = (data[start + 8 : end] for kind, start, end in chunks(data) if kind == b"EXIF")
    yield from (note.removeprefix(_EXIF_MARK) for note in notes)  # some writers put JPEG's mark there, too
