"""The pictures and the job that an edit goes on from, as the command line names them."""

from __future__ import annotations

import math
import os
import sys
import time
from dataclasses import replace
from glob import glob, has_magic
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem
from imgen.records import latest_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.commands.defaults import ResolvedOrder
    from imgen.config.config import Config
    from imgen.jobs.session import Session
    from imgen.orders.order import Order
    from imgen.orders.references import Basis
    from imgen.pictures.references import Changes
    from imgen.records import JobRecord
    from imgen.screen.console import Streams

EXAMPLE = 'imgen edit "at night" -i fox.png --sandbox'
_STDIN = "-"
_EACH = "{stem}-{slug}-{id}.{ext}"
_FEWEST = 4  # letters of a job's id: one letter too few, and another job's picture is gone on from


def check_words(words: Sequence[str], prompt: str | None, from_job: str | None, streams: Streams) -> None:
    """Raises `UsageProblem` where no picture is named, or standard input would be needed twice or by hand."""
    if not words and from_job is None:
        raise UsageProblem(
            "There is no picture to edit: name one with -i, or a job with --from.",
            EXAMPLE,
            addition=("--from", "last") if prompt and prompt != _STDIN else (),
        )
    if from_job is not None:
        job_id, _, number = from_job.rpartition(":")
        if job_id and number.isdecimal():
            raise UsageProblem("--from takes a job, not one of its pictures.", f"-i {from_job} takes that picture.")
        if len(from_job) < _FEWEST and latest_number(from_job) is None:
            raise UsageProblem(f"{from_job!r} is too short for a job.", f"--from takes {_FEWEST} letters or more.")
    wanted = words.count(_STDIN) + (prompt == _STDIN)
    if wanted > 1:
        raise UsageProblem("Standard input is asked for twice, and can be read once.", EXAMPLE)
    if _STDIN in words and streams.stdin_is_terminal:
        raise UsageProblem("-i - reads a picture, and standard input is this terminal.", EXAMPLE)


def basis_of(
    words: Sequence[str],
    from_job: str | None,
    changes: Changes,
    opened: Session,
    config: Config,
    *,
    unchecked: bool,
    timeout: float | None,
) -> Basis:
    """The pictures that were named, checked, and the job to go on from; `unchecked` as `Basis` has it.

    `timeout` is how many seconds the user waits; None leaves it to the settings. Raises `UsageProblem`.
    """
    from functools import partial

    from imgen.commands.named_jobs import find_jobs, latest_jobs
    from imgen.fleet.collecting import Collector
    from imgen.jobs.uploads import configured_place
    from imgen.orders.references import Basis, check_parent, name_picture
    from imgen.orders.sources import find_source, take_stdin
    from imgen.pictures.prepared import clear

    patience = config.timeout if timeout is None else timeout
    folder = config.folders.references
    clear(folder, time.time())
    collector = Collector.of(opened, config)
    parent = collector.fetched(find_jobs(opened, [from_job])[0]) if from_job is not None else None
    if parent:
        check_parent(parent)
        parent = parent._replace(conversation=opened.ledger.conversations.get(parent.conversation))

    def jobs_with_pictures(name: str) -> list[JobRecord]:
        jobs = latest_jobs(opened, name) or opened.ledger.jobs.find(name)
        named = len({job.run_id for job in jobs}) == 1  # else the name is the start of several
        return [collector.fetched(job) for job in jobs] if named else jobs

    sources = [
        find_source(
            word,
            cwd=config.cwd,
            find_jobs=jobs_with_pictures,
            take_stdin=lambda: take_stdin(sys.stdin.buffer, folder),
        )
        for word in words
    ]
    return Basis(
        pictures=[name_picture(source, opened.ledger) for source in sources],
        parent=parent,
        changes=changes,
        folder=folder,
        network=config.network.open,
        check_storage=partial(configured_place, config),
        unchecked=unchecked,
        deadline=math.inf if patience is None else time.monotonic() + patience,
    )


def bases_of(
    words: Sequence[str],
    from_job: str | None,
    changes: Changes,
    opened: Session,
    config: Config,
    *,
    each: bool,
    unchecked: bool,
    timeout: float | None,
) -> list[Basis]:
    """What the edits of one order go on from: all pictures in one, or `each` by itself. Raises `UsageProblem`."""
    if each and from_job is not None:
        raise UsageProblem("--each is for pictures, and --from names one job.", EXAMPLE)
    together = [[word] for word in words] if each else [words]
    return [
        basis_of(named, from_job, changes, opened, config, unchecked=unchecked, timeout=timeout) for named in together
    ]


def expanded(words: Sequence[str], cwd: Path) -> list[str]:
    """The words with a pattern such as `refs/*.png` as the files that it stands for, by name, where it is no file."""
    found = []
    for word in words:
        files = sorted(glob(word, root_dir=cwd)) if has_magic(word) and not (cwd / word).exists() else []  # noqa: PTH207
        found += files or [word]
    return found


def named_by_picture(resolved: ResolvedOrder, cwd: Path) -> ResolvedOrder:
    """The order with each result named after its own picture, unless -o gives names."""
    run_options = resolved.run_options
    output = run_options.output or ""
    folder = output.endswith(("/", os.sep)) or (run_options.folder or cwd).joinpath(output).expanduser().is_dir()
    if "{" in output or not folder:
        return resolved
    path = os.path.join(output, _EACH)  # noqa: PTH118 (a template is no path)
    return resolved._replace(run_options=run_options._replace(output=path))


def order_of(order: Order, parent: JobRecord | None) -> Order:
    """The order at the service, model and sandbox of the job that it goes on from, unless it names others."""
    if parent is None:
        return order
    elsewhere = order.provider not in (None, parent.provider)
    if elsewhere or (order.model and "/" in order.model):
        return order
    sandbox = order.sandbox or parent.sandbox
    model = order.model
    if model is None and order.channel is None and parent.request.model:
        model = f"{parent.provider}/{parent.request.model}"
    return replace(order, provider=parent.provider, model=model, sandbox=sandbox)
