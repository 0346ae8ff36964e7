"""Which of several services gets an order: by price where prices can be compared, then by past speed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from imgen.money.amounts import in_money
from imgen.orders.drafts import price

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.orders.order import Choice
    from imgen.records import Cost


class Ranked(NamedTuple):
    """A service in its place among those that can do an order, and why it has that place."""

    choice: Choice
    why: str


def rank(choices: Sequence[Choice], speed: Callable[[Choice], float | None]) -> list[Ranked]:
    """The services best first; `speed` is how many seconds such a job took there so far, None where unknown.

    Prices are compared only in the same unit. Where they cannot be, the order they come in stands. `speed` is called
    only where two prices are equal, and once for each service.
    """
    known: dict[tuple[str, str], float | None] = {}

    def past(choice: Choice) -> float | None:
        name = (choice.entry.name, choice.model.remote_id)
        if name not in known:
            known[name] = speed(choice)
        return known[name]

    left = list(choices)
    ranked = []
    while left:
        best, why = left[0], _only(left)
        for other in left[1:]:
            reason = _better(other, best, past)
            if reason:
                best, why = other, reason
            elif best is left[0] and (kept := _better(best, other, past)):
                why = kept
        left.remove(best)
        ranked.append(Ranked(best, why))
    return ranked


def _better(one: Choice, other: Choice, speed: Callable[[Choice], float | None]) -> str | None:
    """Why the first is the better of two, or None where it is not."""
    mine, theirs = _price(one), _price(other)
    if mine.amount is None or theirs.amount is None or mine.unit != theirs.unit:
        return None
    if Decimal(mine.amount) != Decimal(theirs.amount):
        cheaper = Decimal(mine.amount) < Decimal(theirs.amount)
        prices = (in_money(price.amount, price.unit) for price in (mine, theirs))
        return f"{' a picture, against '.join(prices)} at {other.entry.name}" if cheaper else None
    seconds, others = speed(one), speed(other)
    if seconds is None or others is None or seconds >= others:
        return None
    return f"the same price as {other.entry.name}, and faster so far ({seconds:.0f} s against {others:.0f} s)"


def _price(choice: Choice) -> Cost:
    return price(choice.model, choice.request, 1)


def _only(left: Sequence[Choice]) -> str:
    if len(left) == 1:
        return "the only one left that can do this"
    return "the first in order; the prices cannot be compared"
