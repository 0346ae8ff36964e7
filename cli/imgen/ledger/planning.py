"""New rows for orders: recorded before a byte is sent, within their budgets, and at most one order of a request."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import OverBudget
from imgen.ledger.codec import plain, request_text, stored, target_text, wire_key
from imgen.ledger.spending import Reserving
from imgen.money.budget import NO_BUDGET, Budget
from imgen.records import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from imgen.ledger.backend import Backend, Connection
    from imgen.ledger.transitions import Stage
    from imgen.records import Draft

_SANDBOX = "sandbox"
_AT_ONCE = 200  # rows in one statement
_UNCERTAIN = (
    "SELECT id, request_key, origin FROM job WHERE request_key IN ({each}) AND stage = 'uncertain'"
    " AND forgotten_at IS NULL ORDER BY rowid"
)
_OTHERS = (
    "SELECT id, request_key, origin FROM job WHERE request_key IN ({each})"
    " AND stage NOT IN ('failed', 'cancelled') AND forgotten_at IS NULL ORDER BY rowid"
)


class SameRequestUncertain(Exception):
    """The same request was sent before and may have been charged; `job_ids` are those rows."""

    def __init__(self, job_ids: Sequence[str]) -> None:
        super().__init__(", ".join(job_ids))
        self.job_ids = tuple(job_ids)


class OrderedElsewhere(Exception):
    """Another process planned the same order meanwhile; `job_ids` are its jobs."""

    def __init__(self, job_ids: Sequence[str]) -> None:
        super().__init__(", ".join(job_ids))
        self.job_ids = tuple(job_ids)


NotPlanned = SameRequestUncertain | OrderedElsewhere | OverBudget


class ToPlan(NamedTuple):
    """One order that is about to be recorded, all of its jobs or none; the fields are those of `Jobs.plan`."""

    drafts: Sequence[Draft]
    resubmit: bool = False
    budget: Budget = NO_BUDGET
    known: Collection[str] | None = None


class Planning:
    """Several orders in one transaction: what each may do, given those before it."""

    def __init__(self, database: Backend, write: Connection, orders: Sequence[ToPlan]) -> None:
        self._write = write
        self._each = database.dialect.each
        self._reserving = Reserving(database)
        keys = json.dumps(sorted({draft.request_key for order in orders for draft in order.drafts}))
        self._uncertain = self._by_request(_UNCERTAIN, keys, lambda origin: origin)
        is_asked = any(order.known is not None for order in orders)
        self._others = self._by_request(_OTHERS, keys, _realm) if is_asked else defaultdict(list)

    def admit(self, order: ToPlan) -> list[str]:
        """Reserve what an order costs; returns the uncertain rows that it takes the place of.

        Raises `SameRequestUncertain`, `OrderedElsewhere` and `OverBudget`, and then nothing is reserved.
        """
        replaced: list[str] = []
        for key, origin in dict.fromkeys((draft.request_key, draft.origin) for draft in order.drafts):
            uncertain = self._uncertain[key, origin]
            if uncertain and not order.resubmit:
                raise SameRequestUncertain(uncertain)
            replaced += uncertain
            known = {*(order.known or ()), *uncertain}
            others = [job_id for job_id in self._others[key, _realm(origin)] if job_id not in known]
            if order.known is not None and others:
                raise OrderedElsewhere(others)
        self._reserving.admit(order.drafts, order.budget)
        for draft in order.drafts:
            self._others[draft.request_key, _realm(draft.origin)].append(draft.id)
        return replaced

    def _by_request(
        self, statement: str, keys: str, of: Callable[[str], str]
    ) -> defaultdict[tuple[str, str], list[str]]:
        found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for row in self._write.execute(statement.format(each=self._each), (keys,)):
            found[row["request_key"], of(row["origin"])].append(row["id"])
        return found


def _realm(origin: str) -> str:
    """What the sandbox made is no order of a real service, and the other way round."""
    return _SANDBOX if origin == _SANDBOX else ""


def with_free_ids(database: Backend, write: Connection, drafts: Iterable[Draft]) -> list[Draft]:
    """The same jobs, each under an id that no other one has."""
    found = list(drafts)
    wanted = json.dumps([draft.id for draft in found])
    rows = write.execute(f"SELECT id FROM job WHERE id IN ({database.dialect.each})", (wanted,))  # noqa: S608  (our own)
    taken = {row["id"] for row in rows}
    for number, draft in enumerate(found):
        while draft.id in taken:
            draft = draft.with_id(new_id())
            if write.execute("SELECT 1 FROM job WHERE id = ?", (draft.id,)).fetchone():
                taken.add(draft.id)
        taken.add(draft.id)
        found[number] = draft
    return found


def insert(write: Connection, drafts: Iterable[Draft], *, stage: Stage, **columns: object) -> None:
    """A row for each of the jobs, whose ids are free."""
    rows = (_row(draft, stage, columns) for draft in drafts)
    while some := list(islice(rows, _AT_ONCE)):
        marks = f"({', '.join('?' * len(some[0]))})"
        names, values = ", ".join(some[0]), [value for row in some for value in row.values()]
        write.execute(f"INSERT INTO job ({names}) VALUES {', '.join([marks] * len(some))}", values)  # noqa: S608


def _row(draft: Draft, stage: Stage, columns: dict[str, object]) -> dict[str, object]:
    return {
        "id": draft.id,
        "run_id": draft.run_id,
        "request_key": draft.request_key,
        "wire_key": wire_key(draft.request),
        "provider": draft.provider,
        "origin": draft.origin,
        "family": draft.family,
        "model": draft.request.model,
        "prompt": plain(draft.request.prompt),
        "request": request_text(draft.request),
        "target": target_text(draft.target),
        "parent_id": draft.parent_id,
        "project": None if draft.project is None else stored(draft.project),
        "cost_amount": draft.cost.amount,
        "cost_unit": draft.cost.unit,
        "stage": stage.value,
        **columns,
    }
