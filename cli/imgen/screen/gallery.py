"""Jobs as one page of pictures that needs nothing beside itself: no network, no other file."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen.records import ResultState
from imgen.screen.envelope import timestamp
from imgen.screen.family import changed
from imgen.screen.tables import cost_text
from imgen.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from imgen.records import JobRecord, Result

_GENERATOR = b'<meta name="generator" content="imgen">'  # as the template has it


@dataclass(frozen=True, slots=True)
class GalleryEntry:
    """The page that was written, and what is on it; `missing` pictures are not on the disk any more."""

    path: str
    jobs: int
    pictures: int
    missing: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a card; `data` is a small copy in base64, None where the file is gone. Sizes are in pixels."""

    path: str | None
    link: str
    data: str | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """One job of a family, `depth` steps below the first; `listed` where it has a card on the page."""

    id: str
    depth: int
    prompt: str
    changed: str
    listed: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One job as the page shows it; `text` is what the search looks in."""

    id: str
    prompt: str
    state: str
    text: str
    pictures: tuple[Picture, ...]
    facts: tuple[str, ...]
    differences: tuple[str, ...]
    family: tuple[Member, ...]
    iso: str
    date: str


def gallery(
    jobs: Sequence[JobRecord], families: Mapping[str, Sequence[JobRecord]], small: Mapping[Path, bytes | None]
) -> Iterable[str]:
    """The page, piece by piece; `families` by the id of a job, `small` the copies to show, by the file they are of."""
    from importlib.resources import files

    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("imgen", "screen"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (files("imgen.screen").joinpath(f"gallery.{kind}").read_text("utf-8") for kind in ("css", "js"))
    listed = {job.id for job in jobs}
    return environment.get_template("gallery.html.j2").generate(
        title=f"imgen: {len(jobs)} job{'' if len(jobs) == 1 else 's'}",
        cards=[_card(job, families.get(job.id, ()), listed, small) for job in jobs],
        style=Markup(style),  # noqa: S704 (our own, as the next)
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def is_a_page(path: Path) -> bool:
    """Whether the file is such a page, which another may replace. Raises `OSError`."""
    with path.open("rb") as file:
        return _GENERATOR in file.read(1024)


def _card(job: JobRecord, family: Sequence[JobRecord], listed: set[str], small: Mapping[Path, bytes | None]) -> Card:
    facts = [plain(f"{job.provider}/{job.request.model}"), job.request.resolution, job.request.aspect, cost_text(job)]
    sizes = dict.fromkeys(f"{result.width}x{result.height}" for result in job.results if result.width)
    told = tuple(fact for fact in (*facts, *sizes) if fact)
    prompt = plain(job.request.prompt)
    return Card(
        id=job.id,
        prompt=prompt or "(ordered elsewhere)",
        state=job.state.value,
        text=" ".join([prompt, job.id, job.state.value, job.family or "", *told]).lower(),
        pictures=tuple(_picture(result, small) for result in job.results),
        facts=told,
        differences=tuple(map(plain, job.differences)),
        family=tuple(_members(family, listed)) if len(family) > 1 else (),
        iso=timestamp(job.created_at),
        date=datetime.fromtimestamp(job.created_at, UTC).astimezone().strftime("%Y-%m-%d %H:%M"),
    )


def _picture(result: Result, small: Mapping[Path, bytes | None]) -> Picture:
    path = result.path if result.state is ResultState.SAVED else None
    copy = small.get(path) if path else None
    return Picture(
        path=str(path) if path else None,
        link=path.as_uri() if path else "",
        data=b64encode(copy).decode() if copy else None,
        width=result.width,
        height=result.height,
    )


def _members(family: Sequence[JobRecord], listed: set[str]) -> Iterable[Member]:
    known = {job.id: job for job in family}

    def below(parent: str | None, depth: int) -> Iterable[Member]:
        for job in family:
            if (job.parent_id if job.parent_id in known else None) == parent:
                before = known.get(job.parent_id or "")
                words = ", ".join(changed(job, before)) if before else ""
                yield Member(job.id, min(depth, 4), plain(job.request.prompt), words, job.id in listed)
                yield from below(job.id, depth + 1)

    return below(None, 0)


def _hash(text: str) -> str:
    """As a Content-Security-Policy names what may run."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
