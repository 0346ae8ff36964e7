"""The ledger's amounts of money: what jobs cost, and whether more may be spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.money.budget import Span, Spending, Verdict, assess, check, day_begins, local_day, order_cost, standing
from imgen.records import Cost, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from imgen.ledger.database import Database
    from imgen.money.budget import Budget
    from imgen.records import Draft
    from imgen_providers.base import Charge

_SPENDINGS = (
    "SELECT date(created_at, 'unixepoch', 'localtime') AS day, provider, model, project, stage,"
    " remote_id IS NOT NULL AS accepted, forgotten_at IS NOT NULL AND NOT resubmitted AS released,"
    " json_extract(problem, '$.code') AS problem, cost_amount, cost_unit, charged_amount, charged_unit,"
    " count(*) AS jobs FROM job WHERE origin <> 'sandbox' AND {where} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"
    " ORDER BY 1, 2, 3"
)


class SpendingQueries:
    """What jobs cost; never the sandbox's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def charged(self, job_id: str, charge: Charge) -> None:
        """The service reported what it charged for the job."""
        self._database.change(
            "UPDATE job SET charged_amount = ?, charged_unit = ? WHERE id = ?", (charge.amount, charge.unit, job_id)
        )

    def totals(self) -> list[Spending]:
        """What all jobs cost, the oldest first."""
        return [_spending(row) for row in self._database.read(_SPENDINGS.format(where="TRUE"), ())]

    def verdicts(self, drafts: Sequence[Draft], budget: Budget) -> list[Verdict]:
        """Whether an order would be within each of the limits, were it planned now."""
        with self._database.snapshot() as connection:
            return _verdicts(connection, self._database.now(), drafts, budget)


def reserve(write: sqlite3.Connection, now: float, drafts: Sequence[Draft], budget: Budget) -> None:
    """Raises `OverBudget` where the order is not within a limit; the rows that follow are its reservation."""
    check(_verdicts(write, now, drafts, budget))


def _verdicts(connection: sqlite3.Connection, now: float, drafts: Sequence[Draft], budget: Budget) -> list[Verdict]:
    paid = [draft for draft in drafts if draft.origin != "sandbox"]
    if not paid:
        return []
    order, provider, project = order_cost([draft.cost for draft in paid]), paid[0].provider, paid[0].project

    def ordered(where: str, value: object) -> list[Spending]:
        return [_spending(row) for row in connection.execute(_SPENDINGS.format(where=where), (value,))]

    # Without an end: what a clock that was set back has put into the future counts as today's.
    today = day_begins(local_day(now))
    so_far: dict[Span, Callable[[], list[Spending]]] = {
        Span.ORDER: list,
        Span.DAY: lambda: ordered("created_at >= ?", today),
        Span.PROJECT: lambda: ordered("project = ?", project),
    }
    return [
        assess(order, limit, so_far[limit.span](), provider, budget)
        for limit in budget.limits
        if limit.span is not Span.PROJECT or project is not None
    ]


def _spending(row: sqlite3.Row) -> Spending:
    charged = Cost(row["charged_amount"], row["charged_unit"])
    return Spending(
        day=row["day"],
        provider=row["provider"],
        model=row["model"],
        project=row["project"],
        standing=standing(
            State.SAVED if row["stage"] == "finished" else State(row["stage"]),
            row["provider"],
            charged,
            accepted=bool(row["accepted"]),
            released=bool(row["released"]),
            problem=row["problem"],
        ),
        each=Cost(row["cost_amount"], row["cost_unit"]),
        charged=charged,
        jobs=row["jobs"],
    )
