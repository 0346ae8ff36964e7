"""What happens to a picture on its way to a service: nothing, unless its notes are private or it would not fit."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cli.pictures.photos import FORMATS, PROFILE, photo
from imgen.errors import UsageProblem
from imgen.pictures.examine import Examined, examine
from imgen.pictures.formats import webp
from imgen.pictures.formats.profile import bare_profile
from imgen.pictures.metadata import orientation, without_notes
from imgen.pictures.prepared import KEPT_SECONDS, clear, keep
from imgen.pictures.references import Changes, Limits
from imgen.pictures.verify import Damaged

if TYPE_CHECKING:
    from pathlib import Path

    from cli.pictures.photos import Desk
    from imgen.pictures.verify import Format

SECRETS = (b"Somewhere Street 7", b"a caption", b"a comment", b"taken by a camera")


def pixels(data: bytes) -> tuple[tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size, picture.convert("RGB").tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_without_notes_goes_as_the_file_it_is(desk: Desk, format: Format) -> None:
    data = photo(format, notes=False)

    sent = desk.send(data)

    assert (sent.path, sent.size, sent.media_type) == (desk.folder / "photo", len(data), f"image/{format}")
    assert desk.said == []


@pytest.mark.parametrize("format", FORMATS)
def test_private_notes_are_left_out_and_not_a_pixel_changes(desk: Desk, format: Format) -> None:
    data = photo(format)
    assert examine_bytes(desk, data).has_notes

    sent = desk.send(data).path.read_bytes()

    assert pixels(sent) == pixels(data)
    assert not any(secret in sent for secret in SECRETS)
    with Image.open(io.BytesIO(sent)) as picture:
        assert not picture.getexif()
        assert picture.info["icc_profile"] == bare_profile(PROFILE)
    assert not examine_bytes(desk, sent).has_notes
    assert desk.said == []


@pytest.mark.parametrize("format", FORMATS)
def test_notes_stay_where_a_person_wants_them(desk: Desk, format: Format) -> None:
    data = photo(format, turned=6)

    assert desk.send(data, Changes(keep_metadata=True)).path.read_bytes() == data


@pytest.mark.parametrize("turned", range(2, 9))
@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_that_lies_on_its_side_is_turned_upright(desk: Desk, format: Format, turned: int) -> None:
    from PIL import ImageOps

    data = photo(format, turned=turned)
    assert orientation(data, format) == turned

    sent = desk.send(data)

    with Image.open(io.BytesIO(data)) as before, Image.open(sent.path) as after:
        upright = ImageOps.exif_transpose(before)
        assert after.size == upright.size
        assert after.format == before.format
        assert not after.getexif()
        red = [picture.convert("RGB").getpixel((3, 3)) for picture in (upright, after)]
        assert max(abs(a - b) for a, b in zip(*red, strict=True)) < 12
    assert desk.said == [f"photo: turned upright, now {sent.size:,} bytes."]


@pytest.mark.parametrize("format", FORMATS)
def test_what_follows_the_end_of_a_picture_is_left_out(desk: Desk, format: Format) -> None:
    data = photo(format, notes=False)

    assert desk.send(data + b"a film of it").path.read_bytes() == data
    assert desk.send(data + data[8:]).path.read_bytes() == data


def test_broken_exif_counts_as_upright() -> None:
    data = photo("jpeg", turned=6)
    at = data.index(b"Exif\0\0") + 6

    for junk in (b"??", b"II\0\0\xff\xff\xff\xff", b"MM\0*\0\xff\xff\xff"):
        assert orientation(data[:at] + junk + data[at + len(junk) :], "jpeg") == 1


def test_the_size_that_counts_is_the_one_without_private_notes(desk: Desk) -> None:
    data = photo("jpeg", notes=False)
    padded = data[:2] + b"\xff\xfe" + (60_000).to_bytes(2) + bytes(59_998) + data[2:]

    sent = desk.send(padded, limits=Limits("a model", FORMATS, len(data)))

    assert (sent.path.read_bytes(), desk.said) == (data, [])


@pytest.mark.parametrize("lossless", [True, False])
def test_the_size_of_a_webp_is_read_from_its_header(lossless: bool) -> None:
    held = io.BytesIO()
    Image.new("RGB", (321, 123), "teal").save(held, "WEBP", lossless=lossless)

    assert webp.size(held.getvalue()) == (321, 123)
    assert webp.size(photo("webp")) == (40, 24)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FORMATS), st.integers(min_value=0, max_value=3000), st.binary(max_size=40))
def test_no_damage_confuses_the_reading_of_notes(format: Format, at: int, junk: bytes) -> None:
    data = photo(format)
    damaged = data[:at] + junk + data[at + len(junk) :]

    try:
        pieces = without_notes(damaged, format)
        assert 1 <= orientation(damaged, format) <= 8
    except Damaged:
        return
    assert sum(map(len, pieces)) <= len(damaged) + 12


def test_a_gigantic_header_is_believed_and_refused(desk: Desk) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )

    with pytest.raises(UsageProblem, match="3600 megapixels"):
        desk.send(data)


def test_copies_are_kept_once_and_cleared_when_they_were_not_used_for_long(tmp_path: Path) -> None:
    folder = tmp_path / "references"
    first = keep([b"some", b"thing"], folder, "png")
    again = keep([b"something"], folder, "png")
    assert (again, len(list(folder.iterdir()))) == (first, 1)
    assert folder.stat().st_mode & 0o777 == 0o700

    now = first.path.stat().st_mtime
    clear(folder, now + KEPT_SECONDS - 1)
    assert first.path.exists()
    clear(folder, now + KEPT_SECONDS + 1)
    assert not first.path.exists()
    clear(tmp_path / "nowhere", now)


def examine_bytes(desk: Desk, data: bytes) -> Examined:
    path = desk.folder / "looked at"
    path.write_bytes(data)
    return examine(path)
