"""The ledger's amounts of money: what jobs cost, and whether more may be spent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from imgen.ledger.codec import loaded, read_cost, stored
from imgen.ledger.transitions import Stage
from imgen.money.amounts import is_amount
from imgen.money.budget import Span, Spending, Standing, Verdict, assess, check, order_cost, standing
from imgen.records import UNKNOWN, Cost, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.ledger.backend import Backend, Connection, Row
    from imgen.money.budget import Budget
    from imgen.records import Draft
    from imgen_providers.base import Charge

_GROUPS = """
SELECT coalesce({day}, '9999-12-31') AS day, provider, model, project, stage,
       remote_id IS NOT NULL AS accepted, forgotten_at IS NOT NULL AND NOT resubmitted AS released,
       {problem} AS problem_code,
       cost_amount, cost_unit, charged_amount, charged_unit, charge_computed, count(*) AS jobs, {ids} AS ids
  FROM job WHERE origin <> 'sandbox' AND {where}
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 ORDER BY 1, 2, 3
"""
_OTHER_CHARGE = (
    "SELECT 1 FROM job WHERE id = ?"
    " AND NOT (charged_amount {same} ? AND charged_unit {same} ? AND charge_computed {same} ?)"
)
_CHARGE = "UPDATE job SET charged_amount = ?, charged_unit = ?, charge_computed = ? WHERE id = ?"


class SpendingQueries:
    """What jobs cost; never the sandbox's."""

    def __init__(self, database: Backend) -> None:
        self._database = database
        self._counted: tuple[tuple[float, int], Reserving] | None = None

    def charged(self, job_id: str, charge: Charge) -> None:
        """The service reported what it charged for the job; what is no amount of money stays unknown."""
        known = not self._database.read(
            _OTHER_CHARGE.format(same=self._database.dialect.same),
            (job_id, charge.amount, charge.unit, charge.computed),
        )
        if is_amount(charge.amount) and not known:
            self._database.change(_CHARGE, (charge.amount, charge.unit, charge.computed, job_id), synced=False)

    def totals(self) -> list[Spending]:
        """What all jobs cost, the oldest first; a cost that cannot be read is unknown, its job `Ledger.unreadable`."""
        found = []
        for row in self._database.read(_groups(self._database, "TRUE"), ()):
            try:
                found.append(_spending(row, *_costs(row)))
            except ValueError:
                for job_id in row["ids"].split(", "):
                    self._database.unreadable(job_id)
                found.append(_spending(row, UNKNOWN, UNKNOWN))
        return found

    def today(self) -> str:
        """The calendar day it is, in the time zone that budgets go by."""
        return self._database.day(self._database.now())

    def verdicts(self, drafts: Sequence[Draft], budget: Budget) -> list[Verdict]:
        """Whether an order would be within each of the limits, were it planned now. Raises `LedgerDamaged`."""
        version = self._database.version()
        if self._counted is None or self._counted[0] != version:
            self._counted = version, Reserving(self._database)
        return self._counted[1].verdicts(drafts, budget)


def charge(write: Connection, job_id: str, charged: Charge) -> None:
    """Set what a job was charged."""
    write.execute(_CHARGE, (charged.amount, charged.unit, charged.computed, job_id))


class Reserving:
    """What counts against limits, read once; each order that is admitted counts from then on.

    Within a transaction the rows that follow are what is reserved.
    """

    def __init__(self, database: Backend) -> None:
        self._database = database
        self._before: dict[tuple[Span, str | None], list[Spending]] = {}
        self._admitted: Counter[Spending] = Counter()

    def admit(self, drafts: Sequence[Draft], budget: Budget) -> None:
        """Raises `OverBudget` where the order is not within a limit."""
        check(self.verdicts(drafts, budget))
        self._admitted.update(_of_draft(draft) for draft in drafts if draft.origin != "sandbox")

    def verdicts(self, drafts: Sequence[Draft], budget: Budget) -> list[Verdict]:
        """Whether the order is within each of the limits. Raises `LedgerDamaged`."""
        paid = [draft for draft in drafts if draft.origin != "sandbox"]
        if not paid:
            return []
        order, provider, project = order_cost([draft.cost for draft in paid]), paid[0].provider, paid[0].project
        return [
            assess(order, limit, self._so_far(limit.span, project), provider, budget)
            for limit in budget.limits
            if limit.span is not Span.PROJECT or project is not None
        ]

    def _so_far(self, span: Span, project: str | None) -> list[Spending]:
        """What counts against a limit of that span beside the order itself."""
        if span is Span.ORDER:
            return []
        of = project if span is Span.PROJECT else None
        if (span, of) not in self._before:
            self._before[span, of] = self._read(span, of)
        mine = (each._replace(jobs=jobs) for each, jobs in self._admitted.items() if of in (None, each.project))
        return [*self._before[span, of], *mine]

    def _read(self, span: Span, project: str | None) -> list[Spending]:
        value: object
        if span is Span.PROJECT:
            where, value = "project = ?", None if project is None else stored(project)
        else:
            # Without an end: what a clock that was set back has put into the future counts as today's.
            where, value = "created_at >= ?", self._database.day_begins(self._database.now())
        found: Counter[Spending] = Counter()
        try:
            for row in self._database.read(_groups(self._database, where), (value,)):
                found[_spending(row, *_costs(row))._replace(day="", jobs=0)] += row["jobs"]
        except ValueError as error:  # an amount that is none would lift the limit
            raise self._database.damaged("the cost of a job in it cannot be understood") from error
        return [each._replace(jobs=jobs) for each, jobs in found.items()]


def _of_draft(draft: Draft) -> Spending:
    """A job that is about to be recorded, as it counts; how many there are is counted beside it."""
    return Spending("", draft.provider, draft.request.model, draft.project, Standing.COUNTS, draft.cost, UNKNOWN, 0)


def _groups(database: Backend, where: str) -> str:
    words = database.dialect
    return _GROUPS.format(day=words.day, problem=words.problem, ids=words.ids, where=where)


def _costs(row: Row) -> tuple[Cost, Cost]:
    """The price of the day, and what was charged. Raises `ValueError`."""
    charged = read_cost(row["charged_amount"], row["charged_unit"], computed=bool(row["charge_computed"]))
    return read_cost(row["cost_amount"], row["cost_unit"]), charged


def _spending(row: Row, each: Cost, charged: Cost) -> Spending:
    return Spending(
        day=row["day"],
        provider=row["provider"],
        model=row["model"],
        project=None if row["project"] is None else loaded(row["project"]),
        standing=standing(
            State.SAVED if row["stage"] == Stage.FINISHED else State(row["stage"]),
            row["provider"],
            charged,
            accepted=bool(row["accepted"]),
            released=bool(row["released"]),
            problem=row["problem_code"],
        ),
        each=each,
        charged=charged,
        jobs=row["jobs"],
    )
