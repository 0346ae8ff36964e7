"""Each direct service against the embedded one: two readings of the same documents, which have to agree."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Cancelled,
    Failed,
    InlineAsset,
    LinkedAsset,
    ListsModels,
    ListsRecent,
    Queued,
    ReportsBalance,
    Request,
    Succeeded,
    TakesUploads,
    Unrecognised,
)
from imgen_providers.catalog_direct import DIRECT_SERVICES
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
from imgen_providers.sandbox.faults import parse_faults
from imgen_providers.sandbox.server import SandboxServer
from providers.sandbox.asking import Clock
from providers.sending import KEY
from providers.test_against_sandbox import png

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imgen_providers.base import Asset, Job, Json, Operation, Service
    from imgen_providers.catalog import Model
    from imgen_providers.client import Network

MODELS = [
    pytest.param(entry.name, model, id=f"{entry.name}/{model.remote_id}")
    for entry in DIRECT_SERVICES.values()
    for model in entry.models
]
FIRST = {name: entry.models[0].remote_id for name, entry in DIRECT_SERVICES.items()}
SYNCHRONOUS = ("gemini", "openai", "openrouter")
BATCH = "batch/gemini-nano-banana-2.1"


@pytest.fixture
def clock() -> Clock:
    """The sandbox's clock."""
    return Clock()


@pytest.fixture
def start(tmp_path: Path, clock: Clock) -> Iterator[Callable[[str], SandboxServer]]:
    """Starts a sandbox with these faults, whose blocking answers come at once."""
    servers: list[SandboxServer] = []

    def start(faults: str = "") -> SandboxServer:
        folder = tmp_path / f"sandbox {len(servers)}"
        server = SandboxServer(folder, seconds=0.05, now=clock, faults=parse_faults(faults))
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()


def service_at(server: SandboxServer, name: str, network: Network) -> Service:
    return connect(name, Account(server.origin, KEY), network)


def done(service: Service, request: Request, clock: Clock) -> Job:
    """The job after its end."""
    job = service.submit(request)
    clock.advance(60)
    return service.refresh(job) if isinstance(job.status, Queued) else job


def size_of(asset: Asset) -> tuple[int, int]:
    assert isinstance(asset, InlineAsset)
    with Image.open(io.BytesIO(asset.data)) as picture:
        return picture.size


