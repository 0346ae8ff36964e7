"""Jobs as one page of pictures that needs nothing beside itself: no network, no other file."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, cast

from imgen.records import ResultState
from imgen.screen.envelope import timestamp
from imgen.screen.family import changed
from imgen.screen.tables import cost_text
from imgen.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from imgen.pictures.thumbnail import Thumbnail
    from imgen.records import JobRecord, Result
    from imgen.screen.console import Streams

_GENERATOR = b'<meta name="generator" content="imgen">'  # as the template has it


@dataclass(frozen=True, slots=True)
class GalleryEntry:
    """The page that was written, and what is on it; `missing` pictures are not on the disk, or cannot be shown."""

    path: str
    jobs: int
    pictures: int
    missing: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a card; `data` is a small copy in base64, None where there is none, for `reason`.

    `name` is the file's own name, `link` its path below the folder of the page: the page may go to anybody, so no
    other path is in it. Sizes are in pixels.
    """

    name: str
    link: str
    data: str | None
    reason: str
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
    model: str
    service: str


def gallery(
    jobs: Sequence[JobRecord],
    families: Mapping[str, Sequence[JobRecord]],
    small: Mapping[Path, Thumbnail],
    folder: Path,
) -> Iterable[str]:
    """The page, piece by piece, the newest job first.

    `families` by the id of a job, `small` the copies to show, by the file they are of; `folder` is where the page
    goes.
    """
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
    filters = (
        ("model", sorted({plain(job.family or job.request.model) for job in jobs})),
        ("service", sorted({plain(job.provider) for job in jobs})),
    )
    return environment.get_template("gallery.html.j2").generate(
        filters=[(name, values) for name, values in filters if len(values) > 1],
        pictures=sum(copy.data is not None for copy in small.values()),
        title=f"imgen: {len(jobs)} job{'' if len(jobs) == 1 else 's'}",
        cards=[
            _card(job, families.get(job.id, ()), listed, [_picture(result, small, folder) for result in job.results])
            for job in sorted(jobs, key=lambda job: job.created_at, reverse=True)
        ],
        style=Markup(style),  # noqa: S704 (our own, as the next)
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


@contextmanager
def progress(streams: Streams, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal while small copies are made; called with how many are done, and how many there are."""
    if quiet or streams.dumb or streams.ci or not streams.stderr_is_terminal:
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from imgen.screen.console import Stderr

    console = Console(
        file=cast(IO[str], Stderr()),
        force_terminal=True,
        color_system="standard" if streams.stderr_color else None,
        width=streams.width,
    )
    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bars:
        task = bars.add_task("pictures")
        yield lambda done, total: bars.update(task, completed=done, total=total)


def is_a_page(path: Path) -> bool:
    """Whether the file is such a page, which another may replace. Raises `OSError`."""
    with path.open("rb") as file:
        return _GENERATOR in file.read(1024)


def _card(job: JobRecord, family: Sequence[JobRecord], listed: set[str], pictures: Sequence[Picture]) -> Card:
    facts = [plain(f"{job.provider}/{job.request.model}"), job.request.resolution, job.request.aspect, cost_text(job)]
    sizes = dict.fromkeys(f"{result.width}x{result.height}" for result in job.results if result.width)
    shown = tuple(fact for fact in (*facts, *sizes) if fact)
    prompt = plain(job.request.prompt)
    return Card(
        id=job.id,
        prompt=prompt or "(ordered elsewhere)",
        state=job.state.value,
        text=" ".join([prompt, job.id, job.state.value, job.family or "", *shown]).lower(),
        pictures=tuple(pictures),
        facts=shown,
        differences=tuple(map(plain, job.differences)),
        family=tuple(_members(family, listed)) if len(family) > 1 else (),
        iso=timestamp(job.created_at),
        date=datetime.fromtimestamp(job.created_at, UTC).astimezone().strftime("%Y-%m-%d %H:%M"),
        model=plain(job.family or job.request.model),
        service=plain(job.provider),
    )


def _picture(result: Result, small: Mapping[Path, Thumbnail], folder: Path) -> Picture:
    path = result.path if result.state is ResultState.SAVED else None
    copy = small.get(path) if path else None
    return Picture(
        name=plain(path.name) if path else f"picture {result.index}",
        link=_link(path, folder) if path else "",
        data=b64encode(copy.data).decode() if copy and copy.data else None,
        reason=copy.reason if copy else "it is not saved",
        width=result.width,
        height=result.height,
    )


def _link(path: Path, folder: Path) -> str:
    """The way from the page to a picture beside or below it; "" where it is elsewhere."""
    from urllib.parse import quote

    if not path.is_relative_to(folder):
        return ""
    return "./" + quote(os.fsencode(path.relative_to(folder).as_posix()))


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
