"""reAPI: Gemini images as asynchronous tasks, four at most in one (seed 003, reference 3, 2026-11-20)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from imgen_providers.assets import came_after_all, read_assets, read_elsewhere, read_results
from imgen_providers.base import (
    Balance,
    Cancelled,
    Charge,
    Failed,
    Job,
    Json,
    PictureLink,
    Queued,
    Request,
    Running,
    Status,
    Unrecognised,
)
from imgen_providers.client import Api, Explanation, explain, names_content_policy, shown, words
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
from imgen_providers.fields import Field, Fields, Record, amount, anything, common_state
from imgen_providers.identifiers import identifier

if TYPE_CHECKING:
    from imgen_providers.base import Account
    from imgen_providers.client import Answer, Network

_CONTENT_POLICY = "80006"
_NEWER_MODELS = "nano-banana"  # "aspect_ratio" in place of "size", one picture a request (reference 3.3, 2026-11-20)
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


# The prose of seed 003 calls it "task_id", its JSON "id".
_ID_NAMES = ("id", "task_id")


class _Task(Record):
    results_in = "output"
    # "null until the task finishes" says seed 003 of the output, whose submit example has no such key at all.
    id = Field(anything)
    output = Field(anything)
    error = Field(anything)
    usage = Field(anything)
    input = Field(anything)  # no document has it; an echo would hold pictures that are no results


class _Balance(Fields):
    error = Field(anything)
    balance = Field(amount)


class ReApi:
    """Submits one task for one to four pictures; references are public links, fetched by the service."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        headers = {"Authorization": f"Bearer {account.key}"}
        self._api = Api("reapi", account, network, headers=headers, id_names=_ID_NAMES, explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once."""
        path, body = _wire(request)
        # Accepted and without effect: "every POST is a new task" (its own API page, reference reAPI 1, 2026-11-25).
        # It costs nothing to send, and nothing here relies on it.
        headers = {"Idempotency-Key": request.idempotency_key} if request.idempotency_key else {}
        answer = self._api.post_once(path, body, headers)
        task = self._api.read(answer, _Task, paid=True)
        return self._api.accepted(
            answer,
            self._status(task) or Queued(),
            remote_id=identifier(task.id),
            inline_name=request.idempotency_key,
        )

    def refresh(self, job: Job) -> Job:
        """Poll the task once; that is free."""
        if self._api.came_inline(job):
            raise JobNotFound("reAPI sent these pictures with its answer only, and cannot be asked for them again.")
        answer = self._api.get(f"/api/v1/tasks/{quote(job.remote_id, safe='')}")
        task = self._api.read(answer, _Task, paid=False)
        status = self._status(task)
        if status is None:
            raise self._api.unexpected(answer, paid=False)
        return replace(job, status=status, charged=_charge(task.usage))

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def balance(self) -> Balance:
        """What is left, in credits: $0.001 each, as a public client notes (reference 3.4, 2026-11-20)."""
        answer = self._api.get("/api/v1/balance")
        found = self._api.read(answer, _Balance, paid=False)
        if found.error:
            raise self._api.unexpected(answer, paid=False)
        return Balance(None if found.balance is None else f"{found.balance:f}", "credits")

    def _status(self, task: _Task) -> Status | None:
        """None where the answer has neither a state nor pictures; those are an end without the word."""
        if task.status is None:
            found = read_results(task.output, base=self._origin)
            return self._api.finished(found, task.given()) if found else None
        # Seed 003 documents processing, completed and failed; a relay in the wild tolerates the others
        # (reference 3.2, 2026-11-20).
        match common_state(task.status):
            case "queued":
                return Queued()
            case "running":
                return Running()
            case "succeeded":
                found = read_results(task.output, base=self._origin)
                return self._api.finished(found or read_elsewhere(task.others(), base=self._origin), task.given())
            case "failed":
                return came_after_all(_failed(task.error), read_assets(task.output, base=self._origin))
            case "cancelled":
                return Cancelled()
            case _:
                return Unrecognised(task.status)


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    newer = request.model.startswith(_NEWER_MODELS)
    optional = {
        "aspect_ratio" if newer else "size": request.aspect,
        # Seed 003 takes both cases; the site lists lower case, and some models insist (reference 3.3).
        "resolution": request.resolution and request.resolution.lower(),
        "image_urls": _links(request),
    }
    body: dict[str, object] = {"model": request.model, "prompt": request.prompt}
    if not newer:  # they have no "n", and the service refuses fields that it does not know (reference 3.3)
        body["n"] = request.count
    body |= {name: value for name, value in optional.items() if value is not None}
    return "/api/v1/images/generations", body | dict(request.extras)


def _links(request: Request) -> list[str] | None:
    links = [reference.url for reference in request.references if isinstance(reference, PictureLink)]
    if len(links) < len(request.references):
        raise InvalidRequest("reAPI fetches reference pictures itself: give a public http(s) link, not a file.")
    return links or None


def _charge(usage: Json) -> Charge | None:
    # No document has it; a public client counts "usage.credits" of its finished video tasks (2026-11-21).
    found = amount(usage.get("credits")) if isinstance(usage, dict) else None
    return Charge(f"{found:f}", "credits") if found is not None and 0 < found < _MOST_CREDITS else None


def _failed(error: Json) -> Failed:
    # An object with code and message (seed 003); a relay has met a plain text (reference 3.2, 2026-11-20).
    code = identifier(error.get("code")) if isinstance(error, dict) else None
    reason = words(error) or "reAPI gave no reason"
    refused = code == _CONTENT_POLICY or names_content_policy(reason)
    return Failed(reason, code, "refused" if refused else "failed")


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    return replace(explanation, verdict=_VERDICTS.get(explanation.code or ""))
