"""Parameters in a service's own words, from the command line."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen_providers.base import Json


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


def _finite(text: str) -> float:
    """A number that JSON has: Python also reads NaN and Infinity, and 1e999 as the latter."""
    number = float(text)
    if not math.isfinite(number):
        raise UsageProblem(
            f"--option takes no {text}: JSON has no such number.", f"""As a text: --option 'KEY="{text}"'"""
        )
    return number
