"""The jobs that a command line names, or all that is open."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX
from imgen.errors import SANDBOX_EXAMPLE, UsageProblem
from imgen.records import latest_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.config.config import Config
    from imgen.jobs.report import Report
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
        return opened.with_stored(find_jobs(opened, ids, sandbox=sandbox))
    from imgen.orders.matching import find_service
    from imgen.pictures.naming import parse_output

    entry = find_service(provider)
    origin = SANDBOX if sandbox else config.accounts.account(entry).origin
    target = parse_output(None, cwd=config.cwd, pictures=1, overwrite=False, format=None, kept=config.folders.kept)
    return [worker.adopt(entry, origin, name, target) for name in dict.fromkeys(ids)]


def find_jobs(opened: Session, names: Sequence[str], *, sandbox: bool = False) -> list[JobRecord]:
    """The jobs a user names: local ids, unique prefixes of them, remote ids, or the latest orders.

    `sandbox` keeps the latest orders to the sandbox's. Raises `UsageProblem`.
    """
    unique = dict.fromkeys(names)
    found = [job for name in unique for job in latest_jobs(opened, name, sandbox=sandbox) or [_find(opened, name)]]
    return list({record.id: record for record in found}.values())


def latest_jobs(opened: Session, name: str, *, sandbox: bool = False) -> list[JobRecord]:
    """The jobs of the latest order for `last`, `-1` or `@1`, of the one before for `-2`; none for another name.

    `sandbox` keeps to the sandbox's. Raises `UsageProblem` where there are not so many orders.
    """
    number = latest_number(name)
    if number is None:
        return []
    found = [] if opened.is_new else opened.ledger.jobs.latest_order(number, SANDBOX if sandbox else None)
    if not found:
        raise UsageProblem(
            "Nothing was made yet." if number == 1 else f"There are no {number} orders yet.", SANDBOX_EXAMPLE
        )
    return found


def retargeted(opened: Session, records: Sequence[JobRecord], output: str, config: Config) -> list[JobRecord]:
    """The jobs with their unsaved pictures to go where `output` says, numbered through all of them.

    Raises `UsageProblem`, with nothing changed, where pictures cannot go there.
    """
    from imgen.jobs.run_order import bad_targets
    from imgen.pictures.naming import parse_output, prepare

    if output == "-":
        raise UsageProblem("-o takes a file, a folder or a template here, not standard output.", "-o FOLDER")
    counts = [max(record.request.count, len(record.results)) for record in records]
    with bad_targets():
        target = parse_output(
            output, cwd=config.cwd, pictures=sum(counts), overwrite=False, format=None, kept=config.folders.kept
        )
        prepare(target.folder)
    for record, first in zip(records, accumulate(counts, initial=1), strict=False):
        opened.ledger.jobs.retarget(record.id, replace(target, first_index=first))
    return opened.ledger.jobs.get_many([record.id for record in records])


def copied(report: Report) -> Report:
    """The report with the stored pictures of its jobs, which are on this disk, copied to where `-o` named a place.

    Raises `NotCopied`.
    """
    from imgen.jobs.save import place_copy

    def placed(record: JobRecord) -> JobRecord:
        results = (place_copy(record, each) if each.object and each.path else each for each in record.results)
        return record._replace(results=tuple(results))

    return report._replace(records=tuple(map(placed, report.records)))


def families(opened: Session, records: Sequence[JobRecord]) -> list[JobRecord]:
    """The jobs with all that they go on from and all that goes on from them, each once, the oldest first."""
    found = {relative.id: relative for record in records for relative in opened.ledger.jobs.family(record.id)}
    return sorted(found.values(), key=lambda record: record.created_at)


def _find(opened: Session, name: str) -> JobRecord:
    found = opened.ledger.jobs.find(name) if name else []
    if not found:
        raise UsageProblem(
            f"There is no job {name!r} in the ledger.",
            "imgen history\nIf a service gave you that id, name the service:\n"
            f"imgen wait -p PROVIDER {name or 'REMOTE_ID'}",
        )
    if len(found) > 1:
        raise UsageProblem(
            f"{name!r} is the start of {len(found)} jobs: {', '.join(record.id for record in found[:8])}.",
            "Type one letter more.",
        )
    return found[0]
