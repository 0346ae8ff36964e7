"""Making a picture fit what a service takes: turned upright, in another format, or smaller, and no more than needed."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from imgen.files import open_regular
from imgen.pictures.formats import Damaged, OtherFormat, check_dimensions, decoding, foreign
from imgen.pictures.formats.profile import bare_profile
from imgen.pictures.metadata import upright_exif, without_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.pictures.formats import Format

READERS: dict[Format, type[JpegImageFile | PngImageFile | WebPImageFile]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,
    "webp": WebPImageFile,
}
_QUALITIES = (95, 90, 85, 80, 75)  # tried one after the other while bytes have to be saved
_SMALLER_QUALITY = 90  # of a picture that is made smaller anyway
_EXIF = b"Exif\0\0"  # what Pillow expects before it
_EXIF_LIMIT = 65_500  # bytes that a JPEG has room for; the other formats take more
_SIDES: dict[Format, int] = {"jpeg": 65_500, "webp": 16_383}
"""The longest side of each format in pixels, as their encoders have it."""

_LONGEST = 2**31 - 1
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture upright, by its EXIF orientation."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """What goes into the new file beside the pixels."""

    profile: bytes | None
    exif: bytes | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A picture that was decoded, upright and plain; `lost` is what it lacks of the file."""

    picture: Image.Image
    beside: _Beside
    lost: list[str]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture encoded anew; `width` and `height` in pixels, `lost` in words for a person."""

    data: bytes
    format: Format
    width: int
    height: int
    lost: tuple[str, ...] = ()
    has_exif: bool = False


def fitted(
    path: Path,
    format: Format | OtherFormat,
    orientation: int,
    *,
    formats: Sequence[Format],
    most: int | None,
    shrink: bool = True,
    keep_exif: bool = False,
) -> Fitted:
    """The picture upright, in one of `formats` and at most `most` bytes long, as little changed as that allows.

    It keeps its format and its pixels where it can; to save bytes it becomes a JPEG before it becomes smaller, unless
    it has transparent places. Without `shrink` it keeps its size in pixels, and may be longer than `most`. Of its
    notes it keeps none, or with `keep_exif` that one. Raises `Damaged`, or `OSError` from the disk.
    """
    read = (
        _other_picture(path, format, keep_exif=keep_exif)
        if isinstance(format, OtherFormat)
        else _own_picture(path, format, orientation, keep_exif=keep_exif)
    )
    picture, beside, lost = read.picture, read.beside, list(read.lost)
    clear = picture.mode == "RGBA"
    found = next((one for one in formats if one == format), None) or _other(formats, transparent=clear)
    data, quality = _in_quality(picture, found, most, beside)
    if most is not None and len(data) > most and found == "png" and "jpeg" in formats and not clear:
        found = "jpeg"
        data, quality = _in_quality(picture, found, most, beside)
    smaller = picture
    while shrink and most is not None and len(data) > most and min(smaller.size) > 1:
        factor = 0.97 * math.sqrt(most / len(data))
        size = (max(1, int(smaller.width * factor)), max(1, int(smaller.height * factor)))
        smaller = picture.resize(size, Image.Resampling.LANCZOS)
        data = _encoded(smaller, found, quality := _SMALLER_QUALITY, beside)
    if quality < _QUALITIES[0] and found != "png":
        lost.append(f"saved at quality {quality}")
    return Fitted(data, found, *smaller.size, tuple(lost), beside.exif is not None)


def _own_picture(path: Path, format: Format, orientation: int, *, keep_exif: bool) -> _Read:
    with open_regular(path) as file:
        data = file.read()
    try:
        with READERS[format](io.BytesIO(b"".join(without_notes(data, format)))) as opened:
            check_dimensions(*opened.size)
            with decoding(opened.width * opened.height):
                opened.load()
            lost = _lost(opened)
            if format == "png" and data[24] == 16:  # the bit depth in its header
                lost.append("reduced to 8 bits")
            exif = upright_exif(data, format) if keep_exif else None
            turned = opened.transpose(_TURNS[orientation]) if orientation in _TURNS else opened.copy()
            return _Read(_bare(turned, opened), _Beside(opened.info.get("icc_profile"), _fitting(exif)), lost)
    except (SyntaxError, ValueError, OSError, Image.DecompressionBombError) as error:
        raise Damaged(f"it cannot be decoded ({error})") from error


def _other_picture(path: Path, format: OtherFormat, *, keep_exif: bool) -> _Read:
    with foreign.opened(path, format) as opened:
        exif = opened.getexif().tobytes().removeprefix(_EXIF) if keep_exif and opened.getexif() else None
        profile = opened.info.get("icc_profile")
        beside = _Beside(profile if keep_exif or not profile else bare_profile(profile), _fitting(exif))
        return _Read(_bare(opened.copy(), opened), beside, _lost(opened))


def _fitting(exif: bytes | None) -> bytes | None:
    return exif if exif and len(exif) <= _EXIF_LIMIT else None


def _bare(picture: Image.Image, opened: Image.Image) -> Image.Image:
    picture = plain(picture, transparent=opened.has_transparency_data)
    picture.info = {}  # Pillow writes what it read there, such as a comment, into the new file
    return picture


def _lost(opened: Image.Image) -> list[str]:
    """What the pixels that were read lack of the file."""
    frames = getattr(opened, "n_frames", 1)
    return [f"only the first of {frames} frames"] if frames > 1 else []


def _in_quality(picture: Image.Image, format: Format, most: int | None, beside: _Beside) -> tuple[bytes, int]:
    """The picture in the best quality that is at most `most` bytes long, or in the least of ours; and that quality."""
    quality, *others = _QUALITIES
    data = _encoded(picture, format, quality, beside)
    while most is not None and len(data) > most and format != "png" and others:  # PNG has one quality only
        quality = others.pop(0)
        data = _encoded(picture, format, quality, beside)
    return data, quality


def _other(formats: Sequence[Format], *, transparent: bool) -> Format:
    wanted: tuple[Format, ...] = ("png", "webp", "jpeg") if transparent else ("jpeg", "png", "webp")
    return next(one for one in wanted if one in formats)


def plain(picture: Image.Image, *, transparent: bool) -> Image.Image:
    """Grey, RGB or RGBA of 8 bits: what every format of ours can hold."""
    if transparent:
        return picture if picture.mode == "RGBA" else picture.convert("RGBA")
    if picture.mode.startswith(("I", "F")):  # 16 bits of grey, of which the upper eight are kept
        return picture.convert("I").point(lambda grey: grey * (1 / 257)).convert("L")
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _encoded(picture: Image.Image, format: Format, quality: int, beside: _Beside) -> bytes:
    held = io.BytesIO()
    if max(picture.size) > _SIDES.get(format, _LONGEST):
        raise Damaged(
            f"it is {picture.width}x{picture.height} pixels, and no {format.upper()} has a side"
            f" over {_SIDES.get(format, _LONGEST):,}"
        )
    if format == "jpeg" and picture.mode == "RGBA":
        picture = picture.convert("RGB")
    # A profile for inks, or for grey, says nothing about the red, green and blue that they become (ICC.1:2022, 7.2.6).
    space = b"GRAY" if picture.mode == "L" and format != "webp" else b"RGB "
    profile = beside.profile if beside.profile and beside.profile[16:20] == space else None
    picture.save(held, format, quality=quality, icc_profile=profile, exif=_EXIF + beside.exif if beside.exif else b"")
    return held.getvalue()


def converted(path: Path, format: Format, orientation: int, *, wanted: Format, max_width: int | None) -> bytes:
    """The picture upright, in the wanted format, and at most `max_width` pixels wide.

    Of its notes it keeps its colour profile only. Where it is transparent, a JPEG is white. Raises `Damaged`, or
    `OSError` from the disk.
    """
    read = _own_picture(path, format, orientation, keep_exif=False)
    picture = read.picture
    if max_width is not None and picture.width > max_width:
        height = max(1, round(picture.height * max_width / picture.width))
        picture = picture.resize((max_width, height), Image.Resampling.LANCZOS)
    if wanted == "jpeg" and picture.mode == "RGBA":
        clear, picture = picture, Image.new("RGB", picture.size, "white")
        picture.paste(clear, mask=clear.getchannel("A"))
    return _encoded(picture, wanted, _QUALITIES[0], read.beside)
