"""One finished picture: a landscape made from the prompt, its references in their order, a caption, a mark.

Everything is Pillow's own work on few, large shapes, so that a 4K picture takes about half a second.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps  # noqa: TID253  (this module is imported inside a body)
from PIL.PngImagePlugin import PngInfo  # noqa: TID253

from imgen_providers.sandbox.landscape import landscape
from imgen_providers.sandbox.lettering import wrapped

if TYPE_CHECKING:
    from pathlib import Path

NOTE = "Sandbox picture of imgen: drawn on this machine, not made by an image model."
_MARK = "SANDBOX"
_SMALL = 2_500_000  # pixels; up to here a picture is drawn twice as large and reduced, for smooth edges
_WHITE = (255, 255, 255)
_INK = (10, 10, 20)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows. `variation` distinguishes pictures of one prompt; equal scenes give equal bytes.

    `references` are labels with the small copy of the picture, where there is one.
    """

    prompt: str
    variation: str
    size: tuple[int, int]
    references: tuple[tuple[str, Path | None], ...] = ()


def draw(scene: Scene, file_format: str) -> bytes:
    """The picture's bytes; `file_format` is "PNG", "JPEG" or "WEBP"."""
    width, height = scene.size
    scale = 2 if width * height <= _SMALL else 1
    picture = landscape(scene.prompt, scene.variation, (width * scale, height * scale))
    if scale > 1:
        picture = picture.reduce(scale)
    _lay_out(picture, scene.references)
    _caption(picture, scene.prompt)
    _mark(picture)
    return _encoded(picture, file_format)


def _encoded(picture: Image.Image, file_format: str) -> bytes:
    buffer = io.BytesIO()
    match file_format:
        case "JPEG":
            picture.save(buffer, "JPEG", quality=90, comment=NOTE)
        case "WEBP":
            exif = Image.Exif()
            exif[0x010E] = NOTE  # ImageDescription
            picture.save(buffer, "WEBP", quality=88, method=0, exif=exif)
        case _:
            info = PngInfo()
            info.add_text("Comment", NOTE)
            picture.save(buffer, "PNG", compress_level=1, pnginfo=info)
    return buffer.getvalue()


def _lay_out(picture: Image.Image, references: tuple[tuple[str, Path | None], ...]) -> None:
    """Put the references over the scene as prints in a row, from left to right in their order."""
    if not references:
        return
    width, height = picture.size
    columns = min(len(references), max(1, round(width / (0.2 * height))))
    rows = -(-len(references) // columns)
    cell = min(0.92 * width / columns, 0.5 * height / rows, 0.42 * min(width, height))
    left = (width - cell * columns) / 2
    top = 0.16 * height
    for index, (label, file) in enumerate(references):
        row, column = divmod(index, columns)
        side = max(4, int(cell * 0.86))
        print_ = _print(label, file, index + 1, side)
        at = (int(left + (column + 0.07) * cell), int(top + (row + 0.07) * cell))
        shadow = Image.new("L", print_.size, 90)
        drop = max(1, side // 40)
        picture.paste(_INK, (at[0] + drop, at[1] + drop), shadow)
        picture.paste(print_, at)


def _print(label: str, file: Path | None, number: int, side: int) -> Image.Image:
    """One reference as a square print with a white border and its number."""
    border = max(1, side // 24)
    inner = side - 2 * border
    if file is None:
        picture = _placeholder(label, inner)
    else:
        with Image.open(file, formats=("PNG",)) as kept:
            flat = Image.new("RGB", kept.size, _WHITE)
            flat.paste(kept, mask=kept.getchannel("A"))
        picture = ImageOps.fit(flat, (inner, inner), Image.Resampling.BILINEAR)
    whole = ImageOps.expand(picture, border, _WHITE)
    if side >= 40:
        pen = ImageDraw.Draw(whole)
        size = max(8, side // 9)
        pen.rectangle((border, border, border + 1.6 * size, border + 1.5 * size), fill=_INK)
        middle = (border + 0.8 * size, border + 0.75 * size)
        pen.text(middle, str(number), _WHITE, ImageFont.load_default(size), anchor="mm")
    return whole


def _placeholder(label: str, side: int) -> Image.Image:
    """A print for a reference that was never fetched: its address on a calm ground."""
    tile = landscape(label, "", (side, side))
    tile.paste(_INK, (0, 0), Image.new("L", tile.size, 100))
    if side >= 40:
        font = ImageFont.load_default(max(8, side // 11))
        pen = ImageDraw.Draw(tile)
        text = "\n".join(wrapped(label, font, 0.86 * side))
        pen.multiline_text((side / 2, side / 2), text, _WHITE, font, "mm", align="center")
    return tile


def _caption(picture: Image.Image, prompt: str) -> None:
    width, height = picture.size
    size = max(9, round(0.042 * min(width, height)))
    font = ImageFont.load_default(size)
    pen = ImageDraw.Draw(picture)
    margin = 1.1 * size
    lines = wrapped(prompt, font, width - 2 * margin)
    step = 1.3 * size
    block = step * len(lines)
    fade = min(height, int(block + 4 * size))
    shade = Image.linear_gradient("L").point([value * 190 // 255 for value in range(256)])
    picture.paste(_INK, (0, height - fade), shade.resize((width, fade), Image.Resampling.BILINEAR))
    for number, line in enumerate(lines):
        pen.text((margin, height - margin - block + number * step), line, _WHITE, font)


def _mark(picture: Image.Image) -> None:
    size = max(8, round(0.026 * min(picture.size)))
    font = ImageFont.load_default(size)
    pen = ImageDraw.Draw(picture)
    spaced = " ".join(_MARK)
    length = pen.textlength(spaced, font)
    left = top = round(0.9 * size)
    box = (left, top, min(picture.width, round(left + length + 1.4 * size)), round(top + 1.8 * size))
    ground = Image.new("L", (box[2] - box[0], box[3] - box[1]), 130)
    picture.paste(_INK, box, ground)
    pen.text((left + 0.7 * size, top + 0.9 * size), spaced, _WHITE, font, anchor="lm")
