"""Photos as a telephone makes them, and a desk from which they are sent."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from imgen.orders.sources import Local
from imgen.pictures.formats.profile import bare_profile
from imgen.pictures.references import Changes, Limits, checked, reference

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.pictures.verify import Format
    from imgen_providers.base import PictureFile

FORMATS: tuple[Format, ...] = ("png", "jpeg", "webp")
ANY = Limits("any model", FORMATS, None)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(format: Format, *, turned: int = 1, notes: bool = True, size: tuple[int, int] = (40, 24)) -> bytes:
    """A picture as a telephone makes it: where it was taken, by whom, and which way is up."""
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    picture.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    held = io.BytesIO()
    profile = PROFILE if notes else bare_profile(PROFILE)
    exif = Image.Exif()
    if notes:
        exif[0x0112] = turned
        exif[0x010E] = "Somewhere Street 7"
        exif.get_ifd(0x8825)[1] = "N"
    xmp = b"<x:xmpmeta>taken by a camera</x:xmpmeta>" if notes else None
    match format:
        case "jpeg":
            comment = b"a comment" if notes else None
            written = exif if notes else b""
            picture.save(held, "JPEG", quality=90, icc_profile=profile, exif=written, xmp=xmp, comment=comment)
        case "png":
            info = PngInfo()
            if notes:
                info.add_text("Comment", "a comment")
                info.add_itxt("XML:com.adobe.xmp", "taken by a camera")
                info.add_text("Caption", "a caption", zip=True)
            picture.save(held, "PNG", icc_profile=profile, exif=exif if notes else None, pnginfo=info)
        case "webp":
            extra = {"xmp": xmp, "exif": exif} if notes else {}
            picture.save(held, "WEBP", lossless=True, icc_profile=profile, **extra)
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
        return reference(
            checked(source.path, source.name), source.name, limits, changes or Changes(), kept, self.said.append
        )


def noise(mode: str, size: tuple[int, int]) -> bytes:
    held = io.BytesIO()
    data = os.urandom(size[0] * size[1] * len(mode))
    Image.frombytes(mode, size, data).save(held, "PNG", compress_level=0)
    return held.getvalue()
