"""What happens to a picture on its way to a service: nothing, unless its notes are private or it would not fit."""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from imgen.errors import UsageProblem
from imgen.pictures.examine import Examined, examine
from imgen.pictures.metadata import orientation, webp_size, without_notes
from imgen.pictures.prepared import KEPT_SECONDS, clear, keep
from imgen.pictures.references import Changes, Limits, checked, limits, reference
from imgen.pictures.sources import Local
from imgen.pictures.verify import Damaged
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.pictures.verify import Format
    from imgen_providers.base import PictureFile

FORMATS: tuple[Format, ...] = ("png", "jpeg", "webp")
ANY = Limits("any model", FORMATS, None)
SECRETS = (b"Somewhere Street 7", b"a caption", b"a comment", b"taken by nobody")
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(format: Format, *, turned: int = 1, notes: bool = True, size: tuple[int, int] = (40, 24)) -> bytes:
    """A picture as a telephone makes it: where it was taken, by whom, and which way is up."""
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    picture.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    held = io.BytesIO()
    exif = Image.Exif()
    if notes:
        exif[0x0112] = turned
        exif[0x010E] = "Somewhere Street 7"
        exif.get_ifd(0x8825)[1] = "N"
    xmp = b"<x:xmpmeta>taken by nobody</x:xmpmeta>" if notes else None
    match format:
        case "jpeg":
            comment = b"a comment" if notes else None
            written = exif if notes else b""
            picture.save(held, "JPEG", quality=90, icc_profile=PROFILE, exif=written, xmp=xmp, comment=comment)
        case "png":
            info = PngInfo()
            if notes:
                info.add_text("Comment", "a comment")
                info.add_itxt("XML:com.adobe.xmp", "taken by nobody")
                info.add_text("Caption", "a caption", zip=True)
            picture.save(held, "PNG", icc_profile=PROFILE, exif=exif if notes else None, pnginfo=info)
        case "webp":
            extra = {"xmp": xmp, "exif": exif} if notes else {}
            picture.save(held, "WEBP", lossless=True, icc_profile=PROFILE, **extra)
    return held.getvalue()


@dataclass
class Desk:
    """A folder with one picture, and what was said of it."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def send(self, data: bytes, changes: Changes | None = None, limits: Limits = ANY) -> PictureFile:
        path = self.folder / "photo"
        path.write_bytes(data)
        source = Local(path, "photo")
        kept = self.folder / "kept"
        return reference(checked(source), source.name, limits, changes or Changes(), kept, self.said.append)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty one."""
    return Desk(tmp_path)


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
        assert picture.info["icc_profile"] == PROFILE
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


def test_what_follows_the_end_of_a_jpeg_is_left_out(desk: Desk) -> None:
    data = photo("jpeg", notes=False)

    assert desk.send(data + b"a film of it").path.read_bytes() == data


def test_broken_exif_counts_as_upright() -> None:
    data = photo("jpeg", turned=6)
    at = data.index(b"Exif\0\0") + 6

    for junk in (b"??", b"II\0\0\xff\xff\xff\xff", b"MM\0*\0\xff\xff\xff"):
        assert orientation(data[:at] + junk + data[at + len(junk) :], "jpeg") == 1


def test_fit_converts_what_the_service_would_not_take_and_says_so(desk: Desk) -> None:
    gmi = limits(SERVICES["gmicloud"], SERVICES["gmicloud"].models[0])
    data = photo("webp", notes=False)
    with pytest.raises(UsageProblem, match="takes PNG and JPEG"):
        desk.send(data, limits=gmi)

    sent = desk.send(data, Changes(fit=True), gmi)

    assert sent.media_type == "image/jpeg"
    assert desk.said == [f"photo: converted from WEBP to JPEG, now {sent.size:,} bytes."]


def noise(mode: str, size: tuple[int, int]) -> bytes:
    held = io.BytesIO()
    data = os.urandom(size[0] * size[1] * len(mode))
    Image.frombytes(mode, size, data).save(held, "PNG", compress_level=0)
    return held.getvalue()


