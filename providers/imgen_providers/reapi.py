"""reAPI: Gemini images as asynchronous tasks, four at most in one (seed 003, reference 3, 2026-11-20)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import AliasChoices, BaseModel, Field

from imgen_providers.base import (
    Balance,
    Cancelled,
    Charge,
    Failed,
    Job,
    Json,
    LinkedAsset,
    PictureLink,
    Queued,
    Request,
    Running,
    Status,
    Succeeded,
    Unrecognised,
)
from imgen_providers.client import Api, Explanation, explain, names_content_policy, shown
from imgen_providers.errors import (
    Busy,
    ContentRefused,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    RateLimited,
    ServiceError,
    Uncertain,
)

if TYPE_CHECKING:
    from imgen_providers.base import Account
    from imgen_providers.client import Answer, Network

_CONTENT_POLICY = "80006"
_MOST_CREDITS = 1_000_000  # for one task: a thousand dollars, more than any costs
_VERDICTS: dict[str, type[ServiceError]] = {
    # The error catalogue (reference 3.1, 2026-11-20). An unlisted code means what its HTTP status means.
    **dict.fromkeys(("10001", "10002", "10003", "10004", "10005", "10006"), KeyRefused),
    **dict.fromkeys(("20001", "20002", "20003", "20004", "20005", "20006", "20007"), InvalidRequest),
    "30001": NoCredit,
    "30002": InvalidRequest,  # no price is known for this model
    "40001": JobNotFound,
    "50001": RateLimited,
    "60001": Busy,  # could not store the task, "credits refunded"
    "60002": Busy,  # could not start the task, "credits refunded"
    "60099": Uncertain,  # "Internal error": nothing is said of the credits
    "70001": Busy,  # its own scheduler is down, before any charge
    "70002": Busy,  # its own database is down, before any charge
    _CONTENT_POLICY: ContentRefused,
}


class _Accepted(BaseModel):
    # The prose of seed 003 calls it "task_id", its JSON "id".
    id: str = Field(min_length=1, validation_alias=AliasChoices("id", "task_id"))


class _Output(BaseModel):
    image_urls: list[str] | None = None


class _Task(BaseModel):
    # "null until the task finishes" says seed 003, whose submit example has no such key at all.
    status: str
    output: _Output | None = None
    error: object = None
    usage: object = None


class _Balance(BaseModel):
    balance: Decimal


class ReApi:
    """Submits one task for one to four pictures; references are public links, fetched by the service."""

    def __init__(self, account: Account, network: Network) -> None:
        headers = {"Authorization": f"Bearer {account.key}"}
        self._api = Api("reapi", account, network, headers=headers, explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once."""
        path, body = _wire(request)
        # Offered by what looks like reAPI's own client; what the server does with it is not documented
        # (reference 3.4, 2026-11-20), so nothing here relies on it.
        headers = {"Idempotency-Key": request.idempotency_key} if request.idempotency_key else {}
        answer = self._api.post_once(path, body, headers)
        accepted = self._api.read(answer, _Accepted, paid=True)
        return Job("reapi", accepted.id, Running())

    def refresh(self, job: Job) -> Job:
        """Ask once how the task stands; that is free."""
        answer = self._api.get(f"/api/v1/tasks/{quote(job.remote_id, safe='')}")
        task = self._api.read(answer, _Task, paid=False)
        return replace(job, status=_status(task), charged=_charge(task.usage))

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def balance(self) -> Balance:
        """What is left, in credits: $0.001 each, says a public client (reference 3.4, 2026-11-20)."""
        answer = self._api.get("/api/v1/balance")
        return Balance(str(self._api.read(answer, _Balance, paid=False).balance), "credits")


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    optional = {
        "size": request.aspect,
        # Seed 003 takes both cases; the site lists lower case, and some models insist (reference 3.3).
        "resolution": request.resolution and request.resolution.lower(),
        "image_urls": _links(request),
    }
    body: dict[str, object] = {"model": request.model, "prompt": request.prompt, "n": request.count}
    body |= {name: value for name, value in optional.items() if value is not None}
    return "/api/v1/images/generations", body | dict(request.extras)


def _links(request: Request) -> list[str] | None:
    links = [reference.url for reference in request.references if isinstance(reference, PictureLink)]
    if len(links) < len(request.references):
        raise InvalidRequest("reAPI fetches reference pictures itself: give a public http(s) link, not a file.")
    return links or None


def _status(task: _Task) -> Status:
    # Seed 003 documents processing, completed and failed; a relay in the wild tolerates the others
    # (reference 3.2, 2026-11-20).
    match task.status.lower():
        case "queued" | "pending":
            return Queued()
        case "processing" | "running" | "in_progress":
            return Running()
        case "completed" | "succeeded" | "success":
            links = task.output.image_urls if task.output else None
            return Succeeded(tuple(LinkedAsset(link) for link in links or ()))
        case "failed":
            return _failed(task.error)
        case "cancelled" | "canceled":
            return Cancelled()
        case _:
            return Unrecognised(task.status)


def _charge(usage: object) -> Charge | None:
    # No document has it; a public client counts "usage.credits" of its finished video tasks (2026-11-21).
    said = usage.get("credits") if isinstance(usage, dict) else None
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        amount = Decimal(str(said))
    except InvalidOperation:
        return None
    return Charge(f"{amount:f}", "credits") if amount.is_finite() and 0 < amount < _MOST_CREDITS else None


def _failed(error: object) -> Failed:
    # An object with code and message (seed 003); a relay has met a plain text (reference 3.2, 2026-11-20).
    code = message = None
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
    reason = str(message or error or "reAPI gave no reason")
    refused = str(code) == _CONTENT_POLICY or names_content_policy(reason)
    return Failed(reason, str(code) if code is not None else None, "refused" if refused else "failed")


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    return replace(explanation, verdict=_VERDICTS.get(explanation.code or ""))
