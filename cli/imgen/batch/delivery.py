"""From a picture as its service sent it to the file of an asset: converted where its path asks for it, never over a
file that is not ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from imgen import files
from imgen.batch.disk import file_sha256
from imgen.batch.lock import Content, Locked, LockedCost
from imgen.batch.paths import BadPath
from imgen.errors import ExitCode, ImgenError
from imgen.money.budget import best_known

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from imgen.batch.asset import Asset
    from imgen.batch.lock import LockFile
    from imgen.batch.paths import Folder
    from imgen.jobs.clock import Clock
    from imgen.records import JobRecord

_LOCK_EVERY = 1.0  # seconds; what the lock lacks after a kill is found in the ledger


class NotDelivered(ImgenError):
    """A picture is here and cannot become the file of its asset."""

    exit_code = ExitCode.NOT_SAVED
    code = "not_delivered"


class FileInTheWay(ImgenError):
    """Something stands at an asset's path that no run may replace."""

    exit_code = ExitCode.DIFFERENT
    code = "file_in_the_way"


@dataclass(frozen=True)
class Rendered:
    """The bytes of an asset's file; `note` is what could not be done to them, as a sentence."""

    data: bytes
    original_sha256: str
    original_size: int
    note: str | None = None

    @cached_property
    def sha256(self) -> str:
        """The hash of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def render(asset: Asset, original: Path, job_id: str | None) -> Rendered:
    """What an asset's file is to hold, from a picture that was made for it; the same bytes at every call.

    Raises `NotDelivered` where the picture cannot be read or may not be converted.
    """
    from imgen.pictures.examine import examine
    from imgen.pictures.fit import converted
    from imgen.pictures.formats import Damaged, OtherFormat
    from imgen.pictures.provenance.tagging import CannotTag, tagged
    from imgen.pictures.verify import Unverified

    wanted = asset.file_format
    note = None
    try:
        found = examine(original)
        data = original.read_bytes()
        if isinstance(found.format, OtherFormat):
            raise NotDelivered(f"The picture came as {found.format.name}, which cannot be converted.", _kept(original))
        wide = asset.max_width is not None and found.width > asset.max_width
        if found.format != wanted and not asset.convert:
            raise NotDelivered(
                f"The picture came as {found.format.upper()}, and convert = false.",
                f"{_kept(original)} Name the asset as what it is, or leave convert out.",
            )
        if wide or found.format != wanted:
            width = asset.max_width
            data = converted(original, found.format, found.orientation, wanted=wanted, max_width=width)
        if asset.tag:
            try:
                data = tagged(data, wanted, job_id or "unknown")
            except CannotTag as error:
                note = f"{asset.path} is not tagged: {error}."
    except (Damaged, Unverified, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise NotDelivered(f"The picture cannot be used: {reason}.", _kept(original)) from error
    return Rendered(data, found.sha256, found.size, note)


def _kept(original: Path) -> str:
    return f"It is kept: {original}."


def put(folder: Folder, asset: Asset, rendered: Rendered, ours: Collection[str]) -> None:
    """Write the file of an asset in one step; of what stands there, only a file with a hash in `ours` is replaced.

    Raises `FileInTheWay`, and `NotDelivered` where the disk does not take it.
    """
    path = folder.path(asset.path)
    try:
        folder.check_target(asset.path)
        there = file_sha256(path)
    except FileNotFoundError:
        there = None
    except BadPath as error:
        raise FileInTheWay(error.message[:1].upper() + error.message[1:], error.hint) from error
    except OSError as error:
        raise FileInTheWay(f"{asset.path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    if there == rendered.sha256:
        return
    if there is not None and there not in ours:
        raise FileInTheWay(
            f"{asset.path} was changed while the run was under way.",
            "imgen batch --adopt takes the file as it is, --force makes it anew.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, rendered.data, mode=files.SHARED)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotDelivered(
            f"{asset.path} cannot be written: {reason}.", "Mend it, and run imgen batch again."
        ) from error


class Deliveries:
    """Puts pictures in their places and their assets into the lock, which is written once a second and at the end.

    `originals` is the folder for pictures as they came; `note` prints a sentence.
    """

    def __init__(
        self, folder: Folder, lock: LockFile, originals: Path, clock: Clock, note: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._originals = originals
        self._clock = clock
        self._note = note
        self._made: dict[str, Locked] = {}
        self._written_at = clock.monotonic()

    def locked(self, path: str) -> Locked | None:
        """An asset as it was made, in this run or before."""
        return self._made.get(path) or self._lock.assets.get(path)

    def deliver(self, asset: Asset, picture: Path, record: JobRecord, made_from: str, ours: Collection[str]) -> Locked:
        """Make an asset's file of a job's picture; a file with a hash in `ours` is replaced.

        Raises `NotDelivered` and `FileInTheWay`.
        """
        rendered = render(asset, picture, record.id)
        put(self._folder, asset, rendered, ours)
        if rendered.note:
            self._note(rendered.note)
        return self._add(_locked(asset, rendered, record, made_from, self._clock.wall()))

    def recognise(
        self, asset: Asset, pictures: Iterable[tuple[JobRecord, Path]], made_from: str
    ) -> tuple[Locked, JobRecord] | None:
        """Lock a file that is what one of the pictures makes; None where it is another one. Raises `OSError`."""
        there = file_sha256(self._folder.path(asset.path))
        for record, picture in pictures:
            try:
                rendered = render(asset, picture, record.id)
            except NotDelivered:
                continue
            if rendered.sha256 == there:
                return self._add(_locked(asset, rendered, record, made_from, self._clock.wall())), record
        return None

    def convert(self, asset: Asset, before: Locked, picture: Path | None, made_from: str) -> Locked | None:
        """Make an asset's file anew from its original; None where that is not here. Raises as `deliver`."""
        source = picture or self._original(asset, before)
        if source is None:
            return None
        rendered = render(asset, source, before.job)
        put(self._folder, asset, rendered, {before.sha256})
        if rendered.note:
            self._note(rendered.note)
        return self._add(
            replace(
                before,
                recipe=made_from,
                sha256=rendered.sha256,
                size=len(rendered.data),
                time=_time(self._clock.wall()),
                original=_original(rendered),
                max_width=asset.max_width,
                tag=asset.tag,
            )
        )

    def write(self, *, at_once: bool = False) -> None:
        """Write the lock, where something is new and a second is over, or `at_once`. Raises `NotDelivered`."""
        now = self._clock.monotonic()
        if not self._made or (not at_once and now - self._written_at < _LOCK_EVERY):
            return
        try:
            self._lock.update(self._made.values())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise NotDelivered(
                f"The lock cannot be written: {reason}.",
                "Every picture is in its place. Mend it, and run imgen batch again: nothing is bought twice.",
            ) from error
        self._made = {}
        self._written_at = self._clock.monotonic()

    def _add(self, locked: Locked) -> Locked:
        self._made[locked.path] = locked
        return locked

    def _original(self, asset: Asset, before: Locked) -> Path | None:
        """The picture that an asset's file was made of, kept by its hash; its own file where it was not changed."""
        from imgen.pictures.prepared import keep

        wanted = before.original.sha256 if before.original else before.sha256
        kept = next(self._originals.glob(f"{wanted}.*"), None)
        if kept is not None and file_sha256(kept) == wanted:
            return kept
        if before.original is None:
            data = self._folder.path(asset.path).read_bytes()
            return keep([data], self._originals, asset.path.rpartition(".")[2]).path
        return None


def _locked(asset: Asset, rendered: Rendered, record: JobRecord, made_from: str, wall: float) -> Locked:
    cost = best_known(record)
    return Locked(
        path=asset.path,
        recipe=made_from,
        sha256=rendered.sha256,
        size=len(rendered.data),
        time=_time(wall),
        original=_original(rendered),
        job=record.id,
        service=record.provider,
        model=record.request.model,
        cost=LockedCost(cost.amount, cost.unit) if cost.amount is not None and cost.unit is not None else None,
        sandbox=record.sandbox,
        max_width=asset.max_width,
        tag=asset.tag,
    )


def _original(rendered: Rendered) -> Content | None:
    same = rendered.original_sha256 == rendered.sha256
    return None if same else Content(rendered.original_sha256, rendered.original_size)


def _time(wall: float) -> str:
    return datetime.fromtimestamp(int(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