def test_fit_makes_a_large_picture_a_jpeg_before_it_makes_it_smaller(desk: Desk) -> None:
    sent = desk.send(noise("RGB", (400, 300)), Changes(fit=True), Limits("a model", FORMATS, 250_000))

    with Image.open(sent.path) as picture:
        assert (picture.size, picture.format) == ((400, 300), "JPEG")
    assert sent.size <= 250_000
    assert "converted from PNG to JPEG" in desk.said[0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_fit_scales_down_just_enough_and_keeps_what_is_transparent(desk: Desk, mode: str) -> None:
    most = 60_000
    sent = desk.send(noise(mode, (400, 300)), Changes(fit=True), Limits("a model", FORMATS, most))

    assert most * 0.5 < sent.size <= most
    with Image.open(sent.path) as picture:
        assert picture.format == ("PNG" if mode == "RGBA" else "JPEG")
        assert picture.mode == mode
        assert abs(picture.width / picture.height - 4 / 3) < 0.02
    assert "scaled from 400x300 to" in desk.said[0]


def test_the_size_that_counts_is_the_one_without_private_notes(desk: Desk) -> None:
    data = photo("jpeg", notes=False)
    padded = data[:2] + b"\xff\xfe" + (60_000).to_bytes(2) + bytes(59_998) + data[2:]

    sent = desk.send(padded, limits=Limits("a model", FORMATS, len(data)))

    assert (sent.path.read_bytes(), desk.said) == (data, [])


def test_a_picture_on_its_side_stays_below_the_limit_and_as_large_as_it_was(desk: Desk) -> None:
    data = photo("jpeg", turned=6, size=(400, 300))
    held = io.BytesIO()
    with Image.open(io.BytesIO(noise("RGB", (400, 300)))) as picture, Image.open(io.BytesIO(data)) as turned:
        picture.save(held, "JPEG", quality=80, exif=turned.getexif())
    most = len(held.getvalue())

    sent = desk.send(held.getvalue(), limits=Limits("a model", FORMATS, most))

    assert sent.size <= most
    with Image.open(sent.path) as upright:
        assert upright.size == (300, 400)


@pytest.mark.parametrize(
    ("picture", "options", "says"),
    [
        (Image.new("I;16", (20, 20), 51_400), {"format": "PNG"}, "reduced to 8 bits"),
        (
            Image.new("RGB", (20, 20), "teal"),
            {"format": "WEBP", "save_all": True, "append_images": [Image.new("RGB", (20, 20), "gold")]},
            "only the first of 2 frames",
        ),
    ],
)
def test_what_is_lost_in_making_it_fit_is_said(
    desk: Desk, picture: Image.Image, options: dict[str, Any], says: str
) -> None:
    held = io.BytesIO()
    picture.save(held, **options)

    desk.send(held.getvalue(), Changes(fit=True), Limits("a model", ("jpeg",), None))

    assert says in desk.said[0]


@pytest.mark.parametrize(
    ("mode", "space", "stays"), [("RGB", b"RGB ", True), ("L", b"GRAY", True), ("L", b"RGB ", False)]
)
def test_a_profile_stays_with_the_kind_of_pixels_it_is_for(desk: Desk, mode: str, space: bytes, stays: bool) -> None:
    profile = PROFILE[:16] + space + PROFILE[20:]
    held = io.BytesIO()
    Image.new(mode, (20, 20), 90 if mode == "L" else "teal").save(held, "JPEG", icc_profile=profile)

    sent = desk.send(held.getvalue(), Changes(fit=True), Limits("a model", ("png",), None))

    with Image.open(sent.path) as picture:
        assert picture.info.get("icc_profile") == (profile if stays else None)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "LA"])
def test_fit_converts_every_kind_of_pixels(desk: Desk, mode: str) -> None:
    held = io.BytesIO()
    Image.new("L", (20, 20), 200).convert(mode).save(held, "JPEG" if mode == "CMYK" else "PNG")
    jpeg_or_png = Limits("a model", ("png",) if mode == "CMYK" else ("jpeg",), None)

    sent = desk.send(held.getvalue(), Changes(fit=True), jpeg_or_png)

    with Image.open(sent.path) as picture:
        picture.load()
        assert picture.size == (20, 20)


@pytest.mark.parametrize("lossless", [True, False])
def test_the_size_of_a_webp_is_read_from_its_header(lossless: bool) -> None:
    held = io.BytesIO()
    Image.new("RGB", (321, 123), "teal").save(held, "WEBP", lossless=lossless)

    assert webp_size(held.getvalue()) == (321, 123)
    assert webp_size(photo("webp")) == (40, 24)


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


def test_a_progressive_jpeg_is_checked_by_its_structure(desk: Desk) -> None:
    held = io.BytesIO()
    Image.effect_noise((200, 100), 50).save(held, "JPEG", progressive=True)

    assert (examine_bytes(desk, held.getvalue()).width, desk.said) == (200, [])
    with pytest.raises(Damaged, match="breaks off"):
        examine_bytes(desk, held.getvalue()[:-2])


def test_a_gigantic_header_is_believed_and_refused(desk: Desk) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )

    with pytest.raises(UsageProblem, match="3600 megapixels"):
        desk.send(data)


def test_copies_are_kept_once_and_cleared_when_nobody_used_them_for_long(tmp_path: Path) -> None:
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
