"""Orders that a fleet's workers carry out: recorded, paid for in the budget, and put into the queue in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import BadConfiguration, ImgenError, UsageProblem
from imgen.fleet.engine import queue_of
from imgen.jobs.worker import still_uncertain
from imgen.ledger.planning import OrderedElsewhere, SameRequestUncertain, ToPlan
from imgen_providers.base import PictureFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from imgen.config.accounts import Accounts
    from imgen.fleet.engine import Engine
    from imgen.jobs.run_order import OrderPlan
    from imgen.ledger.planning import NotPlanned
    from imgen.ledger.postgres.ledger import PostgresLedger
    from imgen.orders.limits import Candidate
    from imgen.pictures.store import PictureStore
    from imgen.records import JobRecord
    from imgen_providers.catalog import ServiceEntry


@dataclass(frozen=True, slots=True)
class WorkersAccounts:
    """Which services an order may go to whose keys are elsewhere.

    Those with a key here; where there is none, those that the user's settings name, else all: `is_open`.
    """

    here: Accounts
    names: frozenset[str]
    is_open: bool

    def has_key(self, entry: ServiceEntry) -> bool:
        """Whether a worker is taken to have a key for the service."""
        return entry.name in self.names

    def origin(self, entry: ServiceEntry) -> str:
        """The scheme and host of the service. Raises `BadConfiguration`."""
        return self.here.origin(entry)


def workers_accounts(here: Accounts, usual: Sequence[str]) -> WorkersAccounts:
    """The accounts that an order for the queue is matched with; `usual` are the services of the user's settings."""
    from imgen_providers.catalog import SERVICES

    with_key = [name for name, entry in SERVICES.items() if here.has_key(entry)]
    named = with_key or [name for name in usual if name in SERVICES]
    return WorkersAccounts(here, frozenset(named or SERVICES), is_open=not named)


class Queueing(NamedTuple):
    """One order at the service that is to make it; `known` is as for `Jobs.plan`."""

    plan: OrderPlan
    candidate: Candidate
    known: Collection[str]


NotQueued = ImgenError | OrderedElsewhere


class Ordering:
    """Records orders and puts them into the queues of their services; needs no key.

    `store` opens the storage of the fleet, and returns None where none is set here.
    """

    def __init__(self, ledger: PostgresLedger, engine: Engine, store: Callable[[], PictureStore | None]) -> None:
        self._ledger = ledger
        self._engine = engine
        self._store = store
        self._shared: set[str] = set()

    def queue(self, orders: Sequence[Queueing]) -> list[JobRecord | NotQueued]:
        """All of the orders in one commit, each of one job, with what they cost in the budget; or none of them.

        In the place of an order that cannot be recorded is why: the others are all the same.
        """
        problems = [self._share_pictures(order) for order in orders]  # first: a worker may take a job at once
        able = [order for order, problem in zip(orders, problems, strict=True) if problem is None]
        outcomes = iter(self._queue(able))
        return [next(outcomes) if problem is None else problem for problem in problems]

    def _queue(self, orders: Sequence[Queueing]) -> list[JobRecord | NotQueued]:
        asked = [
            ToPlan(candidate.drafts, plan.options.resubmit, plan.budget, known) for plan, candidate, known in orders
        ]
        with self._ledger.write() as write:
            planned = self._ledger.jobs.plan_all(asked, None)
            queues: dict[str, list[str]] = {}
            for order, ids in zip(asked, planned, strict=True):
                if isinstance(ids, list):
                    queues.setdefault(queue_of(order.drafts[0].provider, order.drafts[0].origin), []).extend(ids)
            self._ledger.queue.deferred(write, self._engine.defer_all(write.raw, queues))
        queued = [job_id for ids in planned if isinstance(ids, list) for job_id in ids]
        records = iter(self._ledger.jobs.get_many(queued))
        return [next(records) if isinstance(ids, list) else _in_words(ids) for ids in planned]

    def _share_pictures(self, order: Queueing) -> ImgenError | None:
        """Put the pictures of an order that are on this disk where its worker finds them; why not, if that fails."""
        for draft in order.candidate.drafts:
            for picture in draft.request.references:
                if isinstance(picture, PictureFile) and picture.sha256 not in self._shared:
                    try:
                        self._share(picture)
                    except ImgenError as error:
                        return error
                    self._shared.add(picture.sha256)
        return None

    def _share(self, picture: PictureFile) -> None:
        from imgen.pictures.storage import StorageTrouble
        from imgen.pictures.store import OtherBytes

        name, store = picture.path.name, self._store()
        if store is None:
            raise UsageProblem(
                f"{name} is on this disk, where no worker can read it, and IMGEN_STORE is not set here.",
                "Set IMGEN_STORE as it is for the workers, or give the picture as a public URL.",
            )
        try:
            store.put_reference(picture)
        except (StorageTrouble, OtherBytes) as error:
            raise BadConfiguration(error.message, "Check IMGEN_STORE. Nothing was sent.") from error
        except OSError as error:
            raise UsageProblem(f"{name} cannot be read: {error.strerror or error}.", "Nothing was sent.") from error


def _in_words(error: NotPlanned) -> NotQueued:
    return still_uncertain(error) if isinstance(error, SameRequestUncertain) else error
