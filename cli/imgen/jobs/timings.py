"""How far a job is when its service does not say: honest guesses from this user's own past."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from imgen.jobs.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH = 3
"""Own past jobs, before they are trusted more than the documentation."""

_NEVER_PAST = 0.95  # an estimate never claims to be done


def estimate(past: Sequence[float], documented: float | None, elapsed: float) -> Progress | None:
    """Progress after `elapsed` seconds, from own past times or the documented duration; None where neither is known."""
    if len(past) >= ENOUGH:
        expected, samples = median(past), len(past)
    elif documented:
        expected, samples = documented, 0
    else:
        return None
    fraction = min(_NEVER_PAST, elapsed / expected) if expected > 0 else _NEVER_PAST
    return Progress(fraction, "estimate", samples, remaining=max(0.0, expected - elapsed) or None)


def reported(fraction: float, elapsed: float) -> Progress:
    """Progress as the service reports it; the time to go follows from it once there is enough to go by."""
    fraction = min(1.0, max(0.0, fraction))
    remaining = elapsed * (1 - fraction) / fraction if fraction >= 0.1 else None
    return Progress(fraction, "service", remaining=remaining)
