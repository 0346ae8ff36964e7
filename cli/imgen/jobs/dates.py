"""Points in time as a person writes them."""

from __future__ import annotations

import re
from datetime import datetime

from imgen.errors import UsageProblem

_UNITS = {"h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_SPAN = re.compile(r"(\d{1,5}) ?([hdw])")


def moment(option: str, text: str, now: float) -> float:
    """A date or time on this machine's clock, or a span before `now` such as 7d; in seconds since 1970.

    Raises `UsageProblem`.
    """
    if span := _SPAN.fullmatch(text.strip().lower()):
        return now - int(span[1]) * _UNITS[span[2]]
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageProblem(
            f"{option} takes a date or a time back, not {text!r}.",
            f"{option} 2026-11-01, {option} 2026-11-01T08:30 or {option} 7d (h, d, w)",
        ) from None
