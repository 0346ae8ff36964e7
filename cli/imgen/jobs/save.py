"""One finished picture, from the service to its place on disk: fetched, verified, put in place, then recorded."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable, Problem
from imgen.files import discard, new_part, part_path
from imgen.pictures.download import DownloadFailed, LinkDead, LinkRefused, fetch
from imgen.pictures.naming import asked_format, file_name, slug
from imgen.pictures.place import place
from imgen.pictures.template import BadTarget
from imgen.pictures.verify import EXTENSIONS, Damaged, Format, Wanted, differences, inspect, known_format
from imgen.records import JobRecord, Result, ResultState
from imgen_providers.base import InlineAsset, LinkedAsset
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.jobs.connections import Connection
    from imgen.ledger.ledger import Ledger
    from imgen.ledger.owners import Owner
    from imgen_providers.base import Asset
    from imgen_providers.client import Network


@dataclass(frozen=True, slots=True)
class Saved:
    """The picture lies at `path`. `moved` says that its name was taken meanwhile."""

    path: Path
    moved: bool


@dataclass(frozen=True, slots=True)
class NotSaved:
    """The picture is not here. `again` says whether trying again may help, `retry_after` when (seconds)."""

    problem: Problem
    again: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class LinkExpired:
    """The link of the picture no longer works."""


@dataclass(frozen=True, slots=True)
class ClaimedElsewhere:
    """Another living process is saving this picture, or has saved it."""


Ending = Saved | NotSaved | LinkExpired | ClaimedElsewhere


@dataclass(frozen=True, slots=True)
class Saver:
    """What saving needs of this process."""

    ledger: Ledger
    network: Network
    owner: Owner


def save(
    saver: Saver,
    connection: Connection,
    record: JobRecord,
    number: int,
    asset: Asset,
    on_bytes: Callable[[int, int | None], None],
) -> Ending:
    """Save one picture of a job. Raises `LedgerUnusable`; every other trouble is in what it returns."""
    result = record.results[number - 1]
    try:
        part = part_path(_wanted_path(record, number, known_format(record.request.format) or "png"))
    except BadTarget as error:
        return NotSaved(_problem(record, str(error)))
    if not saver.ledger.claim(record.id, number, part, saver.owner.name, saver.owner.is_alive):
        return ClaimedElsewhere()
    if result.part:
        discard(result.part)
    try:
        if found := _already_in_place(saver, record, result):
            return found
        return _fetched(saver, connection, record, number, asset, part, on_bytes)
    except LinkDead:
        return LinkExpired()
    except DownloadFailed as error:
        return NotSaved(_problem(record, str(error)), again=True, retry_after=error.retry_after)
    except Damaged as error:
        return NotSaved(_problem(record, f"What arrived is damaged: {error}"), again=True)
    except (LinkRefused, BadTarget) as error:
        return NotSaved(_problem(record, str(error)))
    except OSError as error:
        reason = error.strerror or str(error)
        return NotSaved(_problem(record, f"{part.parent} cannot take it: {reason}"))
    finally:
        discard(part)
        with suppress(LedgerUnusable):  # whoever comes next sees that this process is dead
            saver.ledger.unclaim(record.id, number, saver.owner.name)


def _fetched(
    saver: Saver,
    connection: Connection,
    record: JobRecord,
    number: int,
    asset: Asset,
    part: Path,
    on_bytes: Callable[[int, int | None], None],
) -> Saved:
    part.parent.mkdir(parents=True, exist_ok=True)
    match asset:
        case LinkedAsset(url):
            fetch(saver.network, url, part, trusted_origin=connection.origin, on_bytes=on_bytes)
        case InlineAsset(data):
            with new_part(part) as file:
                file.write(data)
    picture = inspect(part)
    wanted = _wanted_path(record, number, picture.format)
    unrecorded: LedgerUnusable | None = None
    try:
        saver.ledger.placing(record.id, number, wanted, picture.sha256)
    except LedgerUnusable as error:
        unrecorded = error
    path = place(part, wanted, replaces=record.target.replaces.get(str(wanted)))
    if unrecorded:
        raise LedgerUnusable(
            f"{path} is saved, but not recorded. {unrecorded.message}", unrecorded.hint
        ) from unrecorded
    saver.ledger.saved(record.id, number, path, picture, differences(picture, _order(record)))
    if kept := record.results[number - 1].kept:
        discard(kept)
    return Saved(path, moved=path != wanted)


def _already_in_place(saver: Saver, record: JobRecord, result: Result) -> Saved | None:
    """A process that died after the picture was put in place, and before that was recorded, left it whole."""
    if result.path is None or result.sha256 is None or result.state is not ResultState.READY:
        return None
    try:
        with result.path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != result.sha256:
                return None
        picture = inspect(result.path)
    except (OSError, Damaged):
        return None
    saver.ledger.saved(record.id, result.index, result.path, picture, differences(picture, _order(record)))
    return Saved(result.path, moved=False)


def _wanted_path(record: JobRecord, number: int, format: Format) -> Path:
    return file_name(
        record.target,
        slug=slug(record.request.prompt),
        id=record.id,
        index=record.target.first_index + number - 1,
        ext=EXTENSIONS[format],
        provider=record.provider,
        model=record.family or record.request.model,
        date=datetime.fromtimestamp(record.created_at).astimezone().strftime("%Y-%m-%d"),
    )


def _order(record: JobRecord) -> Wanted:
    model = SERVICES[record.provider].model(record.request.model)
    size = model.size(record.request.aspect, record.request.resolution) if model else None
    # A format that only the file's name asks for is compared too, where the service takes no order for it.
    return Wanted(known_format(record.request.format) or asked_format(record.target.template), size)


def _problem(record: JobRecord, reason: str) -> Problem:
    return Problem(
        "not_saved",
        f"The picture is paid but not saved yet. {reason.rstrip('.')}.",
        f"imgen download {record.id}",
    )
