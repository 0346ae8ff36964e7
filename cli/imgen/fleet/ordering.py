"""Orders that a fleet's workers carry out: recorded, paid for in the budget, and put into the queue in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import OverBudget, StillUncertain
from imgen.fleet.engine import queue_of
from imgen.jobs.worker import still_uncertain
from imgen.ledger.planning import OrderedElsewhere, SameRequestUncertain, ToPlan

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from imgen.config.accounts import Accounts
    from imgen.fleet.engine import Engine
    from imgen.jobs.run_order import OrderPlan
    from imgen.ledger.planning import NotPlanned
    from imgen.ledger.postgres.ledger import PostgresLedger
    from imgen.orders.limits import Candidate
    from imgen.records import JobRecord
    from imgen_providers.catalog import ServiceEntry


@dataclass(frozen=True, slots=True)
class WorkersAccounts:
    """Which services an order may go to whose keys are elsewhere: those with a key here, or all where there is none."""

    here: Accounts
    any_key: bool

    def has_key(self, entry: ServiceEntry) -> bool:
        """Whether a worker is taken to have a key for the service."""
        return not self.any_key or self.here.has_key(entry)

    def origin(self, entry: ServiceEntry) -> str:
        """The scheme and host of the service. Raises `BadConfiguration`."""
        return self.here.origin(entry)


def workers_accounts(here: Accounts) -> WorkersAccounts:
    """The accounts that an order for the queue is matched with."""
    from imgen_providers.catalog import SERVICES

    return WorkersAccounts(here, any(here.has_key(entry) for entry in SERVICES.values()))


class Queueing(NamedTuple):
    """One order at the service that is to make it; `known` is as for `Jobs.plan`."""

    plan: OrderPlan
    candidate: Candidate
    known: Collection[str]


NotQueued = StillUncertain | OrderedElsewhere | OverBudget


class Ordering:
    """Records orders and puts them into the queues of their services; needs no key."""

    def __init__(self, ledger: PostgresLedger, engine: Engine) -> None:
        self._ledger = ledger
        self._engine = engine

    def queue(self, orders: Sequence[Queueing]) -> list[JobRecord | NotQueued]:
        """All of the orders in one commit, each of one job, with what they cost in the budget; or none of them.

        In the place of an order that cannot be recorded is why: the others are all the same.
        """
        with self._ledger.write() as write:
            asked = [
                ToPlan(each.candidate.drafts, each.plan.options.resubmit, each.plan.budget, each.known)
                for each in orders
            ]
            planned = self._ledger.jobs.plan_all(asked, None)
            queues: dict[str, list[str]] = {}
            for order, ids in zip(orders, planned, strict=True):
                if isinstance(ids, list):
                    draft = order.candidate.drafts[0]
                    queues.setdefault(queue_of(draft.provider, draft.origin), []).extend(ids)
            self._ledger.queue.deferred(write, self._engine.defer_all(write.raw, queues))
        records = iter(
            self._ledger.jobs.get_many([job_id for ids in planned if isinstance(ids, list) for job_id in ids])
        )
        return [next(records) if isinstance(ids, list) else _in_words(ids) for ids in planned]


def _in_words(error: NotPlanned) -> NotQueued:
    return still_uncertain(error) if isinstance(error, SameRequestUncertain) else error
