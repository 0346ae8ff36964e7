"""Each service against the embedded one: two readings of the same documents, which have to agree."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Failed,
    LinkedAsset,
    ListsModels,
    ListsRecent,
    PictureFile,
    PictureLink,
    Queued,
    ReportsBalance,
    Request,
    Succeeded,
    TakesUploads,
    Unrecognised,
)
from imgen_providers.catalog import SERVICES
from imgen_providers.catalog_direct import DIRECT_SERVICES
from imgen_providers.conversation import next_turn
from imgen_providers.errors import (
    ContentRefused,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    NotUnderstood,
    RateLimited,
    Refused,
    ServiceError,
    Uncertain,
)
from imgen_providers.sandbox.faults import parse_faults
from imgen_providers.sandbox.server import SandboxServer
from providers.sending import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imgen_providers.base import Job, Json, Operation, Reference, Service
    from imgen_providers.catalog import Model
    from imgen_providers.client import Network

QUEUES = [name for name in SERVICES if name not in DIRECT_SERVICES]  # those are in test_direct_against_sandbox.py
MODELS = [(name, model) for name in QUEUES for model in SERVICES[name].models]
IDS = [f"{name}/{model.remote_id}" for name, model in MODELS]


class Clock:
    """A clock that goes only when a test moves it."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    """The sandbox's clock."""
    return Clock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: Clock) -> Iterator[SandboxServer]:
    """All four services, with jobs that take ten seconds of the clock."""
    with SandboxServer(tmp_path / "sandbox", seconds=10.0, now=clock) as server:
        yield server


def broken(folder: Path, faults: str) -> SandboxServer:
    """A sandbox where these things go wrong, and jobs are done at once."""
    return SandboxServer(folder / "broken", seconds=0.05, faults=parse_faults(faults))


def service_at(server: SandboxServer, name: str, network: Network) -> Service:
    return connect(name, Account(server.origin, KEY), network)


def png(folder: Path) -> PictureFile:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "PNG")
    path = folder / "reference.png"
    path.write_bytes(buffer.getvalue())
    return PictureFile(path, "image/png", len(buffer.getvalue()), hashlib.sha256(buffer.getvalue()).hexdigest())


def ordered(name: str, model: Model, operation: Operation, folder: Path) -> Request:
    """The largest order that the catalogue allows, but for the pictures' size."""
    route = SERVICES[name].reference_route
    reference: Reference = png(folder) if route == "data-uri" else PictureLink("https://x.test/cat.png")
    return Request(
        model.remote_id,
        "a cat on a mat",
        (reference,) * model.max_references if operation == "edit" else (),
        aspect=model.aspects[0],
        resolution=model.resolutions[0],
        format=model.formats[-1] if model.formats else None,
        count=model.max_count,
    )


@pytest.mark.parametrize("operation", ["generate", "edit"])
@pytest.mark.parametrize(("name", "model"), MODELS, ids=IDS)
def test_every_model_and_scene_goes_from_submit_to_its_pictures(
    name: str,
    model: Model,
    operation: Operation,
    sandbox: SandboxServer,
    clock: Clock,
    network: Network,
    tmp_path: Path,
) -> None:
    service = service_at(sandbox, name, network)

    job = service.submit(ordered(name, model, operation, tmp_path))
    assert job == service.refresh(job) or not isinstance(job.status, Succeeded)
    clock.time += 60
    job = service.refresh(job)

    assert isinstance(job.status, Succeeded)
    assert len(job.status.assets) == model.max_count
    assert all(isinstance(asset, LinkedAsset) and asset.url.startswith(sandbox.origin) for asset in job.status.assets)


@pytest.mark.parametrize(("name", "model"), MODELS, ids=IDS)
def test_every_aspect_and_resolution_and_format_of_the_catalogue_is_taken(
    name: str, model: Model, sandbox: SandboxServer, network: Network
) -> None:
    service = service_at(sandbox, name, network)
    aspects: list[str | None] = [None, *model.aspects, *(["auto"] if model.auto_aspect else [])]
    orders = [
        *(Request(model.remote_id, "a cat", aspect=aspect) for aspect in aspects),
        *(Request(model.remote_id, "a cat", resolution=resolution) for resolution in model.resolutions),
        *(Request(model.remote_id, "a cat", format=format) for format in model.formats),
    ]

    jobs = [service.submit(order) for order in orders]

    assert len({job.remote_id for job in jobs}) == len(orders)


