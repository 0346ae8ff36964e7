"""What each service may be asked, and the documented answers that bytes by chance are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen_providers.base import Job, ListsModels, ListsRecent, Queued, ReadsAnswers, ReportsBalance, Request
from providers import test_fal, test_gemini, test_openai, test_openrouter
from providers.test_gemini_batches import inlined, operation
from providers.test_mutated_answers import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imgen_providers.base import Json, Service
    from imgen_providers.testing.contract import SynchronousContract


@dataclass(frozen=True, slots=True)
class FuzzedService:
    """A service, the request that it is sent, and a job of it; documented answers to each question, by its name."""

    service: str
    request: Request
    job: Job
    answers: Mapping[str, list[bytes]]


def submit(asked: FuzzedService, service: Service, _: bytes) -> object:
    """Order a picture."""
    return service.submit(asked.request)


def refresh(asked: FuzzedService, service: Service, _: bytes) -> object:
    """Poll a job."""
    return service.refresh(asked.job)


def lists(asked: FuzzedService, service: Service, _: bytes) -> object:
    """Everything else that a service is asked."""
    found: list[object] = []
    if isinstance(service, ListsRecent):
        found += service.recent(asked.request, 1.0)
        found += service.latest(asked.request.model, 1.0)
    if isinstance(service, ListsModels):
        found += service.models()
    if isinstance(service, ReportsBalance):
        found.append(service.balance())
    return found


def kept(asked: FuzzedService, service: Service, data: bytes) -> object:
    """An answer that was kept on disk: a line with its headers, then its body."""
    assert isinstance(service, ReadsAnswers)
    first, _, body = data.partition(b"\n")
    return service.read_answer(asked.request, body, {"x-request-id": first.decode("latin-1")})


ASK = {"submit": submit, "refresh": refresh, "lists": lists, "kept": kept}


def _documented(**answers: Iterable[Json]) -> dict[str, list[bytes]]:
    return {ask: [json.dumps(body).encode() for body in bodies] for ask, bodies in answers.items()}


def _queue(name: str) -> FuzzedService:
    contract = FACTS[name].contract
    both = (contract.accepted, contract.finished)
    kept = {"kept": both} if name == "gmicloud" else {}
    answers = _documented(submit=both, refresh=both, lists=both, **kept)
    return FuzzedService(name, contract.request, Job(name, "job-1", Queued()), answers)


def _once(contract: type[SynchronousContract], *listed: Json) -> FuzzedService:
    bodies = (contract.accepted, *(body for body, _ in contract.ends))
    answers = _documented(submit=bodies, lists=listed, kept=bodies)
    return FuzzedService(contract.name, contract.request, Job(contract.name, contract.job_id, Queued()), answers)


def _gemini_batch() -> FuzzedService:
    entry: Json = {"response": test_gemini.answered(test_gemini.SHOWN)}
    failed: Json = {"error": {"code": 13, "message": "Internal"}}
    operations = [
        operation("BATCH_STATE_PENDING"),
        operation("BATCH_STATE_EXPIRED"),
        *(operation("BATCH_STATE_SUCCEEDED", output=inlined(each)) for each in (entry, failed)),
        operation("JOB_STATE_SUCCEEDED", output={"responsesFile": "files/batch-abc-1"}),
    ]
    request = Request(test_gemini.BATCH, "a cat", idempotency_key="run-7-job-1")
    listed: Json = {"operations": operations[:1], "nextPageToken": "x"}
    answers = _documented(submit=operations[:1], refresh=operations, lists=(listed,), kept=operations[:1])
    return FuzzedService("gemini", request, Job("gemini", "batches/abc-1", Queued()), answers)


def _fal() -> FuzzedService:
    contract = test_fal.TestFal
    polled = [contract.finished, *(body for body, _ in contract.states), test_fal.refusal("value_error", "wrong")]
    item: Json = {
        "request_id": test_fal.ID,
        "sent_at": "2027-01-15T08:00:01Z",
        "json_input": contract.submit_body,
        "status_code": 200,
    }
    history: Json = {"items": [item], "has_more": True, "next_cursor": "100"}
    answers = _documented(submit=(contract.accepted,), refresh=polled, lists=(history,))
    return FuzzedService("fal", contract.request, contract().job(), answers)


_GEMINI_MODELS: Json = {
    "models": [{"name": f"models/{test_gemini.MODEL}", "supportedGenerationMethods": ["generateContent"]}],
    "nextPageToken": "x",
}
_MODELS: Json = {"data": [{"id": "gpt-image-2", "object": "model"}]}
_CREDITS: Json = {"data": {"total_credits": 25, "total_usage": 1.5}}

SERVICES = {
    **{name: _queue(name) for name in FACTS},
    "gemini": _once(test_gemini.TestGemini, _GEMINI_MODELS),
    "gemini batch": _gemini_batch(),
    "openai": _once(test_openai.TestOpenAI, _MODELS),
    "openrouter": _once(test_openrouter.TestOpenRouter, _MODELS, _CREDITS),
    "fal": _fal(),
}
"""All of them, and Gemini a second time by its batches, by the name that a case of it has."""
