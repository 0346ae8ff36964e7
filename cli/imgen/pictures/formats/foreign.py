"""Pictures of formats that no service takes and that can be converted: GIF, AVIF, BMP, TIFF, and HEIC with an extra."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgen.files import open_regular
from imgen.installation import installation
from imgen.pictures.formats import HELD_LIMIT, Damaged, OtherFormat, check_dimensions, decoding
from imgen.pictures.formats.heif import check_heif

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from PIL import Image

_BOXES = ("AVIF", "HEIC", "HEIF")
_READABLE = ("GIF", "BMP", "TIFF", *_BOXES)


class NotReadHere(Damaged):
    """The picture may be whole; reading it needs what is not installed: `missing`, as a command installs it."""

    def __init__(self, format: str, missing: str) -> None:
        super().__init__(f"it is {'an' if format == 'AVIF' else 'a'} {format} picture, which is not read here")
        self.missing = missing


def is_readable(format: OtherFormat) -> bool:
    """Whether pictures of that format can be converted."""
    return format.name in _READABLE


def size(path: Path, format: OtherFormat) -> tuple[int, int]:
    """Width and height in pixels, by the header. Raises `Damaged`, or `OSError` when it cannot be read."""
    if format.name in _BOXES:
        return check_heif(path)
    with open_regular(path) as file, _readable(), _pillow(file, format) as picture:
        check_dimensions(*picture.size, HELD_LIMIT)
        return picture.size


@contextmanager
def opened(path: Path, format: OtherFormat) -> Iterator[Image.Image]:
    """The first frame, decoded and upright. Raises `Damaged`, or `OSError` when it cannot be read."""
    from PIL import ImageOps

    width, height = size(path, format)
    check_dimensions(width, height, HELD_LIMIT)
    with decoding(width * height), open_regular(path) as file, _readable():
        picture = _heif(file, format) if format.name in ("HEIC", "HEIF") else _pillow(file, format)
        with picture:
            check_dimensions(*picture.size, HELD_LIMIT)
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            yield picture


@contextmanager
def _readable() -> Iterator[None]:
    """The block in which Pillow's errors about a file are `Damaged`, and its warnings silent.

    Filters of warnings are the whole process's: references are looked at before any other thread runs.
    """
    import warnings

    from PIL.Image import DecompressionBombError

    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, DecompressionBombError) as error:
        raise Damaged(f"it cannot be decoded ({error})") from error


def _pillow(file: BinaryIO, format: OtherFormat) -> Image.Image:
    match format.name:
        case "GIF":
            from PIL.GifImagePlugin import GifImageFile

            return GifImageFile(file)
        case "BMP":
            from PIL.BmpImagePlugin import BmpImageFile

            return BmpImageFile(file)
        case "TIFF":
            from PIL.TiffImagePlugin import TiffImageFile

            return TiffImageFile(file)
        case _:
            from PIL import features
            from PIL.AvifImagePlugin import AvifImageFile

            if not features.check("avif"):
                raise NotReadHere(format.name, installation().upgraded())
            return AvifImageFile(file)


def _heif(file: BinaryIO, format: OtherFormat) -> Image.Image:
    try:
        from pillow_heif import open_heif
    except ImportError:
        raise NotReadHere(format.name, installation().with_extra("heif")) from None
    picture: Image.Image = open_heif(file, convert_hdr_to_8bit=True).to_pillow()
    return picture
