"""The C2PA claim in a picture: where a model or an editor signed how it was made.

Reads what is written, and believes none of it: a claim says who made it, and only a check of its hashes and of its
signature says whether that holds for these bytes. That check is c2pa-python's, where it is installed.
Sources: C2PA specification 2.2, 8 (claims), 11 (JUMBF), A.3 (embedding); ISO 19566-5 (JUMBF); RFC 8949 (CBOR).
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.pictures.formats import jpeg, png, webp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.pictures.verify import Format

_MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_APP11 = 0xEB
_MOST_DEPTH = 16  # of boxes and of values within each other
_BOX = 8  # bytes of a box's length and type
_CLAIMS = ("c2pa.claim", "c2pa.claim.v2")
_ACTIONS = ("c2pa.actions", "c2pa.actions.v2")
_NETWORK_OFF = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True, slots=True)
class Claim:
    """What the last claim in a picture says; None where it says nothing that can be read.

    `generator` is the program that made it, `source_type` how the picture came to be (an IPTC digital source type).
    """

    generator: str | None
    source_type: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim holds for the bytes it is in; `problems` are C2PA's own codes.

    `intact`: the file's bytes are those that were signed. `trusted`: the signer is on the list of the C2PA.
    """

    intact: bool
    trusted: bool
    problems: tuple[str, ...]


def claim_in(data: bytes, format: Format) -> Claim | None:
    """The claim in a picture file, None where there is none. Raises `Damaged` where the file has no whole structure."""
    store = _store(data, format)
    if store is None:
        return None
    try:
        return _read(store)
    except (ValueError, IndexError, struct.error, RecursionError):
        return Claim(None, None)  # there is a claim, and what it says cannot be read


def has_claim(data: bytes, format: Format) -> bool:
    """Whether a claim is in a picture file, readable or not. Raises `Damaged`."""
    return _store(data, format) is not None


def verified(data: bytes, format: Format) -> Verdict | None:
    """Whether the claim in a picture holds, without asking any network; None where c2pa-python is not installed."""
    try:
        import c2pa  # type: ignore[import-untyped]
    except ImportError:
        return None
    context = c2pa.Context(settings=c2pa.Settings.from_dict(_NETWORK_OFF))
    try:
        with c2pa.Reader(_MEDIA_TYPES[format], io.BytesIO(data), context=context) as reader:
            found = json.loads(reader.json())
    except c2pa.C2paError as error:
        return Verdict(intact=False, trusted=False, problems=(str(error).partition(":")[0] or "unreadable",))
    codes = tuple(str(status["code"]) for status in found.get("validation_status", ()))
    distrust = tuple(code for code in codes if code.startswith("signingCredential."))
    return Verdict(intact=codes == distrust, trusted=not codes, problems=codes)


# Where it is ----------------------------------------------------------------------------------------------------


def _store(data: bytes, format: Format) -> bytes | None:
    """The bytes of all claims in a file, as one JUMBF box."""
    return next((box for box in _boxes_of(data, format) if box[4:8] == b"jumb" and b"c2pa" in box[:64]), None)


def _boxes_of(data: bytes, format: Format) -> Iterator[bytes]:
    match format:
        case "png":
            yield from (data[start + 8 : end - 4] for kind, start, end in png.chunks(data) if kind == b"caBX")
        case "webp":
            yield from (data[start + 8 : end] for kind, start, end in webp.chunks(data) if kind == b"C2PA")
        case "jpeg":
            yield from _jpeg_boxes(data)


def _jpeg_boxes(data: bytes) -> Iterator[bytes]:
    """The JUMBF boxes in a JPEG, each of one or many segments (ISO 19566-5, annex D)."""
    boxes: dict[bytes, bytearray] = {}
    for marker, start, end in jpeg.segments(data):
        body = data[start + 4 : end]
        if marker != _APP11 or not body.startswith(b"JP") or len(body) < 16:
            continue
        number, packet = body[2:4], int.from_bytes(body[4:8])
        if packet == 1:
            boxes[number] = bytearray(body[8:])
        elif number in boxes:
            boxes[number] += body[8 + _BOX :]  # each segment repeats the length and the type of the box
    yield from map(bytes, boxes.values())


# What it says ---------------------------------------------------------------------------------------------------


