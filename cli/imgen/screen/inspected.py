"""What `imgen inspect` prints: what is known of a picture file, from itself and from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.money.amounts import in_money
from imgen.money.budget import best_known
from imgen.screen.envelope import CostEntry, cost_entry
from imgen.screen.text import for_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.pictures.provenance.reading import Provenance
    from imgen.records import JobRecord


@dataclass(frozen=True, slots=True)
class ClaimEntry:
    """A C2PA claim; `intact` says whether it fits the file's bytes, null without c2pa-python. `problems` are its codes.

    A claim is only what its writer says, until it is intact and its signer is trusted.
    """

    generator: str | None
    source_type: str | None
    intact: bool | None
    trusted: bool | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MadeEntry:
    """The job that made a picture; `family` are the ids of what it goes on from and of what goes on from it."""

    id: str
    provider: str
    model: str
    prompt: str
    sandbox: bool
    cost: CostEntry
    family: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InspectedEntry:
    """One picture file. `job` made these very bytes; `changed_since` is the job that saved others under this name.

    `source_type` is the IPTC digital source type in its XMP, `tagged_job` the job that its tag names.
    """

    path: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str
    job: MadeEntry | None
    changed_since: str | None
    c2pa: ClaimEntry | None
    source_type: str | None
    tagged_job: str | None
    has_exif: bool
    software: str | None


def inspected(
    path: str, found: Provenance, job: JobRecord | None, family: Sequence[JobRecord], changed_since: str | None
) -> InspectedEntry:
    """What is known of a file, for programs."""
    claim, verdict, picture = found.claim, found.verdict, found.picture
    entry = made = None
    if claim:
        entry = ClaimEntry(
            generator=claim.generator,
            source_type=claim.source_type,
            intact=verdict.intact if verdict else None,
            trusted=verdict.trusted if verdict else None,
            problems=verdict.problems if verdict else (),
        )
    if job:
        made = MadeEntry(
            id=job.id,
            provider=job.provider,
            model=job.request.model,
            prompt=job.request.prompt,
            sandbox=job.sandbox,
            cost=cost_entry(best_known(job)),
            family=tuple(each.id for each in family if each.id != job.id),
        )
    return InspectedEntry(
        path=path,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        bytes=picture.size,
        sha256=picture.sha256,
        job=made,
        changed_since=changed_since,
        c2pa=entry,
        source_type=found.source_type,
        tagged_job=found.job_id,
        has_exif=found.has_exif,
        software=found.software,
    )


def inspected_lines(entry: InspectedEntry) -> list[str]:
    """One file as lines: its name, then what is known of it."""
    said = [("file", f"{entry.format}, {entry.width}x{entry.height}, {entry.bytes:,} bytes"), ("sha256", entry.sha256)]
    if entry.job:
        said += _job(entry.job)
    elif entry.changed_since:
        said.append(("job", f"{entry.changed_since} saved another picture here: these bytes were changed since"))
    else:
        said.append(("job", "none in this ledger made these bytes"))
    said.append(("C2PA", _claim(entry.c2pa)))
    if entry.source_type:
        said.append(("IPTC", entry.source_type))
    if entry.tagged_job:
        said.append(("tag", f"names job {entry.tagged_job}"))
    if entry.has_exif:
        said.append(("EXIF", f"names {entry.software}" if entry.software else "is there, and names no program"))
    return [for_log(entry.path), *(f"  {name:7} {for_log(text)}" for name, text in said)]


def _job(job: MadeEntry) -> list[tuple[str, str]]:
    cost = f"for {in_money(job.cost.amount, job.cost.unit)}" if job.cost.amount else "at an unknown cost"
    paid = "in the sandbox" if job.sandbox else cost
    lines = [("job", f"{job.id} at {job.provider}, {job.model}, {paid}"), ("prompt", job.prompt)]
    return [*lines, ("family", " ".join(job.family))] if job.family else lines


def _claim(claim: ClaimEntry | None) -> str:
    if claim is None:
        return "no claim"
    said = [f"claimed by {claim.generator}" if claim.generator else "a claim that names no program"]
    if claim.source_type:
        said.append(claim.source_type)
    if claim.intact is None:
        said.append("not checked: that takes the extra c2pa")
    elif claim.intact:
        said.append("fits these bytes, signer trusted" if claim.trusted else "fits these bytes, signer not on the list")
    else:
        said.append(f"does NOT fit these bytes ({', '.join(claim.problems)})")
    return "; ".join(said)