@pytest.mark.parametrize(("name", "model"), MODELS, ids=IDS)
def test_one_reference_more_than_the_catalogue_allows_is_refused(
    name: str, model: Model, sandbox: SandboxServer, network: Network, tmp_path: Path
) -> None:
    order = ordered(name, model, "edit", tmp_path)

    with pytest.raises(Refused):
        service_at(sandbox, name, network).submit(
            Request(order.model, order.prompt, order.references + order.references[:1])
        )


@pytest.mark.parametrize(
    ("name", "model", "extras"),
    [
        ("gmicloud", "seedream-5.0-lite", {"size": "2K", "max_images": 1}),
        ("gmicloud", "gpt-image-2", {"size": "1024x1024"}),
        ("gmicloud", "flux-kontext-pro", {}),
        ("reapi", "flux-2", {"aspect_ratio": "1:1", "resolution": "1K"}),
        ("reapi", "gpt-image-2", {"size": "1024x1024"}),
        ("reapi", "doubao-seedream-5-0-lite", {"size": "2K"}),
        ("gptproto", "openai/gpt-image-2", {"size": "1024x1024"}),
        ("gptproto", "bytedance/seedream-4-5", {"size": "2048x2048"}),
    ],
)
def test_other_models_are_ordered_by_their_exact_id_and_their_own_parameters(
    name: str, model: str, extras: dict[str, Json], sandbox: SandboxServer, clock: Clock, network: Network
) -> None:
    service = service_at(sandbox, name, network)

    job = service.submit(Request(model, "a cat", extras=extras))
    clock.time += 60
    status = service.refresh(job).status

    assert isinstance(status, Succeeded)
    assert len(status.assets) == 1


@pytest.mark.parametrize("name", QUEUES)
def test_an_unknown_job_is_not_found(name: str, sandbox: SandboxServer, network: Network) -> None:
    service = service_at(sandbox, name, network)
    job = service.submit(Request(SERVICES[name].models[0].remote_id, "a cat"))

    with pytest.raises(JobNotFound):
        service.refresh(type(job)(name, "another-job", job.status))


@pytest.mark.parametrize("name", QUEUES)
@pytest.mark.parametrize(
    ("faults", "meaning"),
    [
        ("reset-after-read", Uncertain),
        ("lost-reply", Uncertain),
        ("garbage", Uncertain),
        ("submit-5xx=500", Uncertain),
        ("submit-5xx=502", Uncertain),
        ("submit-5xx=504", Uncertain),
        ("429=7", RateLimited),
        ("bad-key", KeyRefused),
        ("no-credit", NoCredit),
    ],
)
def test_a_submit_that_goes_wrong_is_understood(
    name: str, faults: str, meaning: type[ServiceError], network: Network, tmp_path: Path
) -> None:
    with broken(tmp_path, faults) as server, pytest.raises(meaning) as caught:
        service_at(server, name, network).submit(Request(SERVICES[name].models[0].remote_id, "a cat"))

    assert type(caught.value) is meaning
    assert caught.value.retry_after == (7.0 if "429" in faults else None)


def submitted(server: SandboxServer, name: str, network: Network) -> tuple[Service, Job]:
    service = service_at(server, name, network)
    return service, service.submit(Request(SERVICES[name].models[0].remote_id, "a cat"))


@pytest.mark.parametrize("name", QUEUES)
def test_a_poll_that_goes_wrong_is_understood(name: str, network: Network, tmp_path: Path) -> None:
    with broken(tmp_path, "garbage-poll,odd-state,rate-limit-poll=7") as server:
        service, job = submitted(server, name, network)
        seen: list[type] = []
        for _ in range(3):
            try:
                seen.append(type(service.refresh(job).status))
            except ServiceError as error:
                seen.append(type(error))

    assert set(seen) == {NotUnderstood, Unrecognised, RateLimited}


@pytest.mark.parametrize("name", QUEUES)
def test_a_blip_while_polling_is_not_even_noticed(name: str, network: Network, tmp_path: Path) -> None:
    with broken(tmp_path, "poll-5xx*2,stuck") as server:
        service, job = submitted(server, name, network)

        assert type(service.refresh(job).status) in (Queued, type(job.status))


def ended(name: str, faults: str, clock: Clock, network: Network, folder: Path) -> Failed:
    """How a job that was accepted ends under these faults."""
    with SandboxServer(folder, seconds=10.0, now=clock, faults=parse_faults(faults)) as server:
        service, job = submitted(server, name, network)
        clock.time += 60
        status = service.refresh(job).status
    assert isinstance(status, Failed)
    assert status.reason
    return status


@pytest.mark.parametrize("name", QUEUES)
def test_a_job_that_fails_says_why(name: str, clock: Clock, network: Network, tmp_path: Path) -> None:
    assert ended(name, "job-failed", clock, network, tmp_path).kind == "failed"


