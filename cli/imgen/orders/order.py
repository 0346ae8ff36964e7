"""The nouns of an order: what the command line asks for, and the service and request that one becomes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen_providers.base import Json, Request
    from imgen_providers.catalog import Model, ServiceEntry

AUTO = "auto"
"""The provider that stands for whichever suits the order best."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a user asks for; None leaves a choice to us or to the service.

    `size` is width and height in pixels to be covered. `options` go onto the wire as they are. `wished_format` is
    what the name of the output file implies: sent where it can be, and no reason to refuse.
    """

    prompt: str
    provider: str | None = None
    model: str | None = None
    aspect: str | None = None
    resolution: str | None = None
    format: str | None = None
    count: int | None = None
    sandbox: bool = False
    channel: str | None = None
    size: tuple[int, int] | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    wished_format: str | None = None
    quality: str | None = None


class Choice(NamedTuple):
    """The service, its model and origin, and the request for the whole order (`count` not split yet).

    `listed` is False for a model the catalogue does not have: then nothing of the request is checked. `nearest` is
    the model of the catalogue that one may have been meant to be, by its exact name. `notes` are what was done to the
    order's pictures for this service, in sentences.
    """

    entry: ServiceEntry
    model: Model
    origin: str
    request: Request
    listed: bool = True
    nearest: str | None = None
    notes: tuple[str, ...] = ()


def parse_options(texts: Sequence[str]) -> dict[str, Json]:
    """Parameters from texts such as "temperature=0.5": a value that is JSON is read as such, any other is a text.

    Raises `UsageProblem`.
    """
    found: dict[str, Json] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageProblem(f"--option takes KEY=VALUE, not {text!r}.", "For example: --option temperature=0.5")
        if key in found:
            raise UsageProblem(f"--option {key} is given twice.")
        try:
            found[key] = json.loads(value, parse_constant=_finite, parse_float=_finite)
        except ValueError:
            found[key] = value
        except RecursionError:
            raise UsageProblem(f"--option {key} is nested too deeply.") from None
    return found


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height from a text such as "1920x1080". Raises `UsageProblem`."""
    if text is None:
        return None
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageProblem(f"--size takes pixels such as 1920x1080, not {text!r}.")
    return int(width), int(height)


def _finite(text: str) -> float:
    """A number that JSON has: Python also reads NaN and Infinity, and 1e999 as the latter."""
    number = float(text)
    if not math.isfinite(number):
        raise UsageProblem(
            f"--option takes no {text}: JSON has no such number.", f"""As a text: --option 'KEY="{text}"'"""
        )
    return number
