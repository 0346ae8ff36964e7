"""Is every byte of a picture looked at, and is damage put into words?"""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgen.pictures.verify import Damaged, Format, Picture, Wanted, differences, inspect, known_format, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator


def noise(width: int = 31, height: int = 23) -> Image.Image:
    return Image.effect_noise((width, height), 80).convert("RGB")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def with_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "a description that is long enough to be stored by offset"
    return exif


PNG = encoded(noise(), "PNG")
FILES = {
    "png": PNG,
    "jpeg": encoded(noise(), "JPEG"),
    "jpeg progressive": encoded(noise(), "JPEG", progressive=True),
    "jpeg with restarts": encoded(noise(), "JPEG", restart_marker_blocks=1),
    "jpeg with exif": encoded(noise(), "JPEG", exif=with_exif()),
    "webp": encoded(noise(), "WEBP"),
    "webp lossless": encoded(noise(), "WEBP", lossless=True),
    "webp with exif": encoded(noise(), "WEBP", exif=with_exif()),
}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int = 31, height: int = 23) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


SIGNATURE = PNG[:8]
END = chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder) / "picture.part"


def damage(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    with pytest.raises(Damaged) as error:
        inspect(file)
    return str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_a_whole_picture_is_described(file: Path, name: str) -> None:
    data = FILES[name]
    file.write_bytes(data)
    kind = cast("Format", name.partition(" ")[0])
    assert inspect(file) == Picture(kind, 31, 23, len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("name", FILES)
def test_a_picture_cut_anywhere_is_damaged(file: Path, name: str) -> None:
    data = FILES[name]
    whole = len(data) - 2 * name.startswith("jpeg")  # some encoders leave the end marker of a JPEG out
    for length in range(whole):
        assert damage(file, data[:length]), f"cut after {length} bytes"


@given(at=st.integers(0, len(PNG) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_of_a_png_is_noticed(file: Path, at: int, flip: int) -> None:
    data = bytearray(PNG)
    data[at] ^= flip
    assert damage(file, bytes(data))


@given(
    name=st.sampled_from(sorted(FILES)),
    changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 255)), min_size=1, max_size=4),
)
def test_changed_bytes_never_break_the_verifier(file: Path, name: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(FILES[name])
    for at, flip in changes:
        data[at % len(data)] ^= flip
    file.write_bytes(data)
    with contextlib.suppress(Damaged):
        assert inspect(file).size == len(data)


@given(st.binary(max_size=600))
def test_bytes_that_are_no_picture_are_damage(file: Path, data: bytes) -> None:
    assert damage(file, data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><title>Not found</title>", "it is a web page, not a picture"),
        (b"\xef\xbb\xbf \n<html></html>", "it is a web page, not a picture"),
        (
            b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
            "it is an XML text, not a picture",
        ),
        (b' {"error": "expired"}', "it is a JSON text, not a picture"),
        (b"[]", "it is a JSON text, not a picture"),
        (b"nothing known", "it is not a PNG, JPEG or WebP picture"),
        (PNG[:1000], "it breaks off after 1,000 bytes"),
        (FILES["jpeg"][:-3], f"it breaks off after {len(FILES['jpeg']) - 3:,} bytes"),
        (
            FILES["webp"][:-1],
            f"it breaks off after {len(FILES['webp']) - 1:,} of {len(FILES['webp']):,} bytes",
        ),
        (SIGNATURE + END, "it does not begin with a PNG header"),
        (SIGNATURE + header() + END, "it has a PNG header and no picture"),
        (SIGNATURE + header(0, 5) + END, "it has no pixels"),
        (
            SIGNATURE + header(20_000, 20_000) + END,
            "it claims 20000x20000 pixels, and at most 100 million are opened",
        ),
        (SIGNATURE + header() + b"\0" * 20, "no PNG chunk begins at byte 33, where one should"),
        (
            SIGNATURE + header() + chunk(b"IDAT", b"pixels").replace(b"pix", b"pax") + END,
            "the PNG checksum of the 6 bytes at 41 is wrong",
        ),
    ],
)
def test_damage_is_said_in_words(file: Path, data: bytes, words: str) -> None:
    assert damage(file, data) == words


def test_large_png_chunks_are_checked_to_their_end(file: Path) -> None:
    data = SIGNATURE + header(300, 300) + chunk(b"IDAT", zlib.compress(bytes(300 * 901), level=0)) + END
    file.write_bytes(data)
    assert inspect(file).width == 300
    assert "checksum" in damage(file, data[:200_000] + b"\1" + data[200_001:])


@pytest.mark.parametrize("name", FILES)
def test_what_follows_the_end_of_a_picture_is_no_damage(file: Path, name: str) -> None:
    for more in (b"\0" * 100, FILES["jpeg"], b"notes of an encoder \xff\xd8\xff"):
        file.write_bytes(FILES[name] + more)
        assert inspect(file).size == len(FILES[name] + more)


def test_a_jpeg_with_several_pictures_in_it_is_one_picture(file: Path) -> None:
    data = encoded(noise(), "MPO", save_all=True, append_images=[noise(9, 9)])
    file.write_bytes(data)
    assert inspect(file) == Picture("jpeg", 31, 23, len(data), hashlib.sha256(data).hexdigest())


def test_a_thumbnail_does_not_stand_in_for_the_end_of_a_jpeg(file: Path) -> None:
    jpeg = FILES["jpeg"]
    thumbnail = encoded(noise(8, 8), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    file.write_bytes(jpeg[:2] + segment + jpeg[2:])
    assert inspect(file).width == 31
    assert "breaks off" in damage(file, jpeg[:2] + segment + jpeg[2:-3])


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"progressive": True}), ("WEBP", {})])
def test_too_many_pixels_are_refused_before_they_are_decoded(
    file: Path, kind: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgen.pictures.verify.HELD_LIMIT", 31 * 23 - 1)
    assert "it claims 31x23 pixels" in damage(file, encoded(noise(), kind, **options))


def test_pillow_keeps_its_settings(file: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    file.write_bytes(FILES["jpeg"])
    inspect(file)
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "none.png")


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_twelve_bytes_tell_the_format(name: str) -> None:
    assert sniff(FILES[name][:12]) == known_format(name) == name
    assert sniff(FILES[name][:2]) is None


@pytest.mark.parametrize("name", ["gif", "PNG", "", None])
def test_other_formats_are_not_known(name: str | None) -> None:
    assert known_format(name) is None


def test_only_what_was_ordered_can_differ() -> None:
    picture = Picture("jpeg", 1376, 768, 1, "")
    assert differences(picture, Wanted(None, None)) == ()
    assert differences(picture, Wanted("jpeg", (1376, 768))) == ()
    assert differences(picture, Wanted("png", (2752, 1536))) == (
        "format: ordered png, got jpeg",
        "size: ordered 2752x1536, got 1376x768",
    )
