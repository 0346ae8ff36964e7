"""A documented answer with one odd thing in it: no error but ours, and neither id nor picture is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
import respx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Asset,
    Failed,
    Job,
    LinkedAsset,
    ListsModels,
    ListsRecent,
    Queued,
    ReportsBalance,
    Request,
    Succeeded,
)
from imgen_providers.errors import NotUnderstood, Refused, ServiceError, Uncertain, Unreachable
from providers import test_gmicloud, test_gptproto, test_reapi, test_threedaistudio
from providers.mutations import Mutated, mutated
from providers.sending import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.base import Json, Service
    from imgen_providers.client import Network
    from imgen_providers.testing.contract import ServiceContract

ORIGIN = "https://service.test"

lightly = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class Facts:
    """Where the documented answers of a service have its id, its state and its picture."""

    contract: type[ServiceContract]
    id_path: tuple[str | int, ...]
    status_path: tuple[str | int, ...]
    link_path: tuple[str | int, ...]
    link: str


FACTS = {
    "3daistudio": Facts(
        test_threedaistudio.TestThreeDAIStudio,
        ("task_id",),
        ("status",),
        ("results", 0, "asset_url"),
        test_threedaistudio.CDN,
    ),
    "gmicloud": Facts(
        test_gmicloud.TestGmiCloud,
        ("request_id",),
        ("status",),
        ("outcome", "media_urls", 0, "url"),
        test_gmicloud.LINK,
    ),
    "reapi": Facts(test_reapi.TestReApi, ("id",), ("status",), ("output", "image_urls", 0), test_reapi.LINK),
    "gptproto": Facts(
        test_gptproto.TestGptProto, ("data", "id"), ("data", "status"), ("data", "outputs", 0), test_gptproto.LINK
    ),
}
SERVICES = pytest.mark.parametrize("name", FACTS)


def ended(ask: Callable[[], Job]) -> Job | ServiceError:
    try:
        return ask()
    except ServiceError as error:
        return error


@SERVICES
@lightly
@given(data=st.data())
def test_a_submit_keeps_the_id_that_stood_in_its_answer(network: Network, name: str, data: st.DataObject) -> None:
    facts = FACTS[name]
    answer: Mutated = data.draw(mutated(facts.contract.accepted))
    service = connect(name, Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.post(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        end = ended(lambda: service.submit(facts.contract.request))

    if answer.spares(*facts.id_path):
        assert isinstance(end, Job), end
        assert end.remote_id == facts.contract.job_id
        assert not isinstance(end.status, Succeeded | Failed)
    else:
        assert isinstance(end, Job | Uncertain | Refused)
        assert not isinstance(end, Job) or 0 < len(end.remote_id) <= 512


@SERVICES
@lightly
@given(data=st.data())
def test_a_poll_keeps_the_picture_that_stood_in_its_answer(network: Network, name: str, data: st.DataObject) -> None:
    facts = FACTS[name]
    answer: Mutated = data.draw(mutated(facts.contract.finished))
    service = connect(name, Account(ORIGIN, KEY), network)
    job = Job(name, facts.contract.job_id, Queued())
    with respx.mock:
        respx.get(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        end = ended(lambda: service.refresh(job))

    if answer.spares(*facts.status_path) and answer.spares(*facts.link_path):
        assert isinstance(end, Job), end
        assert isinstance(end.status, Succeeded)
        assert LinkedAsset(facts.link) in end.status.assets
    else:
        assert isinstance(end, Job | NotUnderstood | Unreachable | Refused)
    if isinstance(end, ServiceError):
        assert "charged nothing" not in end.message  # it is accepted, and paid
    if isinstance(end, Job):
        assert end.remote_id == job.remote_id
        assert end.charged is None or len(end.charged.amount) < 60
        _walk(end)


def _walk(job: Job) -> None:
    """What a job carries can be written down."""
    assets: tuple[Asset, ...] = job.status.assets if isinstance(job.status, Succeeded) else ()
    texts = [job.remote_id, *job.handle.values(), *(asset.url for asset in assets if isinstance(asset, LinkedAsset))]
    if isinstance(job.status, Failed):
        texts += [job.status.reason, job.status.code or ""]
        assert len(job.status.reason) <= 400
    for text in texts:
        text.encode()


@SERVICES
@lightly
@given(data=st.data())
def test_a_failure_stays_one_and_is_quoted_in_short(network: Network, name: str, data: st.DataObject) -> None:
    contract = FACTS[name].contract
    failures = [body for body, status in contract.states if isinstance(status, Failed)]
    answer: Mutated = data.draw(mutated(data.draw(st.sampled_from(failures))))
    service = connect(name, Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.get(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        end = ended(lambda: service.refresh(Job(name, "one", Queued())))

    if answer.spares(*FACTS[name].status_path) and answer.spares("status"):  # GPTProto has it in two places
        assert isinstance(end, Job), end
        assert isinstance(end.status, Failed)
        assert "{'" not in end.status.reason
        _walk(end)
    else:
        assert isinstance(end, Job | NotUnderstood | Unreachable | Refused)


@SERVICES
@lightly
@given(data=st.data())
def test_a_refusal_is_an_error_of_ours_with_bounded_words(network: Network, name: str, data: st.DataObject) -> None:
    contract = FACTS[name].contract
    refusal = data.draw(st.sampled_from([one for one in contract.refusals if not isinstance(one.body, str)]))
    answer: Mutated = data.draw(mutated(refusal.body))
    service = connect(name, Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.route(url__startswith=ORIGIN).mock(httpx.Response(refusal.status, content=answer.body))
        ends = [
            ended(lambda: service.submit(contract.request)),
            ended(lambda: service.refresh(Job(name, "one", Queued()))),
        ]

    for end in ends:
        if isinstance(end, Job) and refusal.status != 200:
            assert isinstance(end.status, Failed)  # a content policy that answers a poll ends the job
        if isinstance(end, ServiceError):
            assert len(end.message) < 800
            assert len(end.code or "") <= 400
            end.message.encode()


@lightly
@given(data=st.data())
def test_one_odd_record_hides_no_other(network: Network, data: st.DataObject) -> None:
    assert isinstance(test_gmicloud.TestGmiCloud.submit_body, dict)
    payload = test_gmicloud.TestGmiCloud.submit_body["payload"]
    records: list[Json] = [
        test_gmicloud.record("success", test_gmicloud.ONE, request_id=each, payload=payload, created_at=1000)
        for each in ("one", "two", "three")
    ]
    answer: Mutated = data.draw(mutated({"requests": records, "has_more": False}))
    service = connect("gmicloud", Account(ORIGIN, KEY), network)
    assert isinstance(service, ListsRecent)
    with respx.mock:
        respx.get(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        found = {one.job.remote_id for one in service.recent(test_gmicloud.TestGmiCloud.request, since=1000.0)}

    for number, name in enumerate(("one", "two", "three")):
        untouched = answer.what.startswith("as ") or answer.path[:2] not in (("requests",), ("requests", number))
        assert name in found or not untouched


@pytest.mark.parametrize(
    ("name", "documented"),
    [
        ("3daistudio", {"balance": "20.00", "rate_limit": 3}),
        ("reapi", {"balance": 123}),
        ("gmicloud", {"model_ids": ["a", "b"]}),
        ("gptproto", {"object": "list", "data": [{"id": "a", "object": "model"}, {"id": "b"}]}),
    ],
)
@lightly
@given(data=st.data())
def test_a_key_is_checked_whatever_the_answer_holds_besides(
    network: Network, name: str, documented: Json, data: st.DataObject
) -> None:
    answer: Mutated = data.draw(mutated(documented))
    service: Service = connect(name, Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.get(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        if isinstance(service, ReportsBalance):
            balance = service.balance()
            assert balance.amount is None or len(balance.amount) < 60
            assert balance.submits_per_minute is None or 0 < balance.submits_per_minute <= 100_000
        else:
            assert isinstance(service, ListsModels)
            try:
                assert {"a", "b"} & set(service.models()) or answer.path
            except NotUnderstood:
                assert answer.path in (("model_ids",), ("data",))


def test_the_facts_are_where_they_are_said_to_be() -> None:
    for facts in FACTS.values():
        value: object = facts.contract.finished
        for key in facts.link_path:
            value = value[key]  # type: ignore[index]
        assert value == facts.link
        assert isinstance(facts.contract.request, Request)
