"""The jobs that a command line names, or all that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.config.config import Config
    from imgen.jobs.session import Session
    from imgen.jobs.worker import Worker
    from imgen.records import JobRecord


def jobs_of(
    opened: Session, worker: Worker, ids: Sequence[str] | None, provider: str | None, config: Config, *, sandbox: bool
) -> list[JobRecord]:
    """The jobs of these ids, or all that is open. A provider's own ids that the ledger has not are recorded.

    Raises `UsageProblem`, `NotAdopted`, `KeyMissing` or `BadConfiguration`.
    """
    if not ids:
        return [record for record in opened.open_jobs(sandbox=sandbox) if provider in (None, record.provider)]
    if provider is None:
        return opened.find(ids)
    from imgen.orders.matching import find_service
    from imgen.pictures.naming import parse_output

    entry = find_service(provider)
    origin = SANDBOX if sandbox else config.account(entry).origin
    target = parse_output(None, cwd=config.cwd, pictures=1, overwrite=False, format=None, kept=config.kept_folder)
    return [worker.adopt(entry, origin, name, target) for name in dict.fromkeys(ids)]


def families(opened: Session, records: Sequence[JobRecord]) -> list[JobRecord]:
    """The jobs with all that they go on from and all that goes on from them, each once, the oldest first."""
    found = {relative.id: relative for record in records for relative in opened.ledger.jobs.family(record.id)}
    return sorted(found.values(), key=lambda record: record.created_at)