@pytest.mark.parametrize("name", ["3daistudio", "gmicloud", "reapi"])
def test_a_content_policy_that_speaks_late_is_heard(name: str, clock: Clock, network: Network, tmp_path: Path) -> None:
    assert ended(name, "content-policy", clock, network, tmp_path).kind == "refused"


@pytest.mark.parametrize(
    ("name", "faults", "meaning"),
    [("gptproto", "content-policy", ContentRefused), ("gmicloud", "content-policy,gmi-blocking", InvalidRequest)],
)
def test_a_content_policy_that_speaks_at_once_is_heard(
    name: str, faults: str, meaning: type[Refused], network: Network, tmp_path: Path
) -> None:
    """GMI Cloud has one sentence for content, links and parameters alike (reference 1.5)."""
    with broken(tmp_path, faults) as server, pytest.raises(meaning) as caught:
        submitted(server, name, network)

    assert type(caught.value) is meaning


def test_a_gmi_job_without_capacity_says_so(clock: Clock, network: Network, tmp_path: Path) -> None:
    assert ended("gmicloud", "job-rate-limited", clock, network, tmp_path).kind == "rate_limited"


def test_a_lost_gmi_request_is_found_again(network: Network, tmp_path: Path, clock: Clock) -> None:
    order = Request("gemini-3-pro-image-preview", "a cat", aspect="16:9", resolution="2K", format="png")
    with SandboxServer(tmp_path, seconds=10.0, now=clock, faults=parse_faults("lost-reply")) as server:
        service = service_at(server, "gmicloud", network)
        assert isinstance(service, ListsRecent)
        with pytest.raises(Uncertain):
            service.submit(order)

        [found] = service.recent(order, since=clock.time)
        clock.time += 60

        assert isinstance(service.refresh(found.job).status, Succeeded)


def test_a_blocking_gmi_submit_comes_back_with_its_picture(network: Network, tmp_path: Path) -> None:
    with broken(tmp_path, "gmi-blocking") as server:
        _, job = submitted(server, "gmicloud", network)

    assert isinstance(job.status, Succeeded)
    assert len(job.status.assets) == 1


def test_a_gmi_reference_is_uploaded_and_then_fetched(
    sandbox: SandboxServer, clock: Clock, network: Network, tmp_path: Path
) -> None:
    service = service_at(sandbox, "gmicloud", network)
    assert isinstance(service, TakesUploads)
    link = service.upload(png(tmp_path))

    job = service.submit(Request("gemini-3-pro-image-preview", "a hat", (link,)))
    clock.time += 60

    assert isinstance(service.refresh(job).status, Succeeded)


def test_a_gmi_conversation_goes_on(sandbox: SandboxServer, clock: Clock, network: Network) -> None:
    service = service_at(sandbox, "gmicloud", network)
    contents: Json = None
    for prompt in ("a cat", "bluer", "with a hat"):
        extras: dict[str, Json] = {"contents": next_turn(contents, prompt, [])} if contents else {}
        job = service.submit(Request("gemini-3-pro-image-preview", prompt, extras=extras))
        clock.time += 60
        status = service.refresh(job).status
        assert isinstance(status, Succeeded)
        contents = status.conversation

    assert isinstance(contents, list)
    assert len(contents) == 7  # three questions, three answers, and the turn that waits


def test_what_an_account_can_tell_is_said(sandbox: SandboxServer, network: Network) -> None:
    studio = service_at(sandbox, "3daistudio", network)
    gmi = service_at(sandbox, "gmicloud", network)
    assert isinstance(studio, ReportsBalance)
    assert isinstance(gmi, ListsModels)

    assert studio.balance().unit == "credits"
    assert "gemini-3-pro-image-preview" in gmi.models()
    gptproto = service_at(sandbox, "gptproto", network)
    assert isinstance(gptproto, ListsModels)
    assert {row.remote_id for row in SERVICES["gptproto"].models} <= set(gptproto.models())


def test_gptproto_pictures_inside_the_answer_are_unpacked(
    sandbox: SandboxServer, clock: Clock, network: Network
) -> None:
    service = service_at(sandbox, "gptproto", network)
    order = Request("gemini-3-pro-image-preview", "a cat", extras={"enable_base64_output": True})

    job = service.submit(order)
    clock.time += 60
    status = service.refresh(job).status

    assert isinstance(status, Succeeded)
    [asset] = status.assets
    assert not isinstance(asset, LinkedAsset)
    assert base64.b64encode(asset.data).startswith(b"iVBORw0KGgo")