@pytest.mark.parametrize("operation", ["generate", "edit"])
@pytest.mark.parametrize(("name", "model"), MODELS)
def test_every_model_goes_from_submit_to_its_pictures(
    name: str,
    model: Model,
    operation: Operation,
    start: Callable[..., SandboxServer],
    clock: Clock,
    network: Network,
    tmp_path: Path,
) -> None:
    service = service_at(start(), name, network)
    request = Request(
        model.remote_id,
        "a cat on a mat",
        (png(tmp_path),) * model.max_references if operation == "edit" else (),
        aspect=model.aspects[0],
        resolution=model.resolutions[0],
        format=model.formats[-1] if model.formats else None,
        count=min(model.max_count, 2),
    )

    job = done(service, request, clock)

    assert isinstance(job.status, Succeeded)
    assert len(job.status.assets) == request.count
    if name != "fal":
        assert {size_of(asset) for asset in job.status.assets} == {model.size(request.aspect, request.resolution)}
        assert job.charged
        assert job.charged.computed == (name != "openrouter")
    else:
        assert all(isinstance(asset, LinkedAsset) for asset in job.status.assets)


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_every_aspect_resolution_and_format_is_written_as_the_service_takes_it(
    name: str, model: Model, start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    service = service_at(start(), name, network)
    small = model.resolutions[0]
    orders = [
        *(Request(model.remote_id, "a cat", aspect=aspect, resolution=small) for aspect in model.aspects),
        *(Request(model.remote_id, "a cat", resolution=resolution) for resolution in model.resolutions[:2]),
        *(Request(model.remote_id, "a cat", format=format) for format in model.formats),
    ]

    for order in orders:
        assert isinstance(done(service, order, clock).status, Succeeded)


SUBMITS: list[tuple[str, str, type[ServiceError]]] = [
    *((name, "reset-after-read", Uncertain) for name in FIRST),
    *((name, "lost-reply", Uncertain) for name in FIRST),
    *((name, "garbage", Uncertain) for name in FIRST),
    *((name, "cut-answer", Uncertain) for name in SYNCHRONOUS),
    *((name, "submit-5xx=502", Uncertain) for name in FIRST),
    *((name, "submit-5xx=504", Uncertain) for name in FIRST),
    *((name, "submit-5xx=500", Busy if name == "gemini" else Uncertain) for name in FIRST),
    *((name, "429=7", RateLimited) for name in FIRST),
    *((name, "bad-key", KeyRefused) for name in FIRST),
    *((name, "no-credit", NoCredit) for name in FIRST),
    ("gemini", "stuck", Uncertain),
    ("openai", "content-policy", ContentRefused),
    ("openai", "output-policy", ContentRefused),
    ("openai", "job-failed", Uncertain),
    ("openrouter", "content-policy", ContentRefused),
    ("openrouter", "job-failed", Uncertain),
]


@pytest.mark.parametrize(("name", "faults", "meaning"), SUBMITS)
def test_a_submit_that_goes_wrong_is_understood(
    name: str, faults: str, meaning: type[ServiceError], start: Callable[..., SandboxServer], network: Network
) -> None:
    with pytest.raises(ServiceError) as caught:
        service_at(start(faults), name, network).submit(Request(FIRST[name], "a cat"))

    assert type(caught.value) is meaning
    if faults.startswith("429"):
        assert caught.value.retry_after == 7.0


ENDS = [
    ("gemini", "content-policy", "refused"),
    ("gemini", "output-policy", "refused"),
    ("gemini", "job-failed", "failed"),
    *(("gemini", f"no-picture={word}", "refused") for word in ("IMAGE_SAFETY", "BLOCK_SAFETY", "RECITATION")),
    *(("gemini", f"no-picture={word}", "failed") for word in ("NO_IMAGE", "ONLY_TEXT", "NO_PARTS", "NO_CONTENT")),
    ("gemini", "no-picture=NO_CANDIDATES", "failed"),
    ("openai", "no-picture", "failed"),
    ("openrouter", "no-picture", "failed"),
    ("fal", "content-policy", "refused"),
    ("fal", "no-picture", "refused"),
    ("fal", "job-failed", "failed"),
    ("fal", "job-expired", "failed"),
    ("fal", "job-rate-limited", "rate_limited"),
]


@pytest.mark.parametrize(("name", "faults", "kind"), ENDS)
def test_an_end_without_a_picture_is_a_failure_with_a_reason(
    name: str, faults: str, kind: str, start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    job = done(service_at(start(faults), name, network), Request(FIRST[name], "a cat"), clock)

    assert isinstance(job.status, Failed)
    assert job.status.reason
    assert job.status.kind == kind


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ("job-failed", "failed"),
        ("job-expired", "failed"),
        ("job-error", "failed"),
        ("job-rate-limited", "rate_limited"),
        ("content-policy", "refused"),
    ],
)
def test_a_batch_that_ends_without_a_picture_says_why(
    faults: str, kind: str, start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    job = done(service_at(start(faults), "gemini", network), Request(BATCH, "a cat"), clock)

    assert isinstance(job.status, Failed)
    assert job.status.kind == kind


def test_results_that_come_late_and_odd_states_are_polled_again(
    start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    service = service_at(start("empty-results,odd-state*1"), "gemini", network)
    job = service.submit(Request(BATCH, "a cat"))
    clock.advance(60)

    seen = [service.refresh(job).status for _ in range(4)]

    assert seen[0] == Unrecognised("HIBERNATING")
    assert seen[1] == seen[2] == Succeeded(())
    assert isinstance(seen[3], Succeeded)
    assert len(seen[3].assets) == 1


def test_a_batch_whose_reply_was_lost_is_found_by_another_process(
    start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    server = start("lost-reply")
    requests = [Request(BATCH, "a cat", idempotency_key=f"run-7-job-{number}") for number in (1, 2)]
    with pytest.raises(Uncertain):
        service_at(server, "gemini", network).submit(requests[0])
    service_at(server, "gemini", network).submit(requests[1])

    another = service_at(server, "gemini", network)
    assert isinstance(another, ListsRecent)
    [found] = another.recent(requests[0], since=clock.time)
    clock.advance(60)

    assert isinstance(another.refresh(found.job).status, Succeeded)
    assert len(another.latest(BATCH, since=0.0)) == 2


def test_a_lost_request_to_fal_is_found_once_it_ended(
    start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    service = service_at(start("lost-reply"), "fal", network)
    request = Request(FIRST["fal"], "a cat", aspect="16:9")
    since = clock.time
    assert isinstance(service, ListsRecent)
    with pytest.raises(Uncertain):
        service.submit(request)

    assert list(service.recent(request, since)) == []
    clock.advance(10)
    [found] = service.recent(request, since)

    assert isinstance(service.refresh(found.job).status, Succeeded)


def test_a_request_of_fal_that_was_cancelled_has_ended(
    start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    import httpx

    server = start("stuck")
    service = service_at(server, "fal", network)
    job = service.submit(Request(FIRST["fal"], "a cat"))
    headers = {"Authorization": f"Key {KEY}"}
    httpx.put(f"{server.origin}{job.handle['result']}/cancel", headers=headers, trust_env=False)

    assert isinstance(service.refresh(job).status, Cancelled)


def test_a_refused_input_of_fal_arrives_on_the_result(
    start: Callable[..., SandboxServer], clock: Clock, network: Network
) -> None:
    job = done(service_at(start(), "fal", network), Request(FIRST["fal"], "a cat", extras={"resolution": "9K"}), clock)

    assert isinstance(job.status, Failed)
    assert "resolution" in job.status.reason


def test_a_conversation_with_gemini_goes_on_for_three_turns(
    start: Callable[..., SandboxServer], network: Network
) -> None:
    service = service_at(start(), "gemini", network)
    conversation: Json = None
    pictures: set[Asset] = set()
    for prompt in ("a cat", "bluer", "with a hat"):
        status = service.submit(Request(FIRST["gemini"], prompt, conversation=conversation)).status
        assert isinstance(status, Succeeded)
        conversation = status.conversation
        pictures.update(status.assets)

    assert len(pictures) == 3


def test_a_signature_that_was_changed_is_refused(start: Callable[..., SandboxServer], network: Network) -> None:
    service = service_at(start(), "gemini", network)
    status = service.submit(Request(FIRST["gemini"], "a cat")).status
    assert isinstance(status, Succeeded)
    assert isinstance(status.conversation, list)
    answer = status.conversation[1]
    assert isinstance(answer, dict)
    assert isinstance(answer["parts"], list)
    part = answer["parts"][0]
    assert isinstance(part, dict)
    part["thoughtSignature"] = "AAAA"

    with pytest.raises(InvalidRequest):
        service.submit(Request(FIRST["gemini"], "bluer", conversation=status.conversation))


def test_a_reference_that_was_uploaded_is_used(
    start: Callable[..., SandboxServer], network: Network, tmp_path: Path
) -> None:
    service = service_at(start(), "gemini", network)
    assert isinstance(service, TakesUploads)
    link = service.upload(png(tmp_path))

    status = service.submit(Request(FIRST["gemini"], "at night", (link,))).status

    assert isinstance(status, Succeeded)
    assert size_of(status.assets[0]) == (1200, 896)  # the ratio of its reference, 4:3


def test_thought_pictures_are_left_out(start: Callable[..., SandboxServer], network: Network) -> None:
    status = service_at(start("gemini-thoughts"), "gemini", network).submit(Request(FIRST["gemini"], "a cat")).status

    assert isinstance(status, Succeeded)
    assert len(status.assets) == 1


@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_what_came_with_its_answer_cannot_be_polled(
    name: str, start: Callable[..., SandboxServer], network: Network
) -> None:
    service = service_at(start(), name, network)
    job = service.submit(Request(FIRST[name], "a cat"))

    with pytest.raises(JobNotFound):
        service.refresh(job)


def test_what_an_account_can_tell_is_said(start: Callable[..., SandboxServer], network: Network) -> None:
    server = start()
    for name in SYNCHRONOUS:
        service = service_at(server, name, network)
        assert isinstance(service, ListsModels)
        assert FIRST[name] in service.models()
    balance = service_at(server, "openrouter", network)
    assert isinstance(balance, ReportsBalance)

    assert balance.balance().unit == "usd"
