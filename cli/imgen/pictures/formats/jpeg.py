"""JPEG: its segments, checked to the last pixel, and what of them is the picture (ITU-T T.81, annex B)."""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgen.pictures.formats import (
    HELD_LIMIT,
    Damaged,
    TooManyPixels,
    broken_off,
    check_dimensions,
    decoding,
)
from imgen.pictures.formats.profile import bare_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.JpegImagePlugin import JpegImageFile

_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")
"""A marker that begins a segment or ends the picture: no escaped byte, fill byte, or restart marker."""
_END = 0xD9
_SCAN = 0xDA
_EXIF = 0xE1
_ICC = 0xE2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# How to read the colours: how each header begins, and the bytes it has (ITU-T T.871, 10.1; T.872, 6.5.3).
_HEADERS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_NOTES = frozenset(range(0xE0, 0xFF))  # APP0 to APP15, reserved ones, and comments
_UNKNOWN = frozenset(range(0xF0, 0xFE))  # reserved; decoders stop there
_ICC_MARK = b"ICC_PROFILE\0"
_ICC_PART = 65_519  # bytes of a profile that one segment has room for
_EXIF_MARK = b"Exif\0\0"
_END_MARKER = b"\xff\xd9"
_SHRINK = 8  # the most that a decoder leaves out
_ENOUGH = bytes(16)  # a decoder reads at most this far ahead of the last pixel
_MOST_SCANS = 100  # encoders write about ten; each costs a pass over every pixel
_MOST_WORK = 1_000_000_000  # pixels, all scans together: seconds of decoding
_COEFFICIENTS = 64
# Two texts of no meaning, with the restart markers that a decoder may look for: pixels that are missing become
# different ones with each.
_FILLERS = tuple(
    b"".join(text * 64 + bytes((0xFF, marker)) for marker in range(0xD0, 0xD8)) * 8
    for text in (b"\x5a\xc3\x35\x96", b"\xa5\x3c\xca\x69")
)


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment, the end marker last: an empty one where the file has none.

    Raises `Damaged` where a segment breaks off.
    """
    at = 2
    while found := _MARKER.search(data, at):
        marker, end = found[1][0], found.end()
        if marker == _END:
            yield marker, found.start(), end
            return
        at = end + int.from_bytes(data[end : end + 2])
        if at > len(data) or end + 2 > len(data):
            raise broken_off(len(data))
        yield marker, found.start(), at
    yield _END, len(data), len(data)


def pieces(data: bytes) -> list[memoryview]:
    """What of the file is the picture, its end marker last also where the file has none. Raises `Damaged`."""
    view = memoryview(data)
    kept = [view[:2]]
    profile = _profile_segments(data)
    scan_end = None
    for marker, start, end in segments(data):
        # Only what follows the header of a scan is pixels. After the end marker, cameras put films.
        if scan_end is not None:
            pixels = view[scan_end:start]
            kept.append(pixels if start < end else memoryview(bytes(pixels).rstrip(b"\xff")))
        scan_end = end if marker == _SCAN else None
        if marker == _END:
            kept.append(memoryview(_END_MARKER))
        elif marker in _HEADERS:
            kept.append(_header(marker, view[start + 4 : end]))
        elif marker == _ICC:
            kept += profile
            profile = []
        elif marker not in _NOTES:
            kept.append(view[start:end])
    return kept


def _profile_segments(data: bytes) -> list[memoryview]:
    """The colour profile, put together from its segments and divided again (ICC.1:2022, B.4)."""
    bodies = [data[start + 4 : end] for marker, start, end in segments(data) if marker == _ICC]
    parts = sorted((body[12:13], body[14:]) for body in bodies if body.startswith(_ICC_MARK))
    profile = bare_profile(b"".join(part for _, part in parts))
    if profile is None:
        return []
    pieces = [profile[at : at + _ICC_PART] for at in range(0, len(profile), _ICC_PART)]
    return [
        memoryview(
            bytes((0xFF, _ICC)) + (len(piece) + 16).to_bytes(2) + _ICC_MARK + bytes((number, len(pieces))) + piece
        )
        for number, piece in enumerate(pieces[:255], start=1)
    ]


def _header(marker: int, body: memoryview) -> memoryview:
    """A header without what was added to it, such as a small picture that shows what was cut away from the large one.

    Nothing of a header that is not what its marker announces.
    """
    head, length = _HEADERS[marker]
    facts = bytes(body[:length])
    if len(facts) < length or not facts.startswith(head):
        return memoryview(b"")
    if head == b"JFIF\0":
        facts = facts[:-2] + b"\0\0"  # width and height of the small picture
    return memoryview(bytes((0xFF, marker)) + (length + 2).to_bytes(2) + facts)


def exif(data: bytes) -> Iterator[bytes]:
    """Each block of EXIF in the file."""
    notes = (data[start + 4 : end] for marker, start, end in segments(data) if marker == _EXIF)
    yield from (note.removeprefix(_EXIF_MARK) for note in notes if note.startswith(_EXIF_MARK))


def check(data: bytes, held_limit: int = HELD_LIMIT) -> tuple[int, int]:
    """Width and height of a JPEG whose every pixel is there; its end marker may be missing. Raises `Damaged`.

    What follows the end marker is no damage: cameras put a second picture there, and encoders their notes.
    """
    found = list(segments(data))
    scans = [data[start + 4 : end] for marker, start, end in found if marker == _SCAN]
    if not scans:
        raise Damaged("it has a JPEG header and no picture")
    if _UNKNOWN.intersection(marker for marker, _, _ in found):
        raise Damaged("it has a marker that no decoder knows")
    pixels = b"".join(pieces(data)[:-1])
    if found[-1][1] < found[-1][2]:
        return _check_pixels(pixels, len(scans), held_limit, ended=True)
    try:
        if _complete(data, found):
            return _check_pixels(pixels, len(scans), held_limit, ended=False)
    except TooManyPixels:
        raise
    except Damaged as error:
        raise broken_off(len(data)) from error
    raise broken_off(len(data))


def _check_pixels(pixels: bytes, scans: int, held_limit: int, *, ended: bool) -> tuple[int, int]:
    """Width and height of a JPEG given without its end marker; `ended`: it had one."""
    with _opened(pixels + _END_MARKER) as picture:
        width, height = picture.size
    check_work(scans, width, height, held_limit)
    if scans == 1:
        _check_one_scan(pixels)
    if scans > 1 or not ended:
        _check_fillers(pixels, width * height)
    return width, height


def check_work(scans: int, width: int, height: int, held_limit: int = HELD_LIMIT) -> None:
    """Raises `Damaged` for a picture that takes more time or memory to decode than any real one."""
    if scans > 1:
        check_dimensions(width, height, held_limit)
    if scans > _MOST_SCANS or (scans > 1 and scans * width * height > _MOST_WORK):
        raise Damaged(f"it is made of {scans} scans, more than a picture of {width}x{height} pixels needs")


def count_scans(data: bytes) -> int:
    """How many scans the file is made of: more than one where it sharpens as it loads. Raises `Damaged`."""
    return sum(marker == _SCAN for marker, _, _ in segments(data))


def _complete(data: bytes, found: list[tuple[int, int, int]]) -> bool:
    """Whether the scans bring every coefficient of every component to its last bit (B.2.3, G.1.1.1)."""
    frame = next((data[start + 4 : end] for marker, start, end in found if marker in _FRAMES), b"")
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        return False
    missing = {(frame[6 + 3 * number], at) for number in range(frame[5]) for at in range(_COEFFICIENTS)}
    for marker, start, end in found:
        scan = data[start + 4 : end]
        if marker == _SCAN and scan and len(scan) >= 4 + 2 * scan[0]:
            first, last, bits = scan[1 + 2 * scan[0] : 4 + 2 * scan[0]]
            if bits & 0x0F == 0:
                components = scan[1 : 1 + 2 * scan[0] : 2]
                missing -= {(component, at) for component in components for at in range(first, last + 1)}
    return not missing


def _check_one_scan(pixels: bytes) -> None:
    """Decode a JPEG of one scan, given without its end marker, in a 64th of its memory.

    Before an end marker, the decoder makes up what is missing, and says nothing. Without one, it asks for more.
    """
    with _opened(pixels + _ENOUGH) as picture:
        width, height = picture.size
        picture.draft(picture.mode, (max(1, width // _SHRINK), max(1, height // _SHRINK)))
        try:
            picture.load()
        except OSError as error:
            raise Damaged("some of its pixels are missing or damaged") from error


def _check_fillers(pixels: bytes, size: int) -> None:
    """Decode a JPEG, given without its end marker, with other bytes before it: they change only what was missing."""
    with decoding(size):
        seen = set()
        for filler in _FILLERS:
            with _opened(pixels + filler + _END_MARKER) as picture:
                check_dimensions(*picture.size, HELD_LIMIT)
                seen.add(hashlib.sha256(picture.tobytes()).digest())
    if len(seen) > 1:
        raise Damaged("some of its pixels are missing")


@contextmanager
def _opened(jpeg: bytes) -> Iterator[JpegImageFile]:
    from PIL.Image import DecompressionBombError
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with JpegImageFile(io.BytesIO(jpeg)) as picture:
            check_dimensions(*picture.size)
            yield picture
    except (OSError, ValueError, SyntaxError, DecompressionBombError) as error:
        raise Damaged(f"it cannot be decoded ({error})") from error
