"""Is this file a picture that can be sent, and what is it? In little memory, whatever the size of the picture.

PNG is checked to its last checksum, and unpacked piece by piece to its last row. A JPEG must be whole by its structure
and decode at an eighth of its size: as much work on its data, and a 64th of the memory. There is no such way for a
JPEG of several scans (a progressive one) and for WebP, whose decoders hold every pixel at once, up to 18 bytes each:
they are decoded up to a megapixel, and larger ones are checked by their structure. What that lets through is a file
that was cut and then mended to look whole; one that was only cut is found. (Measured with Pillow 13.0, libwebp 1.6.)
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.pictures.heif import sniff_heif
from imgen.pictures.metadata import jpeg_scans, orientation, png_chunks, webp_size, without_notes
from imgen.pictures.verify import Damaged, Format, check_dimensions, check_png, inspect, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.JpegImagePlugin import JpegImageFile

_HEAD = 512  # bytes
_SHRINK = 8  # the most that a JPEG decoder leaves out
_DECODED = 1_000_000  # pixels, where decoding holds all of them
_ENOUGH = bytes(16)  # a JPEG decoder reads at most this far ahead of the last pixel
_END = b"\xff\xd9"
_FILLER = b"\x5a\xc3\x35\x96" * 1024  # bytes that no pixel needs where none is missing
_BLOCK = 64 * 1024  # bytes
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of one pixel, by the colour type of a PNG
# Where each pass of an interlaced PNG begins, and its steps: x, y, dx, dy (third edition, 8.1).
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class NotReadHere(Damaged):
    """The file may be a whole picture, in a format that is not read here."""


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
        raise NotReadHere(f"it is a {modern.upper()} picture, which is not read here")
    if format is None:
        inspect(path)  # which says what else it is
    assert format
    if format == "png":
        with path.open("rb") as file:
            check_png(file, path.stat().st_size)
    data = path.read_bytes()
    pieces = without_notes(data, format)
    has_notes = sum(map(len, pieces)) != len(data)
    size, sha256, turned = len(data), hashlib.sha256(data).hexdigest(), orientation(data, format)
    if format == "png":
        width, height = _check_rows(data)
    elif format == "jpeg":
        scans = jpeg_scans(data)
        pixels = b"".join(pieces[:-1])
        del data, pieces  # decoding takes memory of its own
        width, height = _check_jpeg(pixels) if scans == 1 else _check_scans(pixels)
    else:
        width, height = webp_size(data)
        check_dimensions(width, height)
        del data, pieces
        if width * height <= _DECODED:
            inspect(path)
    return Examined(path, format, width, height, size, sha256, turned, has_notes)


def _check_rows(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG whose data unpack to every row that its header announces."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    check_dimensions(width, height)
    if colour not in _SAMPLES or depth not in (1, 2, 4, 8, 16):
        raise Damaged("its PNG header announces a kind of pixel that does not exist")
    missing = _unpacked_size(width, height, depth * _SAMPLES[colour], interlaced=bool(interlaced))
    unpacker = zlib.decompressobj()
    try:
        for packed in _packed_pixels(data):
            while missing > 0 and (rows := unpacker.decompress(packed, _BLOCK)):
                missing -= len(rows)
                packed = unpacker.unconsumed_tail
    except zlib.error as error:
        raise Damaged(f"its pixels cannot be unpacked ({error})") from error
    if missing > 0:
        raise Damaged(f"{missing:,} bytes of its pixels are missing")
    return width, height


def _packed_pixels(data: bytes) -> Iterator[bytes]:
    for kind, start, end in png_chunks(data):
        if kind == b"IDAT":
            for at in range(start + 8, end - 4, _BLOCK):
                yield data[at : min(at + _BLOCK, end - 4)]


def _unpacked_size(width: int, height: int, bits: int, *, interlaced: bool) -> int:
    """The bytes of every row of a PNG: its filter's number, and `bits` a pixel (third edition, 7.2)."""
    size = 0
    for x, y, dx, dy in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0:
            size += max(0, rows) * (1 + (columns * bits + 7) // 8)
    return size


def _check_jpeg(pixels: bytes) -> tuple[int, int]:
    """Width and height of a JPEG of one scan, given without its end marker.

    Before an end marker, the decoder makes up what is missing, and says nothing. Without one, it asks for more.
    """
    with _opened(pixels + _ENOUGH) as picture:
        width, height = picture.size
        picture.draft(picture.mode, (max(1, width // _SHRINK), max(1, height // _SHRINK)))
        try:
            picture.load()
        except OSError as error:
            raise Damaged("some of its pixels are missing or damaged") from error
    return width, height


def _check_scans(pixels: bytes) -> tuple[int, int]:
    """Width and height of a JPEG of several scans, given without its end marker, which its decoder insists on.

    Bytes put before that marker change what is seen only where some were missing.
    """
    with _opened(pixels + _END) as picture:
        width, height = picture.size
        seen = picture.tobytes() if width * height <= _DECODED else None
    if seen:
        with _opened(pixels + _FILLER + _END) as filled:
            if filled.tobytes() != seen:
                raise Damaged("some of its pixels are missing")
    return width, height


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
