"""Saving the pictures of a finished job: each is fetched, verified, put in place, then recorded, and never twice.

A damaged one goes again, one whose link expired again on a fresh link.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import BadConfiguration, ExitCode, ImgenError, LedgerUnusable, Problem
from imgen.files import SHARED, discard, new_part, part_path, write
from imgen.jobs.problems import comes_back, not_saved, with_link
from imgen.jobs.report import Goal
from imgen.jobs.schedule import LONGEST_RETRY_AFTER
from imgen.jobs.tracked import Done, Go, Next, Pending, Phase, Tracked
from imgen.ledger.jobs import Claim
from imgen.pictures.download import DownloadFailed, LinkDead, LinkRefused, fetch
from imgen.pictures.naming import asked_format, file_name, slug
from imgen.pictures.place import keep_unverified, place
from imgen.pictures.template import BadTarget
from imgen.pictures.verify import (
    EXTENSIONS,
    Damaged,
    Format,
    Picture,
    TooManyPixels,
    Unverified,
    Wanted,
    differences,
    inspect,
    known_format,
)
from imgen.pictures.wrapped import unwrap
from imgen.records import JobRecord, Result, ResultState
from imgen_providers.assets import link_trouble
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imgen.ledger.ledger import Ledger
    from imgen.ledger.sqlite.owners import Owner
    from imgen.pictures.store import PictureStore
    from imgen_providers.client import Network

SAVED_ELSEWHERE_AGAIN = 0.5
"""Seconds between two looks at a job or a picture that another process has in hand."""

_EVERYWHERE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # what no other folder would change
_TRIES = 5
_FIRST_DELAY = 0.5  # seconds before the second try; each further one waits twice as long
_DOWNLOAD_SECONDS = 300.0  # for one picture, however slowly it comes
_EXPIRED_LINKS = 5  # in a row, of a picture whose link should still work


class Saver(NamedTuple):
    """What saving needs of this process.

    With a `store`, pictures that were queued for a fleet are saved there and in no file, since whose order it was is
    elsewhere; `parts` is then the folder for those that are arriving.
    """

    ledger: Ledger
    network: Network
    owner: Owner
    parts: Path
    store: PictureStore | None = None

    def store_of(self, record: JobRecord) -> PictureStore | None:
        """The storage that a job's pictures are saved in; None for a job whose pictures become files.

        Raises `BadConfiguration` where a job was queued for a fleet, and this process knows no storage.
        """
        if record.engine_id is None:
            return None
        if self.store is None:
            raise BadConfiguration(
                f"The picture of {record.id} goes to the storage of the fleet, and IMGEN_STORE is not set here.",
                f"Set IMGEN_STORE as it is for the workers, or leave it to them:\nimgen status {record.id}",
            )
        return self.store

    def check(self, record: JobRecord, goal: Goal) -> None:
        """Raises as `store_of` where a job is to be followed to its pictures."""
        if goal is not Goal.ANSWER:
            self.store_of(record)

    def place(self, record: JobRecord, number: int, format: Format) -> Path:
        """Where a picture goes on this disk, if only until it is stored. Raises `BadTarget`."""
        if self.store_of(record):
            return self.parts / f"{record.id}-{number}.{EXTENSIONS[format]}"
        return _wanted_path(record, number, format)


def claimed(saver: Saver, record: JobRecord, pictures: int) -> Claim | None:
    """This process takes the first `pictures` of a job to save them; None where it has no place for them."""
    try:
        return Claim(
            saver.owner.name, [part_path(_ordered_path(saver, record, number + 1)) for number in range(pictures)]
        )
    except BadTarget:
        return None  # saving them says so


class Saved(NamedTuple):
    """The picture lies at `path`, None for one in the storage. `moved` means that another file had taken its name."""

    path: Path | None
    moved: bool


class NotSaved(NamedTuple):
    """The picture is not here. `again` is whether trying again may help, `retry_after` when (seconds).

    `link_failed` means that what its link gives could not be fetched, or not by us.
    """

    problem: Problem
    again: bool = False
    retry_after: float | None = None
    link_failed: bool = False


class LinkExpired:
    """The picture's link no longer works."""


class NotCopied(ImgenError):
    """A picture is on this disk, and not where it was to be copied."""

    exit_code = ExitCode.NOT_SAVED
    code = "not_saved"


class ClaimedElsewhere:
    """Another running process is saving this picture, or has saved it."""


Outcome = Saved | NotSaved | LinkExpired | ClaimedElsewhere


