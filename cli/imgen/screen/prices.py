"""Prices as people read them: before an order is sent, and when its pictures are there."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from imgen.money.amounts import in_money
from imgen.money.budget import best_known
from imgen.records import ResultState
from imgen.screen.durations import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgen.orders.limits import Candidate
    from imgen.records import Cost, JobRecord


def cost_sum(costs: Iterable[Cost]) -> str:
    """What several jobs cost together, each unit by itself; what is unknown is said, and never counts as 0."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    unknown = 0
    for cost in costs:
        if cost.amount is None or cost.unit is None:
            unknown += 1
        else:
            sums[cost.unit] += Decimal(cost.amount)
    known = " and ".join(in_money(amount, unit) for unit, amount in sums.items())
    if not known:
        return "price unknown"
    return f"{known}, and {unknown} at an unknown price" if unknown else known


def order_line(candidate: Candidate) -> str:
    """What is about to be sent: service, model, size and price."""
    choice = candidate.choice
    request = choice.request
    size = choice.model.size(request.aspect, request.resolution)
    pixels = f"{size[0]}x{size[1]}" if size else " ".join(filter(None, (request.resolution, request.aspect)))
    pictures = sum(draft.request.count for draft in candidate.drafts)
    count = f"{pictures} pictures" if pictures > 1 else ""
    together = f"from {len(request.references)} pictures in one" if len(request.references) > 1 else ""
    facts = [choice.model.family, count, together, pixels, _order_price(candidate)]
    return f"{choice.entry.title}: {', '.join(filter(None, facts))}"


def _order_price(candidate: Candidate) -> str:
    from imgen.config.config import SANDBOX

    total = cost_sum(draft.cost for draft in candidate.drafts)
    return f"free in the sandbox ({total} for real)" if candidate.choice.origin == SANDBOX else total


def made_text(job: JobRecord) -> str:
    """What came of a job, behind the word saved: "1024x1024 png, 15 credits"."""
    saved = [result for result in job.results if result.state is ResultState.SAVED]
    kinds = dict.fromkeys(f"{result.width}x{result.height} {result.format}" for result in saved if result.width)
    cost = best_known(job)
    charge = "free" if job.sandbox else cost_sum([cost])
    return ", ".join([*kinds, charge])


def total_line(jobs: Sequence[JobRecord], seconds: float) -> str:
    """All that was saved in so many seconds, in one line: how many, for how much, and where, if that is one folder."""
    saved = [result for job in jobs for result in job.results if result.state is ResultState.SAVED and result.path]
    folders = {result.path.parent for result in saved if result.path}
    paid = [job for job in jobs if not job.sandbox]
    cost = cost_sum(map(best_known, paid)) if paid else "free (sandbox)"
    where = [f"in {next(iter(folders))}"] if len(folders) == 1 else []
    return ", ".join([f"{len(saved)} pictures", span(seconds), cost, *where])
