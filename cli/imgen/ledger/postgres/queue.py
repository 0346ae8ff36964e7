"""Jobs that a queue hands out: any worker may take one, give it back, or find those that no queue carries any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen.ledger.postgres.database import PostgresDatabase, Transaction

_TAKE = "UPDATE job SET owner = ? WHERE id = ? AND stage = 'planned' AND forgotten_at IS NULL AND engine_id IS NOT NULL"
_DEFERRED = (
    "UPDATE job SET engine_id = CAST(given.value AS bigint)"
    " FROM jsonb_each_text(CAST(? AS jsonb)) AS given WHERE job.id = given.key"
)
_FOLLOWED = (
    "SELECT 1 FROM job WHERE id = ? AND (stage IN ('queued', 'running') OR (stage = 'finished'"
    " AND EXISTS (SELECT 1 FROM result WHERE job_id = job.id AND state = 'ready')))"
)


class Queue:
    """What a worker does with a job that the queue's engine gave it; the engine's own tables are not touched here."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def deferred(self, write: Transaction, engine_ids: Mapping[str, int]) -> None:
        """The engine carries these jobs, each as its own: part of the transaction that gave them to the engine."""
        write.execute(_DEFERRED, (json.dumps(engine_ids),))

    def take(self, job_id: str, owner: str) -> bool:
        """Whether `owner` may go on with the job: a planned one is its own from now on, of what was sent anyone may.

        The queue decides whose it is: it may have lost a worker whose lease goes on, and which sends none of it then.
        A server that crashes may forget that, and not what follows from it: the commit before the submit waits for the
        disk, and is made by the owner alone.
        """
        taken = self._database.touch(_TAKE, (owner, job_id), lasting=False)
        return bool(taken or self._database.read(_FOLLOWED, (job_id,)))

    def give_back(self, job_id: str, owner: str) -> None:
        """A planned job of `owner` is for any worker again."""
        self._database.change(
            "UPDATE job SET owner = NULL WHERE id = ? AND stage = 'planned' AND owner = ?", (job_id, owner)
        )
