"""What `--fit` and turning upright change of a picture: no more than needed, and what is lost is said."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from cli.pictures.photos import FORMATS, PROFILE, noise, photo
from imgen.errors import UsageProblem
from imgen.installation import installation
from imgen.pictures.formats.profile import bare_profile
from imgen.pictures.references import Changes, Limits, limits
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.pictures.photos import Desk
    from imgen.pictures.verify import Format


def test_fit_converts_what_the_service_would_not_take_and_says_so(desk: Desk) -> None:
    gmi = limits(SERVICES["gmicloud"], SERVICES["gmicloud"].models[0])
    data = photo("webp", notes=False)
    with pytest.raises(UsageProblem, match="takes PNG and JPEG"):
        desk.send(data, limits=gmi)

    sent = desk.send(data, Changes(fit=True), gmi)

    assert sent.media_type == "image/jpeg"
    assert desk.said == [f"photo: converted from WEBP to JPEG, now {sent.size:,} bytes."]


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
    assert ("quality 90" in desk.said[0]) == (mode == "RGB")


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
    assert "photo: turned upright, saved at quality" in desk.said[0]


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
        assert picture.info.get("icc_profile") == (bare_profile(profile) if stays else None)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "LA"])
def test_fit_converts_every_kind_of_pixels(desk: Desk, mode: str) -> None:
    held = io.BytesIO()
    Image.new("L", (20, 20), 200).convert(mode).save(held, "JPEG" if mode == "CMYK" else "PNG")
    jpeg_or_png = Limits("a model", ("png",) if mode == "CMYK" else ("jpeg",), None)

    sent = desk.send(held.getvalue(), Changes(fit=True), jpeg_or_png)

    with Image.open(sent.path) as picture:
        picture.load()
        assert picture.size == (20, 20)


@pytest.mark.parametrize("into", FORMATS)
@pytest.mark.parametrize("format", FORMATS)
def test_exif_that_is_to_stay_goes_into_the_new_file_and_says_upright(desk: Desk, format: Format, into: Format) -> None:
    data = photo(format, turned=6, size=(400, 240))
    limits = Limits("a model", (into,), len(data) - 1 if into == format else None)

    sent = desk.send(data, Changes(fit=True, keep_metadata=True), limits)

    with Image.open(sent.path) as picture:
        assert picture.height > picture.width
        assert (picture.getexif()[0x0112], picture.getexif()[0x010E]) == (1, "Somewhere Street 7")
    assert "with its EXIF and no other notes" in desk.said[0]


def test_notes_that_cannot_stay_are_said(desk: Desk) -> None:
    data = photo("jpeg", notes=False)
    noted = data[:2] + b"\xff\xfe" + (11).to_bytes(2) + b"a comment" + data[2:]

    sent = desk.send(noted, Changes(fit=True, keep_metadata=True), Limits("a model", ("png",), None))

    assert b"a comment" not in sent.path.read_bytes()
    assert "converted from JPEG to PNG, without its notes, now" in desk.said[0]


def gradient(mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((64, 48)).convert(mode)


def other(format: str, picture: Image.Image | None = None, **options: Any) -> bytes:
    held = io.BytesIO()
    (picture or gradient()).save(held, format, **options)
    return held.getvalue()


def heic(**options: Any) -> bytes:
    from pillow_heif import from_pillow

    held = io.BytesIO()
    from_pillow(gradient()).save(held, **options)
    return held.getvalue()


def turned(format: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return other(format, exif=exif)


OTHERS: dict[str, Callable[[], bytes]] = {
    "GIF": lambda: other("GIF", gradient("P"), save_all=True, append_images=[Image.new("P", (64, 48))]),
    "AVIF": lambda: other("AVIF", quality=95),
    "BMP": lambda: other("BMP"),
    "TIFF": lambda: other("TIFF", compression="tiff_lzw"),
    "TIFF of inks": lambda: other("TIFF", gradient("CMYK")),
    "TIFF of 16 bits": lambda: other("TIFF", gradient("L").convert("I;16").point(lambda grey: grey * 257, "I;16")),
    "HEIC": heic,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_picture_of_another_format_is_sent_only_with_fit(desk: Desk, kind: str) -> None:
    data = OTHERS[kind]()
    format = kind.partition(" ")[0]
    with pytest.raises(UsageProblem, match=f"photo cannot be sent: it is an? {format} picture") as error:
        desk.send(data, limits=Limits("a model", ("jpeg", "png"), None))
    assert "--fit converts it" in (error.value.hint or "")

    sent = desk.send(data, Changes(fit=True), Limits("a model", ("jpeg", "png"), None))

    assert f"converted from {format} to JPEG" in desk.said[0]
    assert ("only the first of 2 frames" in desk.said[0]) == (format == "GIF")
    with Image.open(sent.path) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
        shades = picture.convert("L")
        for y in (4, 24, 43):
            before, after = gradient("L").getpixel((30, y)), shades.getpixel((30, y))
            assert isinstance(before, int)
            assert isinstance(after, int)
            assert abs(before - after) < 14


@pytest.mark.parametrize("format", ["TIFF", "AVIF"])
def test_a_picture_of_another_format_is_turned_upright(desk: Desk, format: str) -> None:
    sent = desk.send(turned(format), Changes(fit=True))
    with Image.open(sent.path) as picture:
        assert picture.size == (48, 64)
        assert not picture.getexif()


def test_a_telephones_picture_without_the_extra_is_one_command_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = heic()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UsageProblem, match="it is a HEIC picture, which is not read here") as error:
        desk.send(data, Changes(fit=True))
    assert error.value.hint == f"Convert it to JPEG, or install what reads it:\n{installation().with_extra('heif')}"


@pytest.mark.parametrize("kind", OTHERS)
def test_a_damaged_picture_of_another_format_is_no_bug_of_ours(desk: Desk, kind: str) -> None:
    data = OTHERS[kind]()
    for damaged in (data[: len(data) // 2], data[:40], data[:30] + bytes(200), data[: len(data) // 2] + b"\xff" * 90):
        with suppress(UsageProblem):
            assert desk.send(damaged, Changes(fit=True)).size > 0


@pytest.mark.parametrize(
    ("size", "into", "says"),
    [
        ((70_000, 3), "jpeg", "it is 70000x3 pixels, and no JPEG has a side over 65,500"),
        ((3, 20_000), "webp", "it is 3x20000 pixels, and no WEBP has a side over 16,383"),
    ],
)
def test_a_side_that_no_file_can_have_has_a_sentence(
    desk: Desk, size: tuple[int, int], into: Format, says: str
) -> None:
    held = io.BytesIO()
    Image.new("RGB", size).save(held, "PNG")
    with pytest.raises(UsageProblem, match=says):
        desk.send(held.getvalue(), Changes(fit=True), Limits("a model", (into,), None))


def test_a_picture_of_another_format_with_too_many_pixels_is_refused_unopened(desk: Desk) -> None:
    data = bytearray(other("GIF"))
    data[6:10] = b"\xff\xff\xff\xff"
    with pytest.raises(UsageProblem, match="megapixels"):
        desk.send(bytes(data), Changes(fit=True))
