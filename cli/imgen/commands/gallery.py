"""imgen gallery: a page of pictures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import SANDBOX, load
from imgen.errors import SANDBOX_EXAMPLE, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from imgen.errors import Problem
    from imgen.jobs.session import Session
    from imgen.pictures.thumbnail import Original, Thumbnail
    from imgen.records import JobRecord
    from imgen.screen.console import Streams

_NAME = "gallery.html"


def gallery(
    jobs: options.Ids = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The page, a folder for it, or - for a pipe. Default: gallery.html.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=0, metavar="N", help="How many of the latest jobs; 0 for all.")
    ] = 200,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Write one HTML page of saved pictures.

    It shows prompts, settings and costs, and has a search. It holds small copies of the pictures, so the page can be
    sent to other people.

    Examples:
        imgen gallery
        imgen gallery -n 50 -o best.html
    """
    from imgen.commands.reporting import report_not_fetched, standard_streams
    from imgen.fleet.collecting import Collector
    from imgen.jobs.session import session
    from imgen.pictures.thumbnail import thumbnails
    from imgen.screen.console import err, out, out_bytes, out_path
    from imgen.screen.envelope import envelope
    from imgen.screen.failure import failure_lines
    from imgen.screen.gallery import GalleryEntry, progress
    from imgen.screen.gallery import gallery as page

    config = load(profile)
    streams = standard_streams(config)
    target = _page(config.cwd, output)
    if output == "-":
        _check_stdout(streams, json=json)
    else:
        _check_file(target, overwrite=overwrite)
    with session(config, err) as opened:
        found = _wanted(opened, jobs, limit, sandbox=sandbox)
        waiting = jobs or opened.open_jobs(sandbox=sandbox)
        families = {job.id: opened.ledger.jobs.family(job.id) for job in found}
        found, left = Collector.of(opened, config).fetched_all(found)
        report_not_fetched(left.values(), streams)
    with progress(streams, quiet=quiet or json) as on_done:
        small = thumbnails(_originals(found), config.folders.data / "thumbnails", on_done)
    if not small:
        outcome = "No job is saved yet." if not jobs else "There is no saved picture in what was named."
        raise UsageProblem(
            outcome, " ".join(["imgen wait", *(job.id for job in found)]) if waiting else SANDBOX_EXAMPLE
        )
    pieces = page(found, families, small, target.parent)
    missing = sum(copy.data is None for copy in small.values())
    if output == "-":
        out_bytes("".join(pieces).encode())
    else:
        _write(target, pieces)
    if json:
        entry = GalleryEntry(str(target), len(found), len(small) - missing, missing)
        out(envelope("gallery", exit_code=0, data=("gallery", entry)))
    elif output != "-":
        out_path(target)
    if missing and not (json or quiet):
        for problem in _not_shown(found, small):
            err(failure_lines(problem, color=streams.stderr_color, width=streams.stderr_width))
    return 0


def _wanted(opened: Session, jobs: Sequence[str] | None, limit: int, *, sandbox: bool) -> list[JobRecord]:
    """The jobs to show: those named, or the latest that are saved. Raises `UsageProblem`."""
    from imgen.commands.named_jobs import find_jobs
    from imgen.ledger.queries import Wanted
    from imgen.records import State

    if opened.is_new:
        raise UsageProblem("Nothing was made yet.", SANDBOX_EXAMPLE)
    if jobs:
        return find_jobs(opened, jobs)
    return opened.ledger.jobs.history(Wanted(state=State.SAVED, origin=SANDBOX if sandbox else None), limit)[0]


def _page(cwd: Path, output: str | None) -> Path:
    """Where the page goes: a folder gets `gallery.html`."""
    given = output or _NAME
    target = cwd / given
    return target / _NAME if given.endswith(("/", os.sep)) or target.is_dir() else target


def _check_stdout(streams: Streams, *, json: bool) -> None:
    if streams.stdout_is_terminal:
        raise UsageProblem("-o - would write a page to this terminal.", "imgen gallery -o - > page.html")
    if json:
        raise UsageProblem("-o - and --json both want standard output.", "Leave one of them out.")


def _check_file(target: Path, *, overwrite: bool) -> None:
    from imgen.pictures.naming import BadTarget, check_no_stream
    from imgen.screen.gallery import is_a_page

    try:
        check_no_stream(target, str(target))
        if not overwrite and target.exists() and not (target.is_file() and is_a_page(target)):
            raise UsageProblem(f"{target} exists already.", "Name another one with -o, or add --overwrite.")
    except BadTarget as error:
        raise UsageProblem(error.message, "imgen gallery -o - > page.html") from error
    except OSError as error:
        reason = error.strerror or error
        raise UsageProblem(f"{target} cannot be read: {reason}.", "Name another one with -o.") from error


def _not_shown(jobs: Sequence[JobRecord], small: Mapping[Path, Thumbnail]) -> Iterator[Problem]:
    from imgen.errors import Problem

    for path, copy in small.items():
        if copy.data is None and not copy.gone:
            yield Problem("not_shown", f"{path} is not shown: {copy.reason}.", None)
    gone = {path for path, copy in small.items() if copy.gone}
    if not gone:
        return
    ids = [job.id for job in jobs if any(result.path in gone for result in job.results)]
    are = "is not where it was" if len(gone) == 1 else "are not where they were"
    yield Problem(
        "gone",
        f"{len(gone)} of {len(small)} pictures {are} saved.",
        f"While the service still has what was made:\nimgen download {' '.join(ids)}",
    )


def _originals(jobs: Sequence[JobRecord]) -> list[Original]:
    from imgen.pictures.thumbnail import Original
    from imgen.records import ResultState

    saved = (result for job in jobs for result in job.results if result.state is ResultState.SAVED)
    return [Original(result.path, result.size, result.sha256) for result in saved if result.path]


def _write(target: Path, pieces: Iterable[str]) -> None:
    """Write the page beside its place first: one that was there stays whole until the new one is."""
    from imgen.files import SHARED, replacement

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacement(target, mode=SHARED) as file:
            file.writelines(piece.encode() for piece in pieces)
    except OSError as error:
        raise UsageProblem(
            f"{target} cannot be written: {error.strerror or error}.", "Name another place with -o."
        ) from error
