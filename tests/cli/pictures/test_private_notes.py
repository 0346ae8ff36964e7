"""What a reviewer found still inside pictures that go up: comments after turning, thumbnails in headers."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgen.pictures.fit import fitted
from imgen.pictures.metadata import without_notes
from imgen.pictures.verify import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.pictures.verify import Format

SECRET = b"taken in the bedroom"


def jpeg(*, mode: str = "RGB", **options: object) -> bytes:
    held = io.BytesIO()
    Image.new(mode, (40, 30)).save(held, "jpeg", **options)
    return held.getvalue()


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def test_a_picture_that_is_turned_loses_its_comment(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(jpeg(comment=SECRET))

    made = fitted(path, "jpeg", 6, formats=("jpeg",), most=None)

    assert (made.width, made.height) == (30, 40)
    assert SECRET not in made.data


@pytest.mark.parametrize("marker", [0xE0, 0xEE])
def test_a_header_that_is_not_what_it_should_be_goes(marker: int) -> None:
    data = with_segment(jpeg(), marker, b"JFXX\0" + SECRET)

    stripped = b"".join(without_notes(data, "jpeg"))

    assert SECRET not in stripped
    assert Image.open(io.BytesIO(stripped)).size == (40, 30)


def test_a_small_picture_in_the_header_goes_and_the_densities_stay() -> None:
    plain = jpeg(dpi=(300, 300))
    assert plain[2:4] == b"\xff\xe0"
    header = plain[6:20][:12] + bytes([2, 2]) + SECRET[:12]
    data = with_segment(plain[:2] + plain[20:], 0xE0, header)

    stripped = b"".join(without_notes(data, "jpeg"))

    assert SECRET[:12] not in stripped
    assert Image.open(io.BytesIO(stripped)).info["dpi"] == (300, 300)


def test_sixteen_bits_of_grey_keep_their_shades(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    grey = Image.new("I;16", (3, 1))
    for x, value in enumerate((300, 5000, 40000)):
        grey.putpixel((x, 0), value)
    grey.save(path)

    made = fitted(path, "png", 1, formats=("png",), most=None)

    shades = [Image.open(io.BytesIO(made.data)).convert("L").getpixel((x, 0)) for x in range(3)]
    assert shades == [1, 19, 155]


def test_a_profile_for_inks_does_not_outlive_them(tmp_path: Path) -> None:
    path = tmp_path / "inks.jpg"
    path.write_bytes(jpeg(mode="CMYK", icc_profile=b"a profile for four inks"))

    made = fitted(path, "jpeg", 6, formats=("jpeg",), most=None)

    assert b"four inks" not in made.data


def test_what_cannot_be_decoded_is_damaged_and_no_bug_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "bad.webp"
    path.write_bytes(b"RIFF\x20\0\0\0WEBPVP8 " + bytes(24))

    with pytest.raises(Damaged):
        fitted(path, "webp", 1, formats=("png",), most=None)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def riff(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(data)) + data + bytes(len(data) % 2)


def png_with_a_private_critical_chunk() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(held, "PNG")
    return held.getvalue()[:-12] + chunk(b"NOTE", SECRET) + held.getvalue()[-12:]


def jpeg_with_bytes_between_its_segments() -> bytes:
    data = jpeg()
    return data[:20] + SECRET + data[20:]  # after JFIF's header


def animation_with_a_note_in_its_frame() -> bytes:
    held = io.BytesIO()
    frames = [Image.new("RGB", (40, 30), color) for color in ("teal", "gold")]
    frames[0].save(held, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    data = held.getvalue()
    at = data.index(b"ANMF")
    (length,) = struct.unpack_from("<I", data, at + 4)
    body = data[at + 8 : at + 8 + length] + riff(b"NOTE", SECRET)
    rest = data[12:at] + riff(b"ANMF", body) + data[at + 8 + length + length % 2 :]
    return struct.pack("<4sI", b"RIFF", 4 + len(rest)) + b"WEBP" + rest


@pytest.mark.parametrize(
    ("format", "make"),
    [
        ("png", png_with_a_private_critical_chunk),
        ("jpeg", jpeg_with_bytes_between_its_segments),
        ("webp", animation_with_a_note_in_its_frame),
    ],
)
def test_notes_in_odd_places_go_too(format: Format, make: Callable[[], bytes]) -> None:
    data = make()
    assert SECRET in data

    stripped = b"".join(without_notes(data, format))

    assert SECRET not in stripped
    with Image.open(io.BytesIO(stripped)) as opened:
        opened.load()
        assert opened.size == (40, 30)
        assert getattr(opened, "n_frames", 1) == (2 if format == "webp" else 1)
