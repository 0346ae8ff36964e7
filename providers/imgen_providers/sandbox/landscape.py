"""A landscape whose colours and shapes come from a text: the same text always gives the same land."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw  # noqa: TID253  (this module is imported inside a body)

Colour = tuple[int, int, int]
_Ridge = Callable[[float], float]
"""The height of a line of hills above every x, as a y in pixels."""

_SKY_SIDE = 384  # pixels; the sky is soft, so it is painted small and scaled up, at last without smoothing
_LAYERS = 5


@dataclass(frozen=True, slots=True)
class _Light:
    """The colours of one time and place: sky from top to horizon, sun or moon, land from far to near."""

    top: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    far: Colour
    near: Colour
    night: bool = False


def _light(colours: str, *, night: bool = False) -> _Light:
    top, middle, horizon, sun, far, near = (_colour(text) for text in colours.split())
    return _Light(top, middle, horizon, sun, far, near, night)


def _colour(text: str) -> Colour:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


_LIGHTS = (
    _light("2b2d5b 8a5a83 f6b08c fff1d6 a4819d 2a2440"),
    _light("3b86c8 86c0e8 e6f3fa fffbe8 93b9c6 1d4a37"),
    _light("1b1f4a 6b3f7a f2795b ffd9a0 84507c 1c1830"),
    _light("070b24 15224f 42588f f4f1de 324378 060b1c", night=True),
    _light("4f7297 c2b49f f9dfae fff4d0 c59263 43261a"),
    _light("1f5f6b 6fb7a9 e9f2cd fffde0 82b39b 123235"),
    _light("3d6fa3 dcb48f fde3b0 fff3cf d9a06c 66301f"),
    _light("44699f a4c3e6 f5f8fb ffffff b7cde1 2f4d72"),
    _light("4b2a57 c0628a ffc5a8 fff0dc b0638b 301738"),
    _light("0b1030 3b2a66 8f5aa0 ffe9f3 4f3c7c 0c0a1d", night=True),
)


def landscape(text: str, variation: str, size: tuple[int, int]) -> Image.Image:
    """A landscape of that size in pixels; `text` chooses light and land, `variation` how they lie."""
    theme = _dice(text)
    lie = _dice(f"{text}\0{variation}")
    light = theme.choice(_LIGHTS)
    mountains = theme.random() < 0.6
    horizon = theme.uniform(0.46, 0.56)
    sun = (lie.uniform(0.18, 0.82), lie.uniform(0.2, horizon - 0.04))
    picture = _sky(light, sun, horizon, size)
    pen = ImageDraw.Draw(picture)
    unit = min(size)
    if light.night:
        _stars(pen, lie, size, horizon)
    _disc(pen, light.sun, (sun[0] * size[0], sun[1] * size[1]), unit * theme.uniform(0.045, 0.075))
    for layer in range(_LAYERS):
        depth = layer / (_LAYERS - 1)
        foot = (horizon + (0.94 - horizon) * depth**1.15) * size[1]
        tall = unit * (1 - 0.45 * depth)
        rugged = mountains and layer < 2
        ridge = _peaks(lie, foot, 0.2 * tall, size) if rugged else _rolling(lie, foot, 0.085 * tall, unit)
        colour = _mix(light.far, light.near, depth**0.8)
        _land(pen, colour, size, ridge)
        if layer == _LAYERS - 2:
            _trees(pen, _mix(colour, light.near, 0.6), lie, size, ridge)
    return picture


def _dice(text: str) -> random.Random:
    return random.Random(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _sky(light: _Light, sun: tuple[float, float], horizon: float, size: tuple[int, int]) -> Image.Image:
    shrink = max(size) / _SKY_SIDE
    small = (max(2, round(size[0] / shrink)), max(2, round(size[1] / shrink)))
    rows = bytearray()
    for y in range(small[1]):
        height = min(1.0, y / small[1] / horizon)
        upper = height < 0.55
        share = height / 0.55 if upper else (height - 0.55) / 0.45
        rows += bytes(_mix(light.top, light.middle, share) if upper else _mix(light.middle, light.horizon, share))
    column = Image.frombytes("RGB", (1, small[1]), bytes(rows))
    sky = column.resize(small)
    across = round(1.3 * min(small))
    # Pillow's radial gradient reaches 179 at the edges of its square, and 255 only in the corners.
    glow = Image.radial_gradient("L").point([max(0, 178 - value) ** 2 // 200 for value in range(256)])
    at = (round(sun[0] * small[0] - across / 2), round(sun[1] * small[1] - across / 2))
    sky.paste(light.sun, at, glow.resize((across, across)))
    half = (-(-size[0] // 2), -(-size[1] // 2))
    return sky.resize(half, Image.Resampling.BICUBIC).resize(size, Image.Resampling.NEAREST)


def _stars(pen: ImageDraw.ImageDraw, lie: random.Random, size: tuple[int, int], horizon: float) -> None:
    for _ in range(140):
        x, y = lie.random() * size[0], lie.random() ** 1.4 * horizon * size[1]
        _disc(pen, (225, 230, 250), (x, y), min(size) * lie.uniform(0.0006, 0.0022))


def _disc(pen: ImageDraw.ImageDraw, colour: Colour, at: tuple[float, float], radius: float) -> None:
    pen.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=colour)


def _rolling(lie: random.Random, foot: float, tall: float, unit: float) -> _Ridge:
    """Soft hills: a few waves on top of each other. All measures are in pixels."""
    waves = [(lie.uniform(0.6, 1.4) * 2**n, lie.uniform(0, math.tau), 0.55**n) for n in range(4)]

    def ridge(x: float) -> float:
        swell = sum(share * math.sin(x / unit * pace * 2.2 + phase) for pace, phase, share in waves)
        return foot - tall * swell / 1.6

    return ridge


def _peaks(lie: random.Random, foot: float, tall: float, size: tuple[int, int]) -> _Ridge:
    """Mountains: a line broken again and again at its middle. All measures are in pixels."""
    points = [lie.uniform(-0.6, 0.9) for _ in range(max(3, round(3 * size[0] / min(size)) + 1))]
    rough = 0.34
    for _ in range(5):
        between = [(a + b) / 2 + lie.uniform(-rough, rough) for a, b in itertools.pairwise(points)]
        points = [point for pair in zip(points, between, strict=False) for point in pair] + points[-1:]
        rough *= 0.52

    def ridge(x: float) -> float:
        place = min(max(x / size[0], 0.0), 1.0) * (len(points) - 1)
        left = min(int(place), len(points) - 2)
        return foot - tall * (points[left] + (points[left + 1] - points[left]) * (place - left))

    return ridge


def _land(pen: ImageDraw.ImageDraw, colour: Colour, size: tuple[int, int], ridge: _Ridge) -> None:
    step = max(2, max(size) // 250)
    line = [(x, ridge(x)) for x in range(0, size[0] + step, step)]
    pen.polygon([(0, size[1]), *line, (size[0] + step, size[1])], fill=colour)


def _trees(pen: ImageDraw.ImageDraw, colour: Colour, lie: random.Random, size: tuple[int, int], ridge: _Ridge) -> None:
    unit = min(size)
    for _ in range(round(9 * size[0] / unit)):
        middle = lie.random() * size[0]
        for _ in range(lie.randint(2, 6)):
            x = middle + lie.gauss(0, 0.03) * unit
            foot, tall = ridge(x) + 0.008 * unit, lie.uniform(0.03, 0.06) * unit
            for tier in range(3):
                top, wide = foot - tall * (1 - 0.22 * tier), tall * (0.11 + 0.055 * tier)
                low = top + tall * (0.46 + 0.03 * tier)
                pen.polygon([(x, top), (x - wide, low), (x + wide, low)], fill=colour)
