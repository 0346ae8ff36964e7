"""A JSON reader for what services really send: lenient about encoding, bounded in depth and size.

A paid answer is never thrown away for an odd byte in a field that nothing needs: a byte order mark, Latin-1 bytes,
lone surrogates, control characters and numbers out of range are all read. Standard library only.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen_providers.base import Json

DEPTH = 64
"""How many objects and lists may stand in each other; what is deeper is read as null."""

_MOST_VALUES = 1_000_000  # of one answer: each takes a hundred bytes of memory, whatever it takes on the wire
_MOST_DIGITS = 400  # of a whole number; Python itself refuses 4,301
_MOST_BEFORE = 1000  # characters
_OBJECT = re.compile(r'\{\s*"|\[\s*\{\s*"')
_AROUND = "\ufeff\0 \t\r\n"
_UNDECODED = re.compile("[\udc80-\udcff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


def loads(body: bytes) -> Json:
    """The JSON value that the body begins with, but for a few characters. Raises `ValueError` when there is none."""
    for text in _readings(body):
        for start in (0, _first_object(text)):
            try:
                return _bounded(_parsed(text[start:].strip(_AROUND)), 0)
            except json.JSONDecodeError:
                continue
    raise ValueError("the body holds no JSON")


def _first_object(text: str) -> int:
    """Where an object begins behind the words of a stream of events, a guard (")]}'") or a call; 0 for a web page."""
    found = _OBJECT.search(text[:_MOST_BEFORE])
    return found.start() if found and "<" not in text[: found.start()] else 0


def inside(text: str) -> Json:
    """The object or list that a text is as JSON, as where an answer was encoded twice; None where it is neither."""
    text = text.strip()
    if (text[:1], text[-1:]) not in (("{", "}"), ("[", "]")):
        return None
    try:
        return loads(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None


def text_of(body: bytes) -> str:
    """The body as text, whatever its encoding: UTF-8, and each byte that cannot be that as Latin-1."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    text = body.decode("utf-8", "surrogateescape")
    return text if text.isascii() else _UNDECODED.sub(lambda byte: chr(ord(byte[0]) - 0xDC00), text)


def canonical(body: bytes) -> bytes:
    """The same text as UTF-8, with no escape in it for a letter that needs none: so a key in it is found.

    "\\u0073k-..." and UTF-16 would hide a key from a search, and show it once the answer is read.
    """
    if encoding := _wide(body):
        body = body.decode(encoding, "replace").strip(_AROUND).encode("utf-8", "replace")
    return _ESCAPE.sub(_unescaped, body) if b"\\u00" in body else body


def _unescaped(escape: re.Match[bytes]) -> bytes:
    character = bytes([int(escape[1], 16)]) if escape[1] else b'"'
    return escape[0] if character in b'"\\\x7f' else character


def _readings(body: bytes) -> Iterator[str]:
    yield text_of(body)
    if encoding := _wide(body):
        yield body.decode(encoding, "replace")


def _wide(body: bytes) -> str | None:
    """The encoding of a text in UTF-16 or UTF-32, known by its mark or its many zero bytes; None for any other."""
    encoding = json.detect_encoding(body)
    marked = body.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
    is_wide = encoding.startswith(("utf-16", "utf-32")) and (marked or body.count(0) * 3 >= len(body))
    return encoding if is_wide else None


def _parsed(text: str) -> Json:
    if sum(text.count(character) for character in ",[{") > _MOST_VALUES:
        raise ValueError("the body holds more values than any answer needs")
    try:
        value: Json = _DECODER.raw_decode(text)[0]
    except RecursionError:
        value = _DECODER.raw_decode(_shallow(text))[0]
    return value


def _shallow(text: str) -> str:
    """The text with null in place of every object and list that is nested too deeply."""
    kept: list[str] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        match text[token.start()]:
            case "[" | "{":
                depth += 1
                if depth == DEPTH + 1:
                    kept += [text[start : token.start()], "null"]
            case "]" | "}":
                if depth == DEPTH + 1:
                    start = token.end()
                depth -= 1
            case _:
                pass  # a text, with brackets in it or not
    return "".join([*kept, text[start:]]) if depth <= DEPTH else ""


def _bounded(value: Json, depth: int) -> Json:
    """The value with nothing in it that cannot be stored or walked through."""
    match value:
        case str():
            return _storable(value)
        case list():
            return [_bounded(item, depth + 1) for item in value] if depth < DEPTH else None
        case dict():
            if depth >= DEPTH:
                return None
            return {_storable(key): _bounded(item, depth + 1) for key, item in value.items()}
        case _:
            return value


def _storable(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _no_number(_: str) -> None:
    """NaN and Infinity, which JSON does not have."""


_DECODER = json.JSONDecoder(strict=False, parse_int=_whole, parse_float=_finite, parse_constant=_no_number)