class _NotStored(Exception):
    """The storage did not take the picture; `again` is whether trying again may help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


class _Stopped(Exception):
    """The waiting ended in the middle of a download."""


# The main thread's half ---------------------------------------------------------------------------------------


def begin(ledger: Ledger, job: Tracked) -> list[int]:
    """The pictures to save now, each of which is then under way; those that have no link at all are expired."""
    job.save_delay = 0.0
    linkless = [result.index for result in job.record.results if result.url is None and not result.is_kept]
    for number in job.unsaved():
        if number in linkless:
            ledger.results.expired(job.record.id, number)
    if linkless or job.read_at is None:  # else it was read when its links came, and a claim looks again
        job.refresh(ledger)
    numbers = job.unsaved()
    job.saving.update(numbers)
    return numbers


def after(ledger: Ledger, job: Tracked, number: int, outcome: Outcome, wall: float, say: Callable[[str], None]) -> Next:
    """What comes next once a picture was saved or not; `wall` is in seconds since 1970."""
    job.refresh(ledger)
    job.saving.discard(number)
    match outcome:
        case Saved(path, moved):
            if moved and path:
                say(f"The name was taken meanwhile, so it is saved as {path.name}.")
        case NotSaved():
            _not_saved(ledger, job, number, outcome)
        case LinkExpired():
            _link_expired(ledger, job, number, wall)
        case ClaimedElsewhere():
            job.activity = "another imgen is saving it"
            job.save_delay = SAVED_ELSEWHERE_AGAIN
    return Pending() if job.saving else after_all(job)


def after_all(job: Tracked) -> Next:
    """No picture of the job is under way any more: those that failed go again together, on fresh links."""
    if not job.unsaved():
        return Done(job.problem if job.given_up else None)
    return Go(Phase.POLL if job.save_tries or job.expired_links else Phase.SAVE, job.save_delay)


def _not_saved(ledger: Ledger, job: Tracked, number: int, outcome: NotSaved) -> None:
    job.problem = outcome.problem
    job.save_tries[number] += 1
    tries = job.save_tries[number]
    if outcome.again and tries < _TRIES:
        job.activity = "download broken, trying again"
        asked_for = min(outcome.retry_after or 0.0, LONGEST_RETRY_AFTER)
        delay = max(_FIRST_DELAY * job.connection.pace * 2.0 ** (tries - 1), asked_for)
        job.save_delay = max(job.save_delay, delay)
    else:
        job.given_up.add(number)
        url = job.record.results[number - 1].url
        if outcome.link_failed and url:
            job.problem = with_link(outcome.problem, url)
        ledger.jobs.set_problem(job.record.id, job.problem)
        job.refresh(ledger)


def _link_expired(ledger: Ledger, job: Tracked, number: int, wall: float) -> None:
    job.expired_links[number] += 1
    times = job.expired_links[number]
    expires_at = job.record.results[number - 1].expires_at
    should_work = expires_at is not None and wall < expires_at
    if times > (_EXPIRED_LINKS if should_work else 1):
        ledger.results.expired(job.record.id, number)
        job.refresh(ledger)
        return
    job.activity = "link expired, polling for a fresh one"
    if times > 1:  # a fresh link may take its time to work everywhere
        job.save_delay = max(job.save_delay, job.connection.pace * 2.0**times)


# The thread's half --------------------------------------------------------------------------------------------


def save(saver: Saver, job: Tracked, number: int, seconds: float) -> Outcome:
    """Save one picture of a job; a download ends after `seconds`. Runs in a thread.

    Raises `LedgerUnusable`; all other trouble is in what it returns.
    """
    record, result = job.record, job.record.results[number - 1]
    try:
        is_mine = result.part is not None and result.fetcher == saver.owner.name
        part = result.part if result.part and is_mine else part_path(_ordered_path(saver, record, number))
        if not saver.ledger.results.claim(record.id, number, part, saver.owner.name):
            return ClaimedElsewhere()
    except BadTarget as error:
        return NotSaved(not_saved(record, str(error), elsewhere=True))
    if result.part:
        discard(result.part)
    try:
        deadline = time.monotonic() + min(seconds, _DOWNLOAD_SECONDS)
        return _already_there(saver, record, result, part) or _fetched(saver, job, record, number, part, deadline)
    except LinkDead:
        return LinkExpired()
    except DownloadFailed as error:
        return NotSaved(not_saved(record, str(error)), again=True, retry_after=error.retry_after, link_failed=True)
    except LinkRefused as error:
        return NotSaved(not_saved(record, str(error)), link_failed=True)
    except _Stopped:
        return NotSaved(not_saved(record, "The waiting ended before it was here"))
    except BadTarget as error:
        return NotSaved(not_saved(record, str(error), elsewhere=True))
    except _NotStored as error:
        return NotSaved(not_saved(record, error.reason), again=error.again)
    except OSError as error:
        reason = f"{part.parent} cannot take it: {error.strerror or error}"
        return NotSaved(not_saved(record, reason, elsewhere=error.errno not in _EVERYWHERE))
    finally:
        discard(part)
        with suppress(LedgerUnusable):  # the next process finds that this one has ended
            saver.ledger.insist(lambda: saver.ledger.results.unclaim(record.id, number, saver.owner.name))


def _fetched(saver: Saver, job: Tracked, record: JobRecord, number: int, part: Path, deadline: float) -> Outcome:
    part.parent.mkdir(parents=True, exist_ok=True)
    result = record.results[number - 1]
    if result.kept:
        try:
            kept = result.kept.open("rb")
        except FileNotFoundError:
            return _not_kept_here(saver, record)
        with kept, new_part(part) as file:
            shutil.copyfileobj(kept, file)
    elif result.url:
        _download(saver, job, number, result.url, part, deadline)
    else:  # it was in the storage, and is not there any more
        return LinkExpired()
    unwrap(part)
    try:
        picture = inspect(part, _wanted(record))
    except Damaged as error:
        return _unverified(job, number, part, _ordered_path(saver, record, number), error)
    picture, untagged = _tagged(part, picture, record) if record.target.tag else (picture, ())
    if store := saver.store_of(record):
        return _put(saver, store, result, part, picture, _differences(picture, record) + untagged)
    wanted = _wanted_path(record, number, picture.format)
    unrecorded: LedgerUnusable | None = None
    try:
        saver.ledger.results.placing(record.id, number, wanted, picture.sha256)
    except LedgerUnusable as error:
        unrecorded = error
    path = place(part, wanted, replaces=record.target.replaces.get(str(wanted)))
    if path != wanted and not unrecorded:
        saver.ledger.results.placing(record.id, number, path, picture.sha256)
    if unrecorded:
        raise LedgerUnusable(
            f"{path} is saved, but not recorded. {unrecorded.message}", unrecorded.hint
        ) from unrecorded
    saver.ledger.results.saved(record.id, number, path, picture, _differences(picture, record) + untagged)
    if result.kept:
        discard(result.kept)
    return Saved(path, moved=path != wanted)


def _not_kept_here(saver: Saver, record: JobRecord) -> Outcome:
    """A file with bytes that came inside an answer is not on this disk."""
    if comes_back(record) or not saver.ledger.is_shared:
        return LinkExpired()  # the service may show it once more
    elsewhere = "it came inside an answer, and is on the disk of the machine that ordered it"
    return NotSaved(not_saved(record, elsewhere, elsewhere=True))


@contextmanager
def _storage_trouble() -> Iterator[None]:
    """What the storage reports, in words; a process without a storage loads nothing of it."""
    from imgen.pictures.storage import StorageTrouble
    from imgen.pictures.store import OtherBytes

    try:
        yield
    except OtherBytes as error:
        raise _NotStored(error.message.rstrip("."), again=False) from error
    except StorageTrouble as error:
        raise _NotStored(error.message.rstrip("."), again=not error.refused) from error


def _put(
    saver: Saver, store: PictureStore, result: Result, part: Path, picture: Picture, differences: tuple[str, ...]
) -> Saved:
    """Put a verified picture into the storage, and record where."""
    results, url = saver.ledger.results, store.url(result.job_id, result.index, picture)
    results.storing(result.job_id, result.index, url, picture.sha256)
    with _storage_trouble():
        store.put(url, part, picture)
    results.stored(result.job_id, result.index, url, picture, differences)
    if result.kept:
        discard(result.kept)
    return Saved(None, moved=False)


def _already_stored(
    saver: Saver, store: PictureStore, record: JobRecord, result: Result, part: Path
) -> Saved | NotSaved | None:
    """As `_already_in_place`, for a picture that was put into the storage, verified or not."""
    with _storage_trouble():
        data = store.read(result.object) if result.object and result.sha256 else None
    if not result.object or data is None or hashlib.sha256(data).hexdigest() != result.sha256:
        return None
    with new_part(part) as file:
        file.write(data)
    unwrap(part)
    try:
        picture = inspect(part, _wanted(record))
    except Damaged as error:
        reason = f"What arrived cannot be verified: {error}. It is kept as {result.object}"
        return NotSaved(not_saved(record, reason))
    found = _differences(picture, record)
    if picture.sha256 != result.sha256:  # it came wrapped
        return _put(saver, store, result, part, picture, found)
    saver.ledger.results.stored(record.id, result.index, result.object, picture, found)
    return Saved(None, moved=False)


def _tagged(part: Path, picture: Picture, record: JobRecord) -> tuple[Picture, tuple[str, ...]]:
    """The verified picture with its tag, or why it has none: what cannot be tagged stays as it came."""
    from imgen.pictures.provenance.tagging import CannotTag, tagged

    try:
        write(part, tagged(part.read_bytes(), picture.format, record.id), mode=SHARED)
        return inspect(part), ()
    except CannotTag as error:
        return picture, (f"tag: {error}",)


def _download(saver: Saver, job: Tracked, number: int, url: str, part: Path, deadline: float) -> None:
    def on_bytes(received: int) -> None:
        if job.stopped:
            raise _Stopped
        job.received[number] = received

    trouble = link_trouble(url.strip())
    if trouble:
        raise LinkRefused(f"Its link cannot be followed: {trouble}.")
    fetch(saver.network, url, part, trusted_origin=job.connection.origin, on_bytes=on_bytes, deadline=deadline)


def _unverified(job: Tracked, number: int, part: Path, wanted: Path, error: Damaged) -> NotSaved:
    """What came is no whole picture of a format we know: again where that may help, else it is kept and named."""
    same_again = isinstance(error, TooManyPixels) or (isinstance(error, Unverified) and error.format.is_picture)
    again = not same_again and job.save_tries[number] + 1 < _TRIES
    reason = f"What arrived cannot be verified: {error}"
    if not again and part.stat().st_size:
        reason += f". It is kept as {keep_unverified(part, wanted)}"
    return NotSaved(not_saved(job.record, reason), again=again)


def _already_there(saver: Saver, record: JobRecord, result: Result, part: Path) -> Saved | NotSaved | None:
    """A picture that an ended process saved and did not record."""
    if store := saver.store_of(record):
        part.parent.mkdir(parents=True, exist_ok=True)
        return _already_stored(saver, store, record, result, part)
    return _already_in_place(saver, record, result)


def _already_in_place(saver: Saver, record: JobRecord, result: Result) -> Saved | None:
    """A process that was killed after the picture was put in place, and before that was recorded, left it whole."""
    if result.path is None or result.sha256 is None or result.state is not ResultState.READY:
        return None
    try:
        with result.path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != result.sha256:
                return None
        picture = inspect(result.path, _wanted(record))
    except (OSError, Damaged):
        return None
    found = _differences(picture, record)
    saver.ledger.results.saved(record.id, result.index, result.path, picture, found)
    return Saved(result.path, moved=False)


def place_copy(record: JobRecord, result: Result) -> Result:
    """Copy a picture that was fetched from the storage to the job's target. Raises `NotCopied`."""
    assert result.path
    assert result.format
    try:
        wanted = _wanted_path(record, result.index, known_format(result.format) or "png")
        part = part_path(wanted)
        with result.path.open("rb") as kept, new_part(part) as file:
            shutil.copyfileobj(kept, file)
        return replace(result, path=place(part, wanted, replaces=None))
    except (BadTarget, OSError) as error:
        raise NotCopied(
            f"The picture is {result.path}, and cannot be copied: {error}.", "Name another place."
        ) from error


