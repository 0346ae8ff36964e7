"""Times as a person writes them: one grammar for every option, lengths such as 30m, 6h, 2d, 1w or 1h30m, and dates."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from imgen.errors import UsageProblem

YEAR = 366 * 86_400.0
"""The longest time an option takes, in seconds."""

LENGTHS = "30m, 6h, 2d, 1w or 1h30m"
"""Examples of what `length` reads."""

_EXAMPLE = "imgen download --expiring 6h"
_SECONDS = {"w": 7 * 86_400.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_LENGTH = "(?a)" + " ?".join(rf"(?:(?P<{unit}>\d{{1,6}}) ?{unit})?" for unit in _SECONDS)


def length(text: str) -> float | None:
    """Seconds of a length of time in weeks, days, hours, minutes and seconds; None where the text is none."""
    found = re.fullmatch(_LENGTH, text.strip().lower())
    if not found or not any(found.groups()):
        return None
    return sum(int(number) * _SECONDS[unit] for unit, number in found.groupdict().items() if number)


def window(text: str) -> float:
    """A length of time from now, in seconds, for an option that takes nothing else. Raises `UsageProblem`."""
    seconds = length(text)
    if seconds is None or not 0.0 < seconds <= YEAR:
        raise UsageProblem(f"{text!r} is no length of time such as {LENGTHS}, up to a year.", _EXAMPLE)
    return seconds


def patience(text: str) -> float:
    """How long to wait, as seconds or a length of time. Raises `UsageProblem`."""
    seconds = length(text)
    if seconds is None:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
    if not 0.0 <= seconds <= YEAR:
        raise UsageProblem(
            f"{text!r} is no time to wait: it takes seconds, or a time such as 90s, 5m or 1h30m.",
            "imgen wait --timeout 5m",
        )
    return seconds


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
    """A date or time on this machine's clock, or a length of time before `now`; in seconds since 1970.

    A date is where that day begins, for a `whole_day` where it ends. Raises `UsageProblem`.
    """
    back = length(text)
    if back is not None:
        return now - back
    try:
        if whole_day and (day := _day(text)):
            return datetime.combine(day + timedelta(days=1), time()).astimezone().timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageProblem(
            f"{option} takes a date or a length of time back, not {text!r}.",
            f"{option} 2026-11-01, {option} 2026-11-01T08:30 or {option} 7d (m, h, d, w)",
        ) from None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