def _read(store: bytes) -> Claim:
    """The last claim of a store, which is the one about the file as it is."""
    manifests = [(start, end) for label, start, end in _inner_boxes(store, 0, len(store)) if label is not None]
    if not manifests:
        return Claim(None, None)
    parts = {label: (start, end) for label, start, end in _inner_boxes(store, *manifests[-1]) if label}
    claim = next((_content(store, *parts[label]) for label in _CLAIMS if label in parts), None)
    assertions = parts.get("c2pa.assertions")
    found = {label: place for label, *place in _inner_boxes(store, *assertions)} if assertions else {}
    actions = next((_content(store, *found[label]) for label in _ACTIONS if label in found), None)
    return Claim(_generator(claim), _source_type(actions))


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each box between two places."""
    while start + _BOX <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        stop = end if length == 0 else start + length
        if length in range(1, _BOX) or stop > end:
            raise ValueError("a box is longer than what it is in")
        yield kind, start + _BOX, stop
        start = stop


def _inner_boxes(data: bytes, start: int, end: int) -> Iterator[tuple[str | None, int, int]]:
    """The boxes in a superbox, each with its label: itself where it is one, None where it is not."""
    for kind, inner, stop in _boxes(data, start + _BOX, end):
        if kind == b"jumb":
            yield _label(data, inner, stop), inner - _BOX, stop


def _label(data: bytes, start: int, end: int) -> str | None:
    """The label in the description that every superbox begins with."""
    kind, inner, stop = next(_boxes(data, start, end))
    text = data[inner + 17 : stop]  # after its type's UUID and a byte of flags
    has_label = kind == b"jumd" and data[inner + 16] & 0x02
    return text.partition(b"\0")[0].decode(errors="replace") if has_label else None


def _content(data: bytes, start: int, end: int) -> object:
    """The value in the CBOR box of a superbox."""
    for kind, inner, stop in _boxes(data, start + _BOX, end):
        if kind == b"cbor":
            return _value(data[:stop], inner, 0)[0]
    return None


def _generator(claim: object) -> str | None:
    """The program that a claim names: as a text in its first version, as a table of name and version since."""
    if not isinstance(claim, dict):
        return None
    info = claim.get("claim_generator_info")
    first = info[0] if isinstance(info, list) and info else info
    if isinstance(first, dict) and isinstance(first.get("name"), str):
        version = first.get("version")
        return f"{first['name']} {version}" if isinstance(version, str) else str(first["name"])
    text = claim.get("claim_generator")
    return text if isinstance(text, str) else None


def _source_type(actions: object) -> str | None:
    """How the picture came to be, by the first of the actions that says it."""
    listed = actions.get("actions") if isinstance(actions, dict) else None
    for action in listed if isinstance(listed, list) else ():
        if isinstance(action, dict) and isinstance(found := action.get("digitalSourceType"), str):
            return found
    return None


# CBOR -----------------------------------------------------------------------------------------------------------


def _value(data: bytes, at: int, depth: int) -> tuple[object, int]:
    """The value that begins at a place, and where it ends; numbers of a kind that no claim needs are None."""
    if depth > _MOST_DEPTH:
        raise ValueError("values are nested too deeply")
    major, size, at = _head(data, at)
    match major:
        case 0:
            return size, at
        case 1:
            return -1 - size, at
        case 2 | 3:
            if at + size > len(data):
                raise ValueError("a text is longer than what it is in")
            raw = data[at : at + size]
            return (raw if major == 2 else raw.decode(errors="replace")), at + size
        case 4:
            items = []
            for _ in range(size):
                item, at = _value(data, at, depth + 1)
                items.append(item)
            return items, at
        case 5:
            table: dict[object, object] = {}
            for _ in range(size):
                key, at = _value(data, at, depth + 1)
                value, at = _value(data, at, depth + 1)
                if isinstance(key, str):
                    table[key] = value
            return table, at
        case 6:
            return _value(data, at, depth + 1)
        case _:
            return {20: False, 21: True}.get(size), at


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """The major type of a value, its number or length, and where its content begins (RFC 8949, 3)."""
    major, short = data[at] >> 5, data[at] & 0x1F
    if short < 24:
        return major, short, at + 1
    if short > 27:
        raise ValueError("the length of a value is not known before its end")
    width = 1 << (short - 24)
    number = data[at + 1 : at + 1 + width]
    if len(number) < width:
        raise ValueError("a value breaks off")
    return major, int.from_bytes(number) if major != 7 else -1, at + 1 + width
