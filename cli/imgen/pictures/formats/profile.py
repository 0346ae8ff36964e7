"""A colour profile as it may be sent: what colours need, and none of its texts. Standard library only.

A profile of a display or a scanner names its owner's devices, and some their owner: in its description, its
manufacturer's own tags, its dates (ICC.1:2022, 7.2 and 9). The tags that turn numbers into colours stay byte for byte.
"""

from __future__ import annotations

import struct

_HEADER = 128  # bytes (7.2)
_SIGNATURE = 36  # where it is in the header
_MOST_TAGS = 100
# Matrix and curves, tables of either direction, the white and black points, and how they were adapted (9.2).
_TAGS = frozenset(
    (
        *(b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"bkpt", b"lumi", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"chad", b"cicp"),
        *(b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt", b"pre0", b"pre1", b"pre2"),
        *(b"D2B0", b"D2B1", b"D2B2", b"D2B3", b"B2D0", b"B2D1", b"B2D2", b"B2D3"),
    )
)
_TABLES = (b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet")  # of any size
_PARAMETERS = (1, 3, 4, 5, 7)  # of a curve, by its kind (10.18)
# Fields of the header that name a program, a device or a time: their place, and what is put there (7.2).
_NAMELESS = {
    4: bytes(4),  # the program that is preferred
    24: struct.pack(">6H", 2000, 1, 1, 0, 0, 0),
    48: bytes(16),  # manufacturer, model and attributes of the device
    80: bytes(20),  # who made it, and a checksum over it
}
_NAME = "Colour profile"


def bare_profile(data: bytes) -> bytes | None:
    """The profile that these bytes begin with, of the size in its header, without its texts.

    None for what is no profile, and for one that holds no colours.
    """
    size = int.from_bytes(data[:4])
    if not _HEADER < size <= len(data) or data[_SIGNATURE : _SIGNATURE + 4] != b"acsp":
        return None
    kept = _colours(data[:size])
    if not kept:
        return None
    header = bytearray(data[:_HEADER])
    for at, nothing in _NAMELESS.items():
        header[at : at + len(nothing)] = nothing
    return _written(bytes(header), {**_texts(header[8]), **kept})


def _colours(data: bytes) -> dict[bytes, bytes]:
    """The tags that are kept, each without what stands behind its content."""
    count = min(int.from_bytes(data[_HEADER : _HEADER + 4]), _MOST_TAGS)
    kept: dict[bytes, bytes] = {}
    for entry in range(_HEADER + 4, min(_HEADER + 4 + 12 * count, len(data) - 11), 12):
        name, start, size = struct.unpack_from(">4sII", data, entry)
        content = _content(data[start : start + size])
        if name in _TAGS and content and start + size <= len(data):
            kept[name] = content
    return kept


def _content(tag: bytes) -> bytes:
    """A tag to the end of what its type describes; empty for a type that holds no colours."""
    match tag[:4]:
        case b"XYZ ":
            length = 20
        case b"sf32":
            length = 8 + 9 * 4
        case b"cicp":
            length = 12
        case b"curv":
            length = 12 + 2 * int.from_bytes(tag[8:12])
        case b"para":
            kind = int.from_bytes(tag[8:10])
            length = 12 + 4 * _PARAMETERS[kind] if kind < len(_PARAMETERS) else len(tag) + 1
        case kind if kind in _TABLES:
            length = len(tag)
        case _:
            return b""
    return tag[:length] if length <= len(tag) else b""


def _texts(version: int) -> dict[bytes, bytes]:
    """The two texts that a profile must have, saying nothing; their types changed with version 4."""
    if version >= 4:
        text = _NAME.encode("utf-16-be")
        named = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text
        return {b"desc": named, b"cprt": named}
    name = _NAME.encode() + b"\0"
    described = struct.pack(">4s4xI", b"desc", len(name)) + name + bytes(8 + 3 + 67)
    return {b"desc": described, b"cprt": b"text" + bytes(4) + name}


def _written(header: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A whole profile; equal contents stand in it once, as those of three curves mostly are."""
    start = _HEADER + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    body = bytearray()
    table = bytearray(len(tags).to_bytes(4))
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, places[content], len(content))
    return (start + len(body)).to_bytes(4) + header[4:] + bytes(table) + bytes(body)
