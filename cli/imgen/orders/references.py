"""The pictures that an edit goes on from, checked and converted into the form that each service takes."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX
from imgen.errors import ImgenError, PictureUnreachable, UsageProblem
from imgen.files import discard, part_path
from imgen.orders.sources import STDIN_NAME, Link, Local, Source, saved_picture
from imgen.pictures.download import DownloadError, DownloadFailed, check_link, fetch
from imgen.pictures.examine import Examined, examine
from imgen.pictures.formats.heif import check_heif, sniff_heif
from imgen.pictures.prepared import keep, usable
from imgen.pictures.references import HEIF_HINT, Changes, checked, limits, reference, sendable
from imgen.pictures.verify import EXTENSIONS, inspect, sniff
from imgen.records import OPEN, JobRecord
from imgen_providers.addresses import is_loopback_host
from imgen_providers.base import PictureLink, Reference
from imgen_providers.conversation import is_conversation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from imgen.ledger.ledger import Ledger
    from imgen.orders.order import Choice
    from imgen_providers.client import Network

_LOOPBACK = "http://127.0.0.1"
_BLOCK = 64 * 1024
_FETCH_SECONDS = 120.0  # for a picture behind a link, however slowly it comes
_HEAD = 512  # bytes: enough to know the type of a file
_WHOLE_LINK = "Give the URL of a whole PNG, JPEG or WebP picture."
_FIT_A_COPY = "Save the picture, and give the file with --fit."


@dataclass(frozen=True, slots=True)
class Named:
    """A picture that the user named. `examined` is None for a link; `made_by` is the job that made these bytes."""

    source: Source
    examined: Examined | None = None
    made_by: str | None = None


def name_picture(source: Source, ledger: Ledger) -> Named:
    """Look at a picture, and whether a job of ours made these very bytes. Raises `UsageProblem`."""
    if isinstance(source, Link):
        return Named(source)
    examined = checked(source.path, source.name)
    if source.job_id and source.sha256 != examined.sha256:
        raise UsageProblem(
            f"The picture of job {source.job_id} was changed since it was saved.",
            f"Name it as a file: -i {source.path}",
        )
    made_by = ledger.jobs.with_picture(examined.sha256)
    # Several jobs may have made the same bytes: the one that was named is meant.
    return Named(source, examined, source.job_id if made_by and source.job_id else made_by)


@dataclass(slots=True)
class Basis:
    """What one edit goes on from: the pictures named, and the job whose conversation goes on.

    `folder` takes the copies of pictures that are made to be sent. `network` opens the way out of this machine, for
    pictures behind links. `check_storage` raises `BadConfiguration` where a service fetches pictures from the user's
    own storage and none is set; it is given the service's title. `unchecked` gives a service a link without a look at
    what is behind it, which this machine may not be able to reach. At `deadline` (seconds of `time.monotonic`) a
    picture behind a link that has not come is given up.
    """

    pictures: Sequence[Named]
    parent: JobRecord | None
    changes: Changes
    folder: Path
    network: Callable[[], Network]
    check_storage: Callable[[str], object]
    unchecked: bool = False
    deadline: float = math.inf
    _fetched: dict[str, Local] = field(default_factory=dict)

    @property
    def parent_id(self) -> str | None:
        """The job that this edit goes on from."""
        if self.parent:
            return self.parent.id
        return next((picture.made_by for picture in self.pictures if picture.made_by), None)

    @property
    def stem(self) -> str | None:
        """The name of the first picture without its suffix, for the names of what comes; None where it has no name."""
        source = self.pictures[0].source if self.pictures else None
        return source.path.stem if isinstance(source, Local) and source.name != STDIN_NAME else None

    def able(self, choices: Sequence[Choice], ledger: Ledger) -> list[Choice]:
        """The choices whose service takes these pictures, each with them in its request.

        Raises the first `ImgenError` where there is none.
        """
        found: list[Choice] = []
        problems: list[ImgenError] = []
        network = self.network()
        try:
            for choice in choices:
                try:
                    found.append(self._with_pictures(choice, ledger, network))
                except ImgenError as problem:
                    problems.append(problem)
        finally:
            network.close()
        if not found:
            raise problems[0]
        return found

    def _with_pictures(self, choice: Choice, ledger: Ledger, network: Network) -> Choice:
        why_not = _not_native(self.parent, choice) if self.parent else None
        native = self.parent is not None and why_not is None
        pictures = list(self.pictures)
        if self.parent and not native:
            source = saved_picture(self.parent, 1, f"the picture of job {self.parent.id}")
            pictures.insert(0, name_picture(source, ledger))
        most = choice.model.max_references
        if choice.listed and len(pictures) > most:
            raise UsageProblem(
                f"{len(pictures)} pictures are too many: {_named(choice)} takes at most {most}.",
                "Leave some out, or choose another model. How many each takes:\nimgen models",
            )
        notes = self._named_jobs()
        if self.parent and why_not:
            notes.append(f"The conversation of job {self.parent.id} {why_not}, so its picture is sent instead.")
        references = tuple(self._reference(picture, choice, network, notes) for picture in pictures)
        conversation = self.parent.conversation if self.parent and native else None
        request = replace(choice.request, references=references, conversation=conversation)
        return choice._replace(request=request, notes=tuple(notes))

    def _named_jobs(self) -> list[str]:
        """Which jobs were named, in sentences: a prefix of an id may be that of another job than the user meant."""
        named = [(p.source.name, p.source.job_id) for p in self.pictures if isinstance(p.source, Local)]
        notes = [f"-i {word} is a picture of job {job_id}." for word, job_id in named if job_id]
        return [f"Goes on from job {self.parent.id}.", *notes] if self.parent else notes

    def _reference(self, picture: Named, choice: Choice, network: Network, notes: list[str]) -> Reference:
        if isinstance(picture.source, Link):
            link = picture.source
            by_link = self._goes_as_link(choice)
            self._check_link(link, choice, by_link=by_link)
            if by_link and choice.origin == SANDBOX and not _is_here(link):
                return PictureLink(link.url)
            if by_link and self.unchecked:
                notes.append(f"{link.name} goes to {choice.entry.title} unchecked.")
                return PictureLink(link.url)
            fetched = self._fetch(link, choice, network, by_link=by_link)
            if by_link:
                _check_behind(link, fetched, choice)
                return PictureLink(link.url)
            with sendable(link.name, _WHOLE_LINK):
                picture = Named(fetched, examine(fetched.path))
        assert picture.examined
        assert isinstance(picture.source, Local)
        if choice.entry.reference_route == "public-url" and choice.origin != SANDBOX:
            self.check_storage(choice.entry.title)
        # A picture that a service made has no metadata of the user's: it goes back as it came.
        changes = replace(self.changes, keep_metadata=self.changes.keep_metadata or picture.made_by is not None)
        return reference(
            picture.examined,
            picture.source.name,
            limits(choice.entry, choice.model),
            changes,
            self.folder,
            notes.append,
        )

    def _goes_as_link(self, choice: Choice) -> bool:
        """Whether a service is given a link itself. One that takes both gets the picture, but for `unchecked`."""
        return choice.entry.reference_route != "data-uri" or (self.unchecked and choice.entry.takes_links)

    def _check_link(self, link: Link, choice: Choice, *, by_link: bool) -> None:
        try:
            check_link(link.url, trusted_origin=_trusted(choice))
        except DownloadError as error:
            raise UsageProblem(
                f"{error.message.rstrip('.')}, so {choice.entry.title} is not given it.",
                "-i takes public https URLs; of anything else, save the picture and name the file.",
            ) from error
        outside = choice.origin == SANDBOX and not _is_here(link)
        if outside and not by_link:
            raise UsageProblem(
                f"{choice.entry.title} takes files, not links, and the sandbox fetches nothing from the network.",
                "Save the picture and name the file.",
            )

    def _fetch(self, link: Link, choice: Choice, network: Network, *, by_link: bool) -> Local:
        """What lies behind a link, as a file of ours: fetched once, and looked at for each service."""
        if link.url in self._fetched:
            return self._fetched[link.url]
        part = part_path(self.folder / "fetched")
        try:
            with usable(self.folder):
                fetch(
                    network,
                    link.url,
                    part,
                    trusted_origin=_trusted(choice),
                    on_bytes=lambda _: None,
                    deadline=min(self.deadline, time.monotonic() + _FETCH_SECONDS),
                )
                with part.open("rb") as file:
                    copy = keep(iter(lambda: file.read(_BLOCK), b""), self.folder, "picture")
        except DownloadError as error:
            raise _unfetchable(link, choice, error, by_link=by_link) from error
        finally:
            discard(part)
        self._fetched[link.url] = Local(copy.path, link.name)
        return self._fetched[link.url]


def _check_behind(link: Link, fetched: Local, choice: Choice) -> None:
    """Check the file behind a link. A service may charge for a broken one and refuse it, or draw without it.

    Raises `UsageProblem`.
    """
    model = choice.model
    taken = model.reference_formats or tuple(EXTENSIONS)
    with sendable(link.name, _WHOLE_LINK):
        with fetched.path.open("rb") as file:
            head = file.read(_HEAD)
        size = fetched.path.stat().st_size
        heif = sniff_heif(head)
        format = sniff(head) or heif
        if format and choice.listed and format not in taken:
            raise UsageProblem(
                f"{link.name} is {format.upper()}; {_named(choice)} takes {', '.join(taken)}.",
                HEIF_HINT if heif else _FIT_A_COPY,
            )
        if heif:
            check_heif(fetched.path)
        else:
            inspect(fetched.path)
    if model.reference_bytes is not None and size > model.reference_bytes:
        raise UsageProblem(
            f"{link.name} has {size / 1e6:.1f} MB;"
            f" {_named(choice)} takes {model.reference_bytes / 1e6:.1f} MB a picture.",
            HEIF_HINT if heif else _FIT_A_COPY,
        )


def check_parent(parent: JobRecord) -> None:
    """Only a finished job can be gone on from. Raises `UsageProblem`."""
    if not parent.results:
        over = parent.state not in OPEN
        raise UsageProblem(
            f"Job {parent.id} has no picture to go on from: it is {parent.state.value}.",
            "Name another job." if over else f"imgen wait {parent.id}",
        )


def _not_native(parent: JobRecord, choice: Choice) -> str | None:
    """Why an edit does not go on in the conversation of a job, in words, empty for one of another model or place.

    A conversation belongs to one model at one place, which signed parts of it. None where it goes on.
    """
    there = (parent.provider, parent.origin, parent.request.model)
    if parent.conversation is None or there != (choice.entry.name, choice.origin, choice.request.model):
        return ""
    if not is_conversation(parent.conversation):
        return "cannot be read"
    limit = choice.entry.inline_limit
    if limit is not None and len(json.dumps(parent.conversation)) > limit:
        return f"is larger than {choice.entry.title} takes in one request"
    return None


def _trusted(choice: Choice) -> str:
    return _LOOPBACK if choice.origin == SANDBOX else choice.origin


def _is_here(link: Link) -> bool:
    return is_loopback_host(link.host)


def _named(choice: Choice) -> str:
    return f"{choice.model.family} at {choice.entry.title}"


def _unfetchable(link: Link, choice: Choice, error: DownloadError, *, by_link: bool) -> ImgenError:
    title, takes = choice.entry.title, by_link or choice.entry.takes_links
    way = f" If only {title} can reach it, --unchecked gives it the link as it is." if takes else ""
    if isinstance(error, DownloadFailed):
        return PictureUnreachable(
            f"{link.name} could not be fetched, so nothing was sent. {error.message}", f"Run the command again.{way}"
        )
    return UsageProblem(f"{link.name} cannot be fetched. {error.message}", f"Give another URL, or a file.{way}")
