"""One HTTP exchange as the embedded services see it: the request, and the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import re

    from imgen_providers.sandbox.fields import BadField
    from imgen_providers.sandbox.store import Order, Standing, StoredJob


@dataclass(frozen=True, slots=True)
class Call:
    """One request: header names in lower case, the body whole, and the origin the client knows us by.

    `place` holds the parts of the path that its route names.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    origin: str
    place: Mapping[str, str] = field(default_factory=dict)

    def bearer(self) -> str | None:
        """The key behind "Bearer", "" where the header has another form, None without the header."""
        value = self.headers.get("authorization")
        if value is None:
            return None
        scheme, _, key = value.partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def key(self) -> str:
        """The key in every form a service takes: behind "Bearer" or "Key", alone, or as Google's; "" without one."""
        if google := self.headers.get("x-goog-api-key") or self.query.get("key"):
            return google
        value = self.headers.get("authorization", "").strip()
        scheme, _, key = value.partition(" ")
        return key.strip() if scheme.lower() in ("bearer", "key") else value


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `sent` is how many bytes of the body really leave (None: all of them) before the
    connection closes, and `seconds` how long they take."""

    status: int
    body: bytes = field(repr=False)
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    seconds: float = 0.0


def json_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, json.dumps(body).encode(), headers=headers or {})


class Hangup(Exception):
    """The connection ends here without an answer; `abrupt` with a reset instead of an orderly close."""

    def __init__(self, why: str, *, abrupt: bool = False) -> None:
        super().__init__(why)
        self.abrupt = abrupt


TroubleKind = Literal[
    "bad-key", "rate-limited", "no-credit", "content-policy", "server-error", "not-found", "wrong-method"
]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A refusal that every service knows, each in its own words; `status` is that of a server error.

    `seconds` is how long to wait after one for the rate.
    """

    kind: TroubleKind
    status: int = 500
    seconds: float = 0.0


Question = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One documented path. A submit makes a job, a status names one, any other question answers itself.

    `header`, in lower case, distinguishes two services with one path.
    """

    method: str
    pattern: re.Pattern[str]
    role: Literal["submit", "status"] | Question
    header: str | None = None


class Wire(Protocol):
    """One embedded service: how it reads an order, and how it words every answer."""

    name: str
    routes: tuple[Route, ...]

    def new_id(self) -> str:
        """A name for a new job, in the form that the service's documents show."""
        ...

    def refuses_key(self, call: Call, /) -> Reply | None:
        """The 401 answer when the call has no usable key; any non-empty key is usable."""
        ...

    def order(self, call: Call, /) -> Order:
        """What a submit asks for. Raises `BadField` when no document allows it."""
        ...

    def accepted(self, job: StoredJob, standing: Standing, origin: str, /) -> Reply:
        """The answer to the submit that made this job."""
        ...

    def status(self, job: StoredJob, standing: Standing, origin: str, /) -> Reply:
        """The answer to the question how this job stands."""
        ...

    def bad_field(self, bad_field: BadField, /) -> Reply:
        """The refusal of one wrong field."""
        ...

    def trouble(self, trouble: Trouble, /) -> Reply:
        """The refusal that has nothing to do with the fields."""
        ...
