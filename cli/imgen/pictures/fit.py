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

from imgen.pictures.verify import Damaged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.pictures.verify import Format

_READERS: dict[Format, type[JpegImageFile | PngImageFile | WebPImageFile]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,
    "webp": WebPImageFile,
}
_QUALITY = 95  # of the first try
_SMALLER_QUALITY = 90  # once bytes have to be saved anyway
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
class Fitted:
    """A picture encoded anew, without notes; `width` and `height` in pixels."""

    data: bytes
    format: Format
    width: int
    height: int


def fitted(path: Path, format: Format, orientation: int, *, formats: Sequence[Format], most: int | None) -> Fitted:
    """The picture upright, in one of `formats` and at most `most` bytes long, as little changed as that allows.

    It keeps its format and its pixels where it can; to save bytes it becomes a JPEG before it becomes smaller, unless
    it has transparent places. Raises `Damaged`, or `OSError` from the disk.
    """
    data = path.read_bytes()
    try:
        with _READERS[format](io.BytesIO(data)) as opened:
            opened.load()
            # A profile for inks says nothing about the red, green and blue that they become.
            profile = None if opened.mode == "CMYK" else opened.info.get("icc_profile")
            picture: Image.Image = opened.transpose(_TURNS[orientation]) if orientation in _TURNS else opened.copy()
    except (SyntaxError, ValueError, OSError, Image.DecompressionBombError) as error:
        raise Damaged(f"it cannot be decoded ({error})") from error
    clear = picture.has_transparency_data
    picture = _plain(picture, transparent=clear)
    picture.info = {}  # Pillow writes what it read there, such as a comment, into the new file
    found = format if format in formats else _other(formats, transparent=clear)
    data = _encoded(picture, found, _QUALITY, profile)
    if most is not None and len(data) > most and found == "png" and "jpeg" in formats and not clear:
        found = "jpeg"
        data = _encoded(picture, found, _SMALLER_QUALITY, profile)
    smaller = picture
    while most is not None and len(data) > most and min(smaller.size) > 1:
        factor = 0.97 * math.sqrt(most / len(data))
        size = (max(1, int(smaller.width * factor)), max(1, int(smaller.height * factor)))
        smaller = picture.resize(size, Image.Resampling.LANCZOS)
        data = _encoded(smaller, found, _SMALLER_QUALITY, profile)
    return Fitted(data, found, *smaller.size)


def _other(formats: Sequence[Format], *, transparent: bool) -> Format:
    wanted: tuple[Format, ...] = ("png", "webp", "jpeg") if transparent else ("jpeg", "png", "webp")
    return next(one for one in wanted if one in formats)


def _plain(picture: Image.Image, *, transparent: bool) -> Image.Image:
    """Grey, RGB or RGBA: what every format of ours can hold."""
    if transparent:
        return picture if picture.mode == "RGBA" else picture.convert("RGBA")
    if picture.mode.startswith("I"):  # 16 bits of grey, of which the upper eight are kept
        return picture.convert("I").point(lambda grey: grey * (1 / 257)).convert("L")
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _encoded(picture: Image.Image, format: Format, quality: int, profile: bytes | None) -> bytes:
    held = io.BytesIO()
    if format == "jpeg" and picture.mode == "RGBA":
        picture = picture.convert("RGB")
    picture.save(held, format, quality=quality, icc_profile=profile)
    return held.getvalue()
