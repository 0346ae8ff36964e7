"""Parameters in a service's own words, from the command line."""

from __future__ import annotations

import json
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
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
