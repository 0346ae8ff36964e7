"""Which state of a job or of a picture may follow which: the one table that every change of the ledger obeys."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from imgen.records import ResultState

if TYPE_CHECKING:
    from imgen.ledger.backend import Connection


class Stage(StrEnum):
    """The state of a job as it is stored; what a `FINISHED` one is follows from its pictures (`records.State`)."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


class Change(NamedTuple):
    """A change from any of the states `before` to the state `after`."""

    before: frozenset[Stage] | frozenset[ResultState]
    after: Stage | ResultState


_UNFINISHED = frozenset(Stage) - {Stage.FINISHED}

# A report of the service is newer than what this side believed: it overrides uncertain, failed and cancelled.
JOB_CHANGES: dict[str, Change] = {
    "submitting": Change(frozenset({Stage.PLANNED}), Stage.SUBMITTING),
    "not_sent": Change(frozenset({Stage.SUBMITTING, Stage.UNCERTAIN}), Stage.PLANNED),
    "never_sent": Change(frozenset({Stage.PLANNED}), Stage.CANCELLED),
    "mark_uncertain": Change(frozenset({Stage.SUBMITTING}), Stage.UNCERTAIN),
    "accepted": Change(_UNFINISHED, Stage.QUEUED),
    "reconcile": Change(frozenset({Stage.UNCERTAIN}), Stage.QUEUED),
    "attach": Change(frozenset({Stage.UNCERTAIN}), Stage.QUEUED),
    "running": Change(frozenset({Stage.QUEUED}), Stage.RUNNING),
    "finished": Change(frozenset(Stage), Stage.FINISHED),
    "finished_without_links": Change(_UNFINISHED, Stage.FINISHED),
    "failed": Change(_UNFINISHED, Stage.FAILED),
    "cancelled": Change(_UNFINISHED, Stage.CANCELLED),
}

RESULT_CHANGES: dict[str, Change] = {
    "saved": Change(frozenset(ResultState), ResultState.SAVED),
    "expired": Change(frozenset({ResultState.READY}), ResultState.EXPIRED),
    "reopen": Change(frozenset({ResultState.SAVED, ResultState.EXPIRED}), ResultState.READY),
}


def change_job(write: Connection, job_id: str, name: str, **columns: object) -> bool:
    """Make a change of `JOB_CHANGES` and set columns with it; False, and nothing is set, where it may not be made."""
    return _change(write, "job", "stage", "id = ?", JOB_CHANGES[name], columns, job_id)


def change_result(write: Connection, job_id: str, number: int, name: str, **columns: object) -> bool:
    """Make a change of `RESULT_CHANGES` to one picture; as `change_job`."""
    which = "job_id = ? AND number = ?"
    return _change(write, "result", "state", which, RESULT_CHANGES[name], columns, job_id, number)


def _change(
    write: Connection,
    table: str,
    state: str,
    which: str,
    change: Change,
    columns: dict[str, object],
    *key: object,
) -> bool:
    settings = "".join(f", {column} = ?" for column in columns)
    before = ", ".join(f"'{each.value}'" for each in change.before)
    statement = f"UPDATE {table} SET {state} = '{change.after.value}'{settings} WHERE {which} AND {state} IN ({before})"  # noqa: S608
    return write.execute(statement, (*columns.values(), *key)).rowcount > 0
