"""The limits that apply to an order, as the command line and the configuration say them, and what fits into them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.errors import BadConfiguration, OverBudget, UsageProblem
from imgen.money.budget import Amount, BadAmount, Budget, Limit, Span, check, parse_amounts
from imgen.orders.drafts import split
from imgen.pictures.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.config.config import Config
    from imgen.jobs.worker import Session
    from imgen.money.budget import Verdict
    from imgen.orders.order import Choice
    from imgen.orders.ranking import Ranked

MAX_COST = "--max-cost"
_NONE_HINT = "Raise the limit or order less (-n, -r); --allow-unknown-cost takes prices that cannot be compared."


def budget_of(max_cost: str | None, choices: Sequence[Choice], config: Config, *, allow_unknown: bool) -> Budget:
    """Every limit that applies here. Raises `UsageProblem` and `BadConfiguration` for what is no amount of money."""
    of_order = () if max_cost is None else (Limit(Span.ORDER, _of_order(max_cost, choices), MAX_COST),)
    return Budget((*of_order, *standing_limits(config)), allow_unknown)


def standing_limits(config: Config) -> tuple[Limit, ...]:
    """The limits that the configuration sets, a day's first. Raises `BadConfiguration`."""
    said = [(Span.DAY, *one) for one in config.budget_per_day]
    said += [(Span.PROJECT, *one) for one in config.budget_per_project]
    return tuple(Limit(span, checked_amounts(source, text), source) for span, text, source in said)


def _of_order(text: str, choices: Sequence[Choice]) -> tuple[Amount, ...]:
    try:
        amounts = parse_amounts(text)
    except BadAmount as error:
        raise UsageProblem(f"{MAX_COST}: {error}.") from error
    if amounts[0].unit is not None:
        return amounts
    prices = {choice.entry.name: choice.model.prices.get(choice.request.resolution or "1K") for choice in choices}
    units = {price.unit: name for name, price in prices.items() if price}
    if len(units) > 1:
        told = " and ".join(f"{unit} ({name})" for unit, name in units.items())
        raise UsageProblem(
            f"{MAX_COST} {text} has no unit, and the prices of this order are in {told}.",
            f"Name the unit ({MAX_COST} {text}usd) or the service (-p).",
        )
    return tuple(replace(amount, unit=next(iter(units), None)) for amount in amounts)


def checked_amounts(source: str, text: str) -> tuple[Amount, ...]:
    """The amounts of a limit that stands in the settings, each with its unit. Raises `BadConfiguration`."""
    try:
        amounts = parse_amounts(text)
    except BadAmount as error:
        raise BadConfiguration(f"{source}: {error}.") from error
    if amounts[0].unit is None:
        raise BadConfiguration(f"{source} is {text!r}, which has no unit.", "Say '5 usd', '200 credits', or both.")
    return amounts


def verdicts(opened: Session, choice: Choice, budget: Budget) -> list[Verdict]:
    """Whether an order at one service would be within each limit now."""
    return opened.verdicts(split(choice, Target(Path(), "")), budget)


def affordable(opened: Session, ranked: Sequence[Ranked], budget: Budget) -> tuple[list[Ranked], list[str]]:
    """The services where the order is within the budget, and a sentence for each other one.

    Raises `OverBudget` where there is none left. Only `Ledger.plan` decides: it counts once more as it reserves.
    """
    fitting, left_out = [], []
    for candidate in ranked:
        over = next((one for one in verdicts(opened, candidate.choice, budget) if not one.within), None)
        if over:
            left_out.append((candidate.choice.entry.name, over))
        else:
            fitting.append(candidate)
    if not fitting:
        if len(left_out) == 1:
            check([left_out[0][1]])
        told = " ".join(f"{name}: {over.message}" for name, over in left_out)
        raise OverBudget(f"No service is within the budget. {told} Nothing was sent.", _NONE_HINT)
    return fitting, [f"{name} is left out: {over.message}" for name, over in left_out]
