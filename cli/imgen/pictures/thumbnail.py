"""Small copies of pictures, to look at."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from imgen.pictures.formats import Damaged, check_dimensions

if TYPE_CHECKING:
    from pathlib import Path

_QUALITY = 82
_FORMATS = ("PNG", "JPEG", "WEBP")


def thumbnail(path: Path, side: int) -> bytes | None:
    """The picture as WebP, at most `side` pixels wide and high; None where there is none any more, or a broken one."""
    from PIL import Image

    try:
        with Image.open(path, formats=_FORMATS) as picture:
            check_dimensions(*picture.size)
            picture.draft("RGB", (side, side))  # of a JPEG, no more is decoded than is needed
            small = picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGBA")
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            file = io.BytesIO()
            small.save(file, "WEBP", quality=_QUALITY)
    except (OSError, ValueError, SyntaxError, Damaged):  # Pillow's words for a broken file
        return None
    return file.getvalue()
