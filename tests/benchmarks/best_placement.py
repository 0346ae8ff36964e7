"""How late the best placement of polls would be, were it known from the start how long jobs take.

No program knows that: it is what a shortfall of `seeing_it_done` is read beside. The figure is within some per cent
of the least, because polls are placed on a grid, and their number is met from below.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STEP = 0.5  # seconds between two times at which a poll may be placed
_LONGEST_GAP = 60.0  # seconds between two polls
_TAIL = 0.002  # share of the longest jobs, which are left out: few polls are placed for them
_BISECTIONS = 18


def best_lateness(took: Sequence[float], *, floor: float, polls: float) -> float:
    """Mean seconds between the end of a job and the poll that sees it, with at most `polls` a job on average.

    `took` is how long the jobs take, and `floor` the shortest time between two polls; both in seconds.
    """
    durations, many = sorted(took), len(took)
    times = [number * _STEP for number in range(math.ceil(durations[int(many * (1 - _TAIL))] / _STEP) + 1)]
    sums = [0.0, *accumulate(durations)]
    ended = [bisect_right(durations, at) for at in times]
    seconds = [sums[count] for count in ended]

    def late(since: int, poll: int) -> float:
        """Of all jobs, the lateness of those that end between two polls."""
        return (times[poll] * (ended[poll] - ended[since]) - (seconds[poll] - seconds[since])) / many

    def cheapest(cost: float) -> tuple[float, float]:
        """Polls and lateness of the placement for which polls at this cost, and lateness, are least together."""
        places = _placed(len(times), math.ceil(floor / _STEP), cost, [1 - each / many for each in ended], late)
        asked = sum(1 - ended[since] / many for since, _ in pairwise(places))
        return asked, sum(late(since, poll) for since, poll in pairwise(places))

    low, high = 1e-3, 1e3
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if cheapest(middle)[0] > polls else (low, middle)
    return cheapest(high)[1]


def _placed(
    count: int, floor: int, cost: float, alive: Sequence[float], late: Callable[[int, int], float]
) -> list[int]:
    """The numbers of the times at which to poll, found from the end backwards; the first is the submit."""
    gap = max(floor, int(_LONGEST_GAP / _STEP))
    best, following = [0.0] * count, [count] * count
    for since in range(count - 2, -1, -1):
        choices = range(min(since + floor, count - 1), min(since + gap, count - 1) + 1)
        poll = min(choices, key=lambda poll: late(since, poll) + best[poll])
        best[since], following[since] = cost * alive[since] + late(since, poll) + best[poll], poll
    places = [0]
    while places[-1] < count - 1:
        places.append(following[places[-1]])
    return places
