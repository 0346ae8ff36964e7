"""From a size in pixels to the aspect and resolution that cover it best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from imgen_providers.catalog import Model


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height from a text such as "1920x1080". Raises `UsageProblem`."""
    if text is None:
        return None
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageProblem(f"--size takes pixels such as 1920x1080, not {text!r}.")
    return int(width), int(height)


def covering(model: Model, size: tuple[int, int], aspect: str | None, resolution: str | None) -> tuple[str, str]:
    """The aspect and resolution whose picture covers `size` with the least cut away, then with the fewest pixels.

    An aspect or resolution that is given stays. Raises `UsageProblem` where the model's sizes are not known, and where
    no picture is large enough; a resolution that is given may be too small for `size`, which then names the shape.
    """
    sizes = [
        (known_aspect, known_resolution, pixels)
        for known_resolution, row in model.pixels.items()
        for known_aspect, pixels in row.items()
        if known_resolution in model.resolutions
        and known_aspect in model.aspects
        and aspect in (None, known_aspect)
        and resolution in (None, known_resolution)
    ]
    if not sizes:
        raise UsageProblem(f"The picture sizes of {model.family} are not known.", "Use -a and -r instead of --size.")
    covers = [entry for entry in sizes if entry[2][0] >= size[0] and entry[2][1] >= size[1]]
    if not covers:
        largest = min(sizes, key=lambda entry: (round(_misfit(entry[2], size), 2), -entry[2][0] * entry[2][1]))
        if resolution:
            return largest[0], largest[1]
        width, height = largest[2]
        raise UsageProblem(
            f"{model.family} draws no picture that covers {size[0]}x{size[1]} pixels.",
            f"Its largest of about that shape: --size {width}x{height}",
        )
    best = min(covers, key=lambda entry: (round(_misfit(entry[2], size), 2), entry[2][0] * entry[2][1]))
    return best[0], best[1]


def _misfit(pixels: tuple[int, int], size: tuple[int, int]) -> float:
    """How far two shapes are apart, the same for too wide and too tall."""
    return abs(math.log((pixels[0] / pixels[1]) / (size[0] / size[1])))
