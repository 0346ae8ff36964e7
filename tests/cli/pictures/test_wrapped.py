"""A picture is taken out of what its link gave, and whatever is no picture stays as it came."""

from __future__ import annotations

import base64
import gzip
import json
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgen.pictures.wrapped import unwrap

if TYPE_CHECKING:
    from pathlib import Path


def drawn() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "orange").save(file, "PNG")
    return file.getvalue()


PICTURE = drawn()
TEXT = base64.b64encode(PICTURE)
PART = b"--b0undary\r\nContent-Type: image/png\r\nContent-Range: bytes 0-9/10\r\n\r\n"
WRAPPED = {
    "gzip": gzip.compress(PICTURE),
    "gzip in members": gzip.compress(PICTURE[:50]) + gzip.compress(PICTURE[50:]),
    "base64": TEXT,
    "base64 in lines": base64.encodebytes(PICTURE),
    "base64, packed": gzip.compress(TEXT),
    "a data URI": b"data:image/png;base64," + TEXT,
    "JSON with base64": json.dumps({"data": [{"b64_json": TEXT.decode()}]}).encode(),
    "a text in JSON": json.dumps(f"data:image/png;base64,{TEXT.decode()}").encode(),
    "a byte order mark": b"\xef\xbb\xbf" + PICTURE,
    "ends of lines": b"\r\n\n" + PICTURE,
    "a part of several": PART + PICTURE,
}
NO_PICTURE = {
    "a page": b"<!doctype html><img src='data:image/png;base64," + TEXT + b"'>",
    "JSON with a link": b'{"url": "https://cdn.test/a.png"}',
    "words": b"the link has expired",
    "a ZIP file": b"PK\x03\x04" + PICTURE,
    "nothing": b"",
    "a cut file of gzip": gzip.compress(PICTURE)[:-9],
    "a part without a picture": PART + b"words",
    "bytes": bytes(500),
}


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "fox.part"


@pytest.mark.parametrize("form", WRAPPED)
def test_a_picture_is_taken_out(part: Path, form: str) -> None:
    part.write_bytes(WRAPPED[form])

    unwrap(part)

    assert part.read_bytes() == PICTURE


@pytest.mark.parametrize("form", NO_PICTURE)
def test_what_is_no_picture_stays_as_it_came(part: Path, form: str) -> None:
    part.write_bytes(NO_PICTURE[form])

    unwrap(part)

    assert part.read_bytes() == NO_PICTURE[form]


def test_a_picture_stays_as_it_came(part: Path) -> None:
    part.write_bytes(PICTURE + b"\n")

    unwrap(part)

    assert part.read_bytes() == PICTURE + b"\n"


def test_a_long_beginning_of_blanks_is_not_looked_through(tmp_path: Path) -> None:
    """The search keeps a hundred bytes for each blank: a bomb of a few MB would take all memory."""
    data = b" " * 20_000 + PICTURE
    part = tmp_path / "part"
    part.write_bytes(data)

    unwrap(part)

    assert part.read_bytes() == data
