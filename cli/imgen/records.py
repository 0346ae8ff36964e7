"""What the ledger holds, as frozen records. Times are seconds since 1970, UTC; amounts are decimal texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from imgen_providers.rows import pictures_ordered

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.errors import Problem
    from imgen.pictures.target import Target
    from imgen_providers.base import Json, Request


class State(StrEnum):
    """Where a job stands. `ready`, `saved` and `expired` derive from its results; the others are stored."""

    PLANNED = "planned"  # nothing sent
    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"  # finished there, not here
    SAVED = "saved"
    FAILED = "failed"
    CANCELLED = "cancelled"  # there, or never sent
    EXPIRED = "expired"  # paid, and the link expired before it was saved
    UNCERTAIN = "uncertain"  # no reply to the submit; may be charged


OPEN = frozenset({State.PLANNED, State.SUBMITTING, State.QUEUED, State.RUNNING, State.READY})
"""States of jobs that are not over: an imgen process has more to do for them."""


class ResultState(StrEnum):
    """Where one picture of a job stands."""

    READY = "ready"
    SAVED = "saved"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job costs as far as we know: `amount` None is unknown, never 0.

    `computed` is true of a charge where the service reports only what was used: that times its published rates.
    """

    amount: str | None
    unit: str | None
    computed: bool = False


UNKNOWN = Cost(None, None)


@dataclass(frozen=True, slots=True)
class Result:
    """One picture of a job. `index` counts from 1 within the job. `differences` is what is not as ordered.

    `kept` is the file with the bytes of a picture that came inside an answer, which the service may send only once.
    `part` is the unfinished file of the process that is downloading it, and `fetcher` that process (an owner). `path`
    is set just before the picture is put there, so a `ready` result with a path may already lie in place. `size` is
    in bytes. `object` is its URL in an object storage, where it is saved there and not in a file: a `ready` result
    without a link came inside an answer, and its bytes are there already.
    """

    job_id: str
    index: int
    state: ResultState
    url: str | None = field(repr=False, default=None)
    expires_at: float | None = None
    fetcher: str | None = None
    part: Path | None = None
    kept: Path | None = None
    path: Path | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    sha256: str | None = None
    differences: tuple[str, ...] = ()
    object: str | None = None

    @property
    def never_saved(self) -> bool:
        """Whether it was paid for and its link expired before it was ever saved; a saved one has a size."""
        return self.state is ResultState.EXPIRED and self.size is None

    @property
    def is_kept(self) -> bool:
        """Whether its bytes came inside an answer, and are on this disk or in the storage."""
        return self.kept is not None or (self.object is not None and self.url is None)

    @property
    def behind_link(self) -> bool:
        """Whether it is still to be saved from behind a link."""
        return self.state is ResultState.READY and not self.is_kept


class JobRecord(NamedTuple):
    """One row of the ledger with its results; `origin` is "sandbox", or the scheme and host it was sent to.

    `parent_id` is the job whose picture this one goes on from. `cost` is the price when it was ordered, `charged`
    what the service reported; `project` is the folder it belongs to. A `resubmitted` one was uncertain when the same
    request was sent again. `engine_id` is its place in the queue of a fleet's workers, None outside of one.
    """

    id: str
    run_id: str
    request_key: str
    provider: str
    origin: str
    family: str | None
    request: Request
    target: Target
    state: State
    owner: str | None
    created_at: float
    submitted_at: float | None
    accepted_at: float | None
    finished_at: float | None
    remote_id: str | None
    handle: dict[str, str]
    conversation: Json
    cost: Cost
    problem: Problem | None
    forgotten_at: float | None
    results: tuple[Result, ...]
    parent_id: str | None = None
    charged: Cost = UNKNOWN
    project: str | None = None
    resubmitted: bool = False
    engine_id: int | None = None

    @property
    def sandbox(self) -> bool:
        """Whether the job was made in the sandbox: it cost nothing."""
        return self.origin == "sandbox"

    @property
    def released(self) -> bool:
        """True after `imgen forget`, not after `--resubmit`: then it may have been charged all the same."""
        return self.forgotten_at is not None and not self.resubmitted

    @property
    def is_from_storage(self) -> bool:
        """Whether its pictures were found in a fleet's storage: the service's own id and its charge are not known."""
        return self.remote_id == self.id and self.charged.amount is None

    @property
    def ordered(self) -> int | None:
        """How many pictures its request asks for, with those of its options; None where that is not known."""
        if not self.request.model:  # ordered elsewhere and adopted
            return None
        return pictures_ordered(self.request.count, self.request.extras)

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as ordered: too few pictures or too many, and what differs in each."""
        ordered, got = self.ordered, len(self.results)
        count = (f"count: ordered {ordered}, got {got}",) if ordered and got and got != ordered else ()
        return count + tuple(difference for result in self.results for difference in result.differences)

    @property
    def expires_at(self) -> float | None:
        """When the first link of a picture not yet saved expires, where that is known."""
        times = [result.expires_at for result in self.results if result.behind_link and result.expires_at is not None]
        return min(times, default=None)

    @property
    def is_kept(self) -> bool:
        """Whether every picture that is still to be saved came with an answer, and is at hand."""
        return all(result.is_kept for result in self.results if result.state is ResultState.READY)

    @property
    def never_saved(self) -> int:
        """How many of its pictures were paid for and never saved."""
        return sum(result.never_saved for result in self.results)


_ID_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"  # none that read alike, and no vowel that spells a word but a and e


def new_id() -> str:
    """A short id for a job, easy to type; the ledger draws another where it is taken. Older jobs have six letters."""
    import secrets  # slow to import, and TAB reads this file

    return "".join(secrets.choice(_ID_LETTERS) for _ in range(8))


def latest_number(name: str) -> int | None:
    """Which order a word such as `last` or `-2` stands for, counted back from the latest one; None for others."""
    if name == "last":
        return 1
    found = re.fullmatch(r"[-@]([1-9]\d{0,3})", name, re.ASCII)
    return int(found[1]) if found else None


class Draft(NamedTuple):
    """A job about to be recorded; the ledger gives it another id where this one is taken."""

    id: str
    run_id: str
    request_key: str
    provider: str
    origin: str
    family: str | None
    request: Request
    target: Target
    cost: Cost
    parent_id: str | None = None
    project: str | None = None

    def with_id(self, job_id: str) -> Draft:
        """The same job under another id, which its idempotency key names."""
        key = self.request.idempotency_key
        if key is not None and key.endswith(self.id):
            key = key.removesuffix(self.id) + job_id
        return self._replace(id=job_id, request=replace(self.request, idempotency_key=key))
