"""PNG: its chunks, checked to the last row, and what of them is the picture (PNG specification, third edition)."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

from imgen.pictures.formats import Damaged, broken_off, check_dimensions
from imgen.pictures.formats.profile import bare_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = 8  # bytes
_BLOCK = 64 * 1024  # bytes
# Depths that each colour type may have, and its samples a pixel (11.2.1).
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_FILTERS = 4  # the last kind of filter that a row can name (9.2)
# Where each pass of an interlaced picture begins, and its steps: x, y, dx, dy (8.1).
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Chunks that are no pixels and change how the picture looks, with the most bytes that each can need (11.3).
_LOOKS = {
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"cICP": 4,
    b"mDCV": 24,
    b"cLLI": 8,
    b"sBIT": 4,
    b"bKGD": 6,
    b"pHYs": 9,
    b"acTL": 8,
    b"fcTL": 26,
}
_CRITICAL = frozenset((b"PLTE", b"IEND"))  # besides those that are looked at themselves (11.2)
_PIXELS = frozenset((b"IHDR", b"PLTE", b"fdAT", b"IEND"))
_PROFILE = b"iCCP"
_PROFILE_NAME = b"ICC Profile\0"  # in place of any other, which may be a person's
_PROFILE_LIMIT = 16 * 1024 * 1024  # bytes


def check(file: BinaryIO, size: int) -> tuple[int, int]:
    """Width and height of a PNG of `size` bytes: every checksum right, and every row of it there.

    Holds one block at a time, and leaves `file` at the end of the picture. Raises `Damaged`.
    """
    rows: _Rows | None = None
    palette = False
    for kind, blocks in _checked_chunks(file, size):
        if rows is None:
            header = b"".join(blocks)
            if kind != b"IHDR" or len(header) != 13:
                raise Damaged("it does not begin with a PNG header")
            rows = _Rows(header)
        elif kind == b"IDAT":
            rows.announced = True
            if rows.colour == _PALETTE and not palette:
                raise Damaged("it has no palette for its colours")
            for block in blocks:
                rows.feed(block)
        else:
            if kind[:1].isupper() and kind not in _CRITICAL:
                raise Damaged(f"no PNG reader knows its chunk {kind.decode()}, and none may pass over it")
            palette = palette or kind == b"PLTE"
            for _ in blocks:
                pass  # read for the checksum
    assert rows
    rows.check_whole()
    return rows.width, rows.height


def _checked_chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Kind and blocks of each chunk up to IEND; its checksum is checked as the blocks are used up."""
    at = file.seek(_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        head = file.read(8)
        if len(head) < 8:
            raise broken_off(size)
        length, kind = struct.unpack(">I4s", head)
        if not kind.isalpha():
            raise Damaged(f"no PNG chunk begins at byte {at:,}, where one should")
        if at + 12 + length > size:
            raise broken_off(size)
        yield kind, _blocks(file, kind, length, at)
        at += 12 + length


def _blocks(file: BinaryIO, kind: bytes, length: int, at: int) -> Iterator[bytes]:
    checksum = zlib.crc32(kind)
    for start in range(0, length, _BLOCK):
        block = file.read(min(length - start, _BLOCK))
        checksum = zlib.crc32(block, checksum)
        yield block
    if file.read(4) != checksum.to_bytes(4):
        raise Damaged(f"the PNG checksum of the {length:,} bytes at {at + 8:,} is wrong")


class _Rows:
    """The rows that a header announces, counted as they are unpacked. `announced`: the file has pixels at all."""

    def __init__(self, header: bytes) -> None:
        self.width, self.height, depth, self.colour, packing, filtering, interlaced = struct.unpack(">IIBBBBB", header)
        check_dimensions(self.width, self.height)
        if depth not in _DEPTHS.get(self.colour, ()):
            raise Damaged(f"no PNG has colour type {self.colour} with {depth} bits, as its header says")
        if packing or filtering or interlaced > 1:
            raise Damaged("its PNG header names a method that does not exist")
        self.passes = list(_passes(self.width, self.height, depth * _SAMPLES[self.colour], interlaced == 1))
        self.size = sum(stride * rows for stride, rows in self.passes)
        self.announced = False
        self._unpacker = zlib.decompressobj()
        self._received = 0
        self._trouble: zlib.error | None = None

    def feed(self, packed: bytes) -> None:
        """Unpack one block, of which no more than one block of pixels is held. Raises `Damaged`."""
        try:
            while (
                not self._trouble and self._received < self.size and (rows := self._unpacker.decompress(packed, _BLOCK))
            ):
                self._check_filters(rows)
                self._received += len(rows)
                packed = self._unpacker.unconsumed_tail
        except zlib.error as error:
            self._trouble = error  # the checksum comes first: it says where the damage is

    def check_whole(self) -> None:
        """Raises `Damaged` where rows are missing."""
        if not self.announced:
            raise Damaged("it has a PNG header and no picture")
        if self._trouble:
            raise Damaged(f"its pixels cannot be unpacked ({self._trouble})")
        if self._received < self.size:
            raise Damaged(f"{self.size - self._received:,} bytes of its pixels are missing")

    def _check_filters(self, data: bytes) -> None:
        """Each row begins with the number of its filter."""
        start = 0  # of a pass
        for stride, rows in self.passes:
            end = start + stride * rows
            first = max(0, -(-(self._received - start) // stride)) * stride + start - self._received
            if max(data[first : max(first, end - self._received) : stride], default=0) > _FILTERS:
                raise Damaged("its pixels are not what a PNG has")
            start = end


def _passes(width: int, height: int, bits: int, interlaced: bool) -> Iterator[tuple[int, int]]:  # noqa: FBT001
    """Bytes of a row and number of rows of each pass: a row has its filter's number and `bits` a pixel (7.2)."""
    for x, y, dx, dy in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0 and rows > 0:
            yield 1 + (columns * bits + 7) // 8, rows


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk up to the end of the picture (section 5)."""
    at = _SIGNATURE
    kind = b""
    while kind != b"IEND" and at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + length
        at += 12 + length


def pieces(data: bytes) -> list[memoryview]:
    """What of the file is the picture: no text, no private name, and nothing behind the pixels. Raises `Damaged`."""
    view = memoryview(data)
    kept = [view[:_SIGNATURE]]
    packed = [view[start:end] for kind, start, end in chunks(data) if kind == b"IDAT"]
    for kind, start, end in chunks(data):
        if kind == b"IDAT" and packed:
            kept += _pixel_chunks(data, packed)
            packed = []
        elif kind in _PIXELS or end - start - 12 <= _LOOKS.get(kind, -1):
            kept.append(view[start:end])
        elif kind == _PROFILE:
            kept += _profile_chunk(view[start + 8 : end - 4])
    return kept


def _pixel_chunks(data: bytes, packed: list[memoryview]) -> list[memoryview]:
    """These IDAT chunks without what follows the last row, packed or not."""
    header = data[_SIGNATURE + 8 : _SIGNATURE + 21]
    if data[_SIGNATURE + 4 : _SIGNATURE + 8] != b"IHDR" or len(header) < 13:
        raise Damaged("it does not begin with a PNG header")
    size = left = _Rows(header).size
    unpacker = zlib.decompressobj()
    kept: list[memoryview] = []
    try:
        for chunk in packed:
            content = chunk[8:-4]
            for at in range(0, len(content), _BLOCK):
                block: bytes | memoryview = content[at : at + _BLOCK]
                end = at + len(block)
                while rows := unpacker.decompress(block, min(_BLOCK, left + 1)):
                    left -= len(rows)
                    if left < 0:  # more rows than the picture has
                        return [_chunk(b"IDAT", zlib.compress(_first(packed, size)))]
                    block = unpacker.unconsumed_tail
                if unpacker.eof:
                    end -= len(unpacker.unused_data)
                    return [*kept, chunk if end == len(content) else _chunk(b"IDAT", content[:end])]
            kept.append(chunk)
    except zlib.error as error:
        raise Damaged(f"its pixels cannot be unpacked ({error})") from error
    return kept


def _first(packed: list[memoryview], size: int) -> bytes:
    return zlib.decompressobj().decompress(b"".join(chunk[8:-4] for chunk in packed), size)


def _profile_chunk(content: memoryview) -> list[memoryview]:
    """A colour profile without texts, under a name that says nothing (11.3.2.3); none where it cannot be unpacked."""
    name, _, packed = bytes(content).partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        held = unpacker.decompress(packed[1:], _PROFILE_LIMIT)
    except zlib.error:
        return []
    profile = bare_profile(held)
    if profile is None or not unpacker.eof:
        return []
    if name + b"\0" != _PROFILE_NAME or unpacker.unused_data or profile != held:
        packed = b"\0" + zlib.compress(profile)
    return [_chunk(_PROFILE, _PROFILE_NAME + packed)]


def _chunk(kind: bytes, content: bytes | memoryview) -> memoryview:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return memoryview(b"".join((len(content).to_bytes(4), kind, content, checksum.to_bytes(4))))


def exif(data: bytes) -> Iterator[bytes]:
    """Each block of EXIF in the file."""
    yield from (data[start + 8 : end - 4] for kind, start, end in chunks(data) if kind == b"eXIf")
