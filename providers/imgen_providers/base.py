"""The interface every image service implements, and its nouns. Standard library only.

A service submits a paid request, reports how a job stands, and nothing else: it never sleeps, loops,
prints, reads the environment, or downloads results. Only a `ServiceError` is ever raised by it. What it promises
in words here, one contract test (`testing/contract.py`) holds it to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What a JSON text can hold."""

Operation = Literal["generate", "edit"]


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A reference picture on this disk; its bytes are read only while they are sent.

    `size` is in bytes, `sha256` in hexadecimal: the file as it was when the request was recorded.
    """

    path: Path
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PictureLink:
    """A reference picture that the service fetches itself, from a public http(s) URL."""

    url: str


Reference = PictureFile | PictureLink


@dataclass(frozen=True, slots=True)
class Request:
    """What one submit asks of a service, in our words; the service file turns it into the wire's.

    `model` is the service's own id. `aspect`, `resolution` and `format` use the catalogue's spelling
    ("16:9", "0.5K" "1K" "2K" "4K", "png" "jpeg" "webp"); None leaves the choice to the service.
    `extras` go onto the wire as they are. `idempotency_key` is unique per paid job, for who reads one.
    `conversation` is what `Succeeded` of the same service gave with the picture to go on from.
    """

    model: str
    prompt: str
    references: tuple[Reference, ...] = ()
    aspect: str | None = None
    resolution: str | None = None
    format: str | None = None
    count: int = 1
    extras: Mapping[str, Json] = field(default_factory=dict)
    idempotency_key: str | None = None
    conversation: Json = None

    @property
    def operation(self) -> Operation:
        """An edit goes on from pictures; a generation has none."""
        return "edit" if self.references or self.conversation else "generate"


@dataclass(frozen=True, slots=True)
class LinkedAsset:
    """A finished picture behind a URL that expires; fetch it without the API key.

    `url` may be one that no parser takes: it is paid for, so it is kept as it came (`assets.link_trouble`).
    """

    url: str


@dataclass(frozen=True, slots=True)
class InlineAsset:
    """A finished picture that came inside the answer itself, already decoded; its bytes are not verified."""

    data: bytes = field(repr=False)


Asset = LinkedAsset | InlineAsset


@dataclass(frozen=True, slots=True)
class Queued:
    """Accepted and waiting; `position` counts from 1 where the service says it."""

    position: int | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """At work; `progress` is the service's own number from 0 to 1, None where it gives none."""

    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Finished. `assets` may still be empty: some services report the end before their links exist.

    `conversation` is opaque: what the service wants back to go on from this picture. `answered_keys` names the
    fields of an answer without assets ("status", "outcome.media_urls"), for a report of what came instead.
    """

    assets: tuple[Asset, ...]
    conversation: Json = None
    answered_keys: tuple[str, ...] = field(default=(), compare=False)


FailureKind = Literal["failed", "refused", "rate_limited"]


@dataclass(frozen=True, slots=True)
class Failed:
    """Ended without a picture. `refused` means the request itself was at fault (content policy, invalid);
    `rate_limited`, that the service accepted and then had no capacity."""

    reason: str
    code: str | None = None
    kind: FailureKind = "failed"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Stopped at the service, by its owner or by the service."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A state that no document of the service names: keep polling until the deadline, and report it."""

    state: str


Status = Queued | Running | Succeeded | Failed | Cancelled | Unrecognised


@dataclass(frozen=True, slots=True)
class Charge:
    """What a service says a job cost; `amount` is a decimal text in `unit` ("usd" or "credits").

    `computed` is true where it says only what was used, and the amount is that times its published rates.
    """

    amount: str
    unit: str
    computed: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One accepted request. `handle` is what is needed, beside the remote id, to come back tomorrow
    in another process; it holds no key. `charged` is None where the answer does not say it."""

    service: str
    remote_id: str
    status: Status
    handle: Mapping[str, str] = field(default_factory=dict)
    charged: Charge | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Whose money it is: the key, and the origin (scheme and host) it may be sent to, nowhere else."""

    origin: str
    key: str = field(repr=False)
    organization: str | None = None


class Service(Protocol):
    """What every service can do."""

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; the job may already be done.

        Raises a `ServiceError`: `NotSent` when nothing arrived, `Refused` when it cost nothing,
        `Uncertain` for everything else.
        """
        ...

    def refresh(self, job: Job) -> Job:
        """Poll the job once; success is only what the service reports as such. Raises a `ServiceError`."""
        ...

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body `submit` would send; each picture file stands as a short note."""
        ...


@dataclass(frozen=True, slots=True)
class RecentJob:
    """A job the service lists as ours: for finding again one whose reply was lost.

    `payload` is the request as the service kept it; `created_at` is in seconds since 1970, UTC.
    """

    job: Job
    model: str
    payload: Json
    created_at: float


@runtime_checkable
class ListsRecent(Protocol):
    """A service that can list what was submitted lately."""

    def recent(self, request: Request, since: float) -> Sequence[RecentJob]:
        """Jobs like `request` (same model and payload) that a submit begun then may have made, oldest first.

        `since` is in seconds since 1970.
        """
        ...

    def latest(self, model: str, since: float) -> Sequence[RecentJob]:
        """Every job of a model that was made since then (seconds since 1970), oldest first."""
        ...


@runtime_checkable
class StopsJobs(Protocol):
    """A service that can be asked not to begin, or not to go on with, a job that it has accepted."""

    def stop(self, job: Job) -> None:
        """Ask for it, once; whether it still helped is in the next `refresh`. Raises a `ServiceError`."""
        ...


@runtime_checkable
class ListsModels(Protocol):
    """A service that can say which models it has today."""

    def models(self) -> Sequence[str]:
        """The service's own model ids."""
        ...


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A price that a service lists today: a decimal text in dollars, for one of `per` ("token of output_image")."""

    amount: str
    per: str


@runtime_checkable
class ListsPrices(Protocol):
    """A service that can say what a model of its list costs today."""

    def prices(self, model: str) -> Sequence[ListedPrice]:
        """All that is charged for a request of the model, each price once; asks once."""
        ...


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left in the account; `amount` is a decimal text in `unit` ("usd" or "credits").

    `amount` is None where the service answered, and its answer holds no amount that can be read: the key is good.
    `submits_per_minute` is the account's own rate limit, where the service names one.
    """

    amount: str | None
    unit: str
    submits_per_minute: int | None = None


@runtime_checkable
class ReportsBalance(Protocol):
    """A service that can say what is left to spend."""

    def balance(self) -> Balance:
        """Ask once for the balance."""
        ...


@runtime_checkable
class TakesUploads(Protocol):
    """A service with a place of its own for reference pictures."""

    def upload(self, picture: PictureFile) -> PictureLink:
        """Put the picture where the service can fetch it, before the submit; costs nothing."""
        ...


@runtime_checkable
class ReadsAnswers(Protocol):
    """A service whose whole answer to a submit can be read again later, from the bytes that were kept of it."""

    def read_answer(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Job:
        """The job in a 2xx answer to the submit of `request`, whose body is whole. Sends nothing.

        `headers` may be empty: then the job is called by the request's own key. Raises `Uncertain` where the answer
        is not one that this service's documents describe.
        """
        ...


class Spool(Protocol):
    """Where the answer to one paid request is kept on disk while it arrives; a disk that fails raises nothing here."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """A 2xx answer begins, with these headers."""
        ...

    def write(self, piece: bytes) -> None:
        """The next bytes of its body, as they come."""
        ...

    def end(self) -> None:
        """All of it has come."""
        ...
