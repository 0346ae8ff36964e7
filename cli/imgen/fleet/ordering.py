"""Orders that a fleet's workers carry out: recorded, paid for in the budget, and put into the queue in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem
from imgen.fleet.engine import queue_of
from imgen.jobs.worker import uncertain_twin
from imgen_providers.base import PictureFile

if TYPE_CHECKING:
    from collections.abc import Collection

    from imgen.config.accounts import Accounts
    from imgen.fleet.engine import Engine
    from imgen.jobs.run_order import OrderPlan
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


def queue_order(
    ledger: PostgresLedger, engine: Engine, plan: OrderPlan, candidate: Candidate, known: Collection[str]
) -> list[JobRecord]:
    """Record the jobs of an order and put them into the queue of their service; needs no key.

    `known` is as for `Jobs.plan`. Raises `OverBudget`, `StillUncertain`, `OrderedElsewhere` and `UsageProblem`.
    """
    for draft in candidate.drafts:
        here = [each for each in draft.request.references if isinstance(each, PictureFile)]
        if here:
            raise UsageProblem(
                f"{here[0].path.name} is on this disk, where no worker can read it.",
                "Give the picture as a public URL, or make the asset here: imgen batch",
            )
    with uncertain_twin(), ledger.write() as write:
        planned = ledger.jobs.plan(
            candidate.drafts, None, resubmit=plan.options.resubmit, budget=plan.budget, known=known
        )
        queue = queue_of(candidate.drafts[0].provider, candidate.drafts[0].origin)
        for job_id, engine_id in zip(planned, engine.defer(write.raw, queue, planned), strict=True):
            ledger.queue.deferred(write, job_id, engine_id)
    return ledger.jobs.get_many(planned)
