"""Points in time as a person writes them."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from imgen.errors import UsageProblem

_UNITS = {"h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_SPAN = re.compile(r"(\d{1,5}) ?([hdw])")


def span(since: str | None, until: str | None, now: float) -> tuple[float | None, float | None]:
    """What `--since` and `--until` mean: from the first moment up to the second, in seconds since 1970.

    A day that `--until` names belongs to it. Raises `UsageProblem`.
    """
    begin = None if since is None else moment("--since", since, now)
    end = None if until is None else moment("--until", until, now, whole_day=True)
    if begin is not None and end is not None and begin >= end:
        raise UsageProblem(
            f"Nothing lies from --since {since} to --until {until}.", "--since takes the earlier of the two."
        )
    return begin, end


def moment(option: str, text: str, now: float, *, whole_day: bool = False) -> float:
    """A date or time on this machine's clock, or a span before `now` such as 7d; in seconds since 1970.

    A date is where that day begins, for a `whole_day` where it ends. Raises `UsageProblem`.
    """
    if back := _SPAN.fullmatch(text.strip().lower()):
        return now - int(back[1]) * _UNITS[back[2]]
    try:
        if whole_day and (day := _day(text)):
            return datetime.combine(day + timedelta(days=1), time()).astimezone().timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageProblem(
            f"{option} takes a date or a time back, not {text!r}.",
            f"{option} 2026-11-01, {option} 2026-11-01T08:30 or {option} 7d (h, d, w)",
        ) from None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
