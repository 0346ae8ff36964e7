"""The limits that apply to an order, from the command line and the configuration, and which services fit into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgen.errors import BadConfiguration, OverBudget, UsageProblem
from imgen.money.amounts import Amount, BadAmount, parse_amounts
from imgen.money.budget import Budget, Limit, Span, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.money.budget import Verdict
    from imgen.orders.order import Choice
    from imgen.records import Draft

MAX_COST = "--max-cost"
_NONE_HINT = "Raise the limit or order less (-n, -r); --allow-unknown-cost takes prices that cannot be compared."


class BudgetSettings(Protocol):
    """The limits that the settings hold: each as it was written, and where."""

    @property
    def budget_per_day(self) -> tuple[tuple[str, str], ...]:
        """On what a day may cost. Raises `BadConfiguration`."""
        ...

    @property
    def budget_per_project(self) -> tuple[tuple[str, str], ...]:
        """On what a project may cost. Raises `BadConfiguration`."""
        ...


class Candidate(NamedTuple):
    """A service that can do an order, why it has its place in the ranking, and the jobs that it would be given.

    `verdicts` has one entry for each limit of the budget: whether these jobs are within it.
    """

    choice: Choice
    why: str
    drafts: tuple[Draft, ...]
    verdicts: tuple[Verdict, ...] = ()

    @property
    def over(self) -> Verdict | None:
        """The first limit that it is not within."""
        return next((verdict for verdict in self.verdicts if not verdict.within), None)


def budget_of(
    max_cost: str | None, choices: Sequence[Choice], standing: Sequence[Limit], *, allow_unknown: bool
) -> Budget:
    """Every limit on an order: the one on the command line, then the `standing` ones. Raises `UsageProblem`."""
    of_order = () if max_cost is None else (Limit(Span.ORDER, _of_order(max_cost, choices), MAX_COST),)
    return Budget((*of_order, *standing), allow_unknown)


def standing_limits(settings: BudgetSettings) -> tuple[Limit, ...]:
    """The limits that the settings hold, a day's first. Raises `BadConfiguration`."""
    written = [(Span.DAY, *one) for one in settings.budget_per_day]
    written += [(Span.PROJECT, *one) for one in settings.budget_per_project]
    return tuple(Limit(span, checked_amounts(source, text), source) for span, text, source in written)


def _of_order(text: str, choices: Sequence[Choice]) -> tuple[Amount, ...]:
    try:
        amounts = parse_amounts(text)
    except BadAmount as error:
        raise UsageProblem(f"{MAX_COST}: {error}.") from error
    if amounts[0].unit is not None:
        return amounts
    prices = {choice.entry.name: choice.model.price(choice.request) for choice in choices}
    units = {price.unit: name for name, price in prices.items() if price}
    if len(units) > 1:
        listed = " and ".join(f"{unit} ({name})" for unit, name in units.items())
        raise UsageProblem(
            f"{MAX_COST} {text} has no unit, and the prices of this order are in {listed}.",
            f"Name the unit ({MAX_COST} {text}usd) or the service (-p).",
        )
    return tuple(amount._replace(unit=next(iter(units), None)) for amount in amounts)


def checked_amounts(source: str, text: str) -> tuple[Amount, ...]:
    """The amounts of a limit that stands in the settings, each with its unit. Raises `BadConfiguration`."""
    try:
        amounts = parse_amounts(text)
    except BadAmount as error:
        raise BadConfiguration(f"{source}: {error}.") from error
    if amounts[0].unit is None:
        raise BadConfiguration(f"{source} is {text!r}, which has no unit.", "Write '5 usd', '200 credits', or both.")
    return amounts


def affordable(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[str]]:
    """The services where the order is within the budget, and a sentence for each other one.

    Raises `OverBudget` where there is none left. The ledger counts once more when it reserves, and only that decides.
    """
    fitting = [candidate for candidate in candidates if candidate.over is None]
    left_out = [(candidate.choice.entry.name, over) for candidate in candidates if (over := candidate.over)]
    if not fitting:
        if len(left_out) == 1:
            check([left_out[0][1]])
        reasons = " ".join(f"{name}: {over.message}" for name, over in left_out)
        raise OverBudget(f"No service is within the budget. {reasons} Nothing was sent.", _NONE_HINT)
    return fitting, [f"{name} is left out: {over.message}" for name, over in left_out]
