"""Spans of time in a person's words. All arguments are seconds."""

from __future__ import annotations

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def span(seconds: float) -> str:
    """A length of time in its two largest units: "40 s", "5 min", "3 h 20 min", "6 d 4 h"."""
    whole = max(0, int(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return _two(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _two(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def ago(seconds: float) -> str:
    """How long something is past: "just now", "40 s ago", "6 d 4 h ago"."""
    return "just now" if seconds < 1 else f"{span(seconds)} ago"


def left(seconds: float | None) -> str:
    """What remains of a link: "23 h left", "expires in 40 min", "expired", or "time left unknown" for None."""
    if seconds is None:
        return "time left unknown"
    if seconds <= 0:
        return "expired"
    return f"expires in {span(seconds)}" if seconds < _HOUR else f"{span(seconds)} left"


def clock(seconds: float) -> str:
    """A running time as a stop-watch shows it: "0:41", "12:05", "1:02:03"."""
    whole = max(0, int(seconds))
    hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
    return f"{hours}:{minutes:02d}:{whole % _MINUTE:02d}" if hours else f"{minutes}:{whole % _MINUTE:02d}"
