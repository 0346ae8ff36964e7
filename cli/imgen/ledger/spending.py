"""The ledger's amounts of money: what jobs cost, and whether more may be spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.codec import loaded, read_cost, stored
from imgen.ledger.transitions import Stage
from imgen.money.amounts import is_amount
from imgen.money.budget import Span, Spending, Verdict, assess, check, day_begins, local_day, order_cost, standing
from imgen.records import UNKNOWN, Cost, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from imgen.ledger.database import Database
    from imgen.money.budget import Budget
    from imgen.records import Draft
    from imgen_providers.base import Charge

_GROUPS = """
SELECT coalesce(date(created_at, 'unixepoch', 'localtime'), '9999-12-31') AS day, provider, model, project, stage,
       remote_id IS NOT NULL AS accepted, forgotten_at IS NOT NULL AND NOT resubmitted AS released,
       CASE WHEN json_valid(problem) THEN json_extract(problem, '$.code') END AS problem,
       cost_amount, cost_unit, charged_amount, charged_unit, charge_computed, count(*) AS jobs,
       group_concat(id, ', ') AS ids
  FROM job WHERE origin <> 'sandbox' AND {where}
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 ORDER BY 1, 2, 3
"""
_OTHER_CHARGE = "SELECT 1 FROM job WHERE id = ? AND (charged_amount, charged_unit, charge_computed) IS NOT (?, ?, ?)"
_CHARGE = "UPDATE job SET charged_amount = ?, charged_unit = ?, charge_computed = ? WHERE id = ?"


class SpendingQueries:
    """What jobs cost; never the sandbox's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def charged(self, job_id: str, charge: Charge) -> None:
        """The service reported what it charged for the job; what is no amount of money stays unknown."""
        known = not self._database.read(_OTHER_CHARGE, (job_id, charge.amount, charge.unit, charge.computed))
        if is_amount(charge.amount) and not known:
            self._database.change(_CHARGE, (charge.amount, charge.unit, charge.computed, job_id))

    def totals(self) -> list[Spending]:
        """What all jobs cost, the oldest first; a cost that cannot be read is unknown, its job `Ledger.unreadable`."""
        found = []
        for row in self._database.read(_GROUPS.format(where="TRUE"), ()):
            try:
                found.append(_spending(row, *_costs(row)))
            except ValueError:
                for job_id in row["ids"].split(", "):
                    self._database.unreadable(job_id)
                found.append(_spending(row, UNKNOWN, UNKNOWN))
        return found

    def verdicts(self, drafts: Sequence[Draft], budget: Budget) -> list[Verdict]:
        """Whether an order would be within each of the limits, were it planned now. Raises `LedgerDamaged`."""
        with self._database.snapshot() as connection:
            return _verdicts(self._database, connection, drafts, budget)


def charge(write: sqlite3.Connection, job_id: str, charged: Charge) -> None:
    """Set what a job was charged."""
    write.execute(_CHARGE, (charged.amount, charged.unit, charged.computed, job_id))


def reserve(database: Database, write: sqlite3.Connection, drafts: Sequence[Draft], budget: Budget) -> None:
    """Raises `OverBudget` where the order is not within a limit; the rows that follow are its reservation."""
    check(_verdicts(database, write, drafts, budget))


def _verdicts(
    database: Database, connection: sqlite3.Connection, drafts: Sequence[Draft], budget: Budget
) -> list[Verdict]:
    paid = [draft for draft in drafts if draft.origin != "sandbox"]
    if not paid:
        return []
    order, provider, project = order_cost([draft.cost for draft in paid]), paid[0].provider, paid[0].project

    def ordered(where: str, value: object) -> list[Spending]:
        rows = connection.execute(_GROUPS.format(where=where), (value,)).fetchall()
        try:
            return [_spending(row, *_costs(row)) for row in rows]
        except ValueError as error:  # an amount that is none would lift the limit
            raise database.damaged("the cost of a job in it cannot be understood") from error

    # Without an end: what a clock that was set back has put into the future counts as today's.
    today = day_begins(local_day(database.now()))
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


def _costs(row: sqlite3.Row) -> tuple[Cost, Cost]:
    """The price of the day, and what was charged. Raises `ValueError`."""
    charged = read_cost(row["charged_amount"], row["charged_unit"], computed=bool(row["charge_computed"]))
    return read_cost(row["cost_amount"], row["cost_unit"]), charged


def _spending(row: sqlite3.Row, each: Cost, charged: Cost) -> Spending:
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
            problem=row["problem"],
        ),
        each=each,
        charged=charged,
        jobs=row["jobs"],
    )
