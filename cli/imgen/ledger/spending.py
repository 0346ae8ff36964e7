"""The ledger's amounts of money: what jobs cost, and whether more may be spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.codec import loaded, read_cost, stored
from imgen.ledger.transitions import Stage
from imgen.money.amounts import is_amount
from imgen.money.budget import Span, Spending, Verdict, assess, check, order_cost, standing
from imgen.records import UNKNOWN, Cost, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        with self._database.snapshot() as connection:
            return _verdicts(self._database, connection, drafts, budget)


def charge(write: Connection, job_id: str, charged: Charge) -> None:
    """Set what a job was charged."""
    write.execute(_CHARGE, (charged.amount, charged.unit, charged.computed, job_id))


def reserve(database: Backend, write: Connection, drafts: Sequence[Draft], budget: Budget) -> None:
    """Raises `OverBudget` where the order is not within a limit; the rows that follow are its reservation."""
    check(_verdicts(database, write, drafts, budget))


def _verdicts(database: Backend, connection: Connection, drafts: Sequence[Draft], budget: Budget) -> list[Verdict]:
    paid = [draft for draft in drafts if draft.origin != "sandbox"]
    if not paid:
        return []
    order, provider, project = order_cost([draft.cost for draft in paid]), paid[0].provider, paid[0].project

    def ordered(where: str, value: object) -> list[Spending]:
        rows = connection.execute(_groups(database, where), (value,)).fetchall()
        try:
            return [_spending(row, *_costs(row)) for row in rows]
        except ValueError as error:  # an amount that is none would lift the limit
            raise database.damaged("the cost of a job in it cannot be understood") from error

    # Without an end: what a clock that was set back has put into the future counts as today's.
    today = database.day_begins(database.now())
    so_far: dict[Span, Callable[[], list[Spending]]] = {
        Span.ORDER: list,
        Span.DAY: lambda: ordered("created_at >= ?", today),
        Span.PROJECT: lambda: ordered("project = ?", None if project is None else stored(project)),
    }
    return [
        assess(order, limit, so_far[limit.span](), provider, budget)
        for limit in budget.limits
        if limit.span is not Span.PROJECT or project is not None
    ]


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