def _ordered_path(saver: Saver, record: JobRecord, number: int) -> Path:
    """Where a picture goes if it comes in the format that was ordered."""
    return saver.place(record, number, known_format(record.request.format) or "png")


def _wanted_path(record: JobRecord, number: int, format: Format) -> Path:
    """Where a picture goes. One beyond the order is named after the job's first, with its number behind."""
    extra = number > record.request.count
    path = file_name(
        record.target,
        slug=slug(record.request.prompt),
        id=record.id,
        index=record.target.first_index + (0 if extra else number - 1),
        ext=EXTENSIONS[format],
        provider=record.provider,
        model=record.family or record.request.model,
        aspect=record.request.aspect,
        date=datetime.fromtimestamp(record.created_at).astimezone().strftime("%Y-%m-%d"),
    )
    return path.with_stem(f"{path.stem}-{number}") if extra else path


def _differences(picture: Picture, record: JobRecord) -> tuple[str, ...]:
    """What is not as ordered."""
    return differences(picture, _wanted(record))


def _wanted(record: JobRecord) -> Wanted:
    """What was ordered, as far as it is known."""
    model = SERVICES[record.provider].model(record.request.model)
    size = model.size(record.request.aspect, record.request.resolution) if model else None
    # A format that only the file's name asks for is compared too, where the service takes no order for it.
    return Wanted(known_format(record.request.format) or asked_format(record.target.template), size)
