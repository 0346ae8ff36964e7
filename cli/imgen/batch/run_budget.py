"""What one run of `imgen batch` may spend, counted over all its orders."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX
from imgen.errors import UsageProblem
from imgen.money.amounts import BadAmount, in_money, parse_amounts
from imgen.money.budget import (
    NO_BUDGET,
    Budget,
    Limit,
    Span,
    Spending,
    Standing,
    assess,
    check,
    counted,
    order_cost,
    standing,
)
from imgen.orders.limits import MAX_COST
from imgen.records import UNKNOWN, JobRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgen.orders.limits import Candidate
    from imgen.records import Draft


class RunBudget:
    """Counts what the jobs of a run cost; the sandbox's cost nothing. `most` is the limit as it was typed."""

    def __init__(self, most: str | None, *, allow_unknown: bool) -> None:
        """Raises `UsageProblem` where `most` is no amount of money."""
        self._budget = NO_BUDGET
        if most is not None:
            try:
                amounts = parse_amounts(most)
            except BadAmount as error:
                raise UsageProblem(f"{MAX_COST}: {error}.") from error
            self._budget = Budget((Limit(Span.RUN, amounts, MAX_COST),), allow_unknown)
        self._jobs: Counter[Spending] = Counter()
        self._open: dict[str, Spending] = {}

    @property
    def most(self) -> str | None:
        """The limit in words."""
        return ", ".join(map(str, self._budget.limits[0].most)) if self._budget.limits else None

    def check_unit(self, units: Iterable[str]) -> None:
        """Raises `UsageProblem` where the limit has no unit, and the run's prices have several."""
        found = sorted(set(units))
        if self._budget.limits and self._budget.limits[0].most[0].unit is None and len(found) > 1:
            raise UsageProblem(
                f"{MAX_COST} has no unit, and the prices of this run are in {' and '.join(found)}.",
                f"Name the units: {MAX_COST} '5usd, 200credits'",
            )

    def fitting(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The services where an order is within what is left. Raises `OverBudget` where there is none."""
        if not self._budget.limits:
            return list(candidates)
        verdicts = [
            assess(
                order_cost([draft.cost for draft in candidate.drafts]),
                self._budget.limits[0],
                self._spendings(),
                candidate.choice.entry.name,
                self._budget,
            )
            for candidate in candidates
            if candidate.drafts[0].origin != SANDBOX
        ]
        if not verdicts:
            return list(candidates)
        within = [candidate for candidate, found in zip(candidates, verdicts, strict=True) if found.within]
        if not within:
            check(verdicts[:1])
        return within

    def reserve(self, drafts: Sequence[Draft]) -> None:
        """Jobs are about to be recorded, and count from now on."""
        for draft in drafts:
            if draft.origin != SANDBOX:
                self._count(draft)

    def release(self, drafts: Sequence[Draft]) -> None:
        """They are recorded, and count as such, or are not going to be."""
        for draft in drafts:
            self._uncount(draft.id)

    def ordered(self, record: JobRecord) -> None:
        """A job was recorded."""
        if not record.sandbox:
            self._count(record)

    def ended(self, record: JobRecord) -> None:
        """A job of the run ended; what it cost may be known better now, or be nothing."""
        if not self._uncount(record.id):
            return
        known = standing(
            record.state,
            record.provider,
            record.charged,
            accepted=record.remote_id is not None,
            released=record.released,
            problem=record.problem.code if record.problem else None,
        )
        self._jobs[_spending(record, known)] += 1

    def so_far(self) -> str:
        """What the run has spent, or is about to, in words: each unit by itself."""
        sums: dict[str, Decimal] = {}
        for one in self._spendings():
            each = counted(one)
            if one.standing is not Standing.NOTHING and each.amount is not None and each.unit is not None:
                unit = each.unit if each.unit == "usd" else f"{each.unit} of {one.provider}"
                sums[unit] = sums.get(unit, Decimal(0)) + Decimal(each.amount) * one.jobs
        return " + ".join(in_money(amount, unit) for unit, amount in sums.items()) or "nothing"

    def _count(self, job: JobRecord | Draft) -> None:
        self._open[job.id] = _spending(job, Standing.COUNTS)
        self._jobs[self._open[job.id]] += 1

    def _uncount(self, job_id: str) -> bool:
        """A job that was counted is not any more; whether it was."""
        spending = self._open.pop(job_id, None)
        if spending:
            self._jobs[spending] -= 1
        return spending is not None

    def _spendings(self) -> list[Spending]:
        """What counts, with jobs that are alike together: there may be thousands."""
        return [one._replace(jobs=jobs) for one, jobs in self._jobs.items() if jobs]


def _spending(record: JobRecord | Draft, known: Standing) -> Spending:
    return Spending(
        day="",
        provider=record.provider,
        model=record.request.model,
        project=record.project,
        standing=known,
        each=record.cost,
        charged=record.charged if isinstance(record, JobRecord) else UNKNOWN,
        jobs=1,
    )
