"""Scripted faults: how they are written, and how each one looks to a client on its socket."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from imgen_providers.sandbox.faults import FAULTS, Fault, parse_faults
from providers.sandbox.asking import KEY, Answer, Clock, ask, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

SUBMITS: dict[str, tuple[str, dict[str, object]]] = {
    "3daistudio": ("/v1/images/gemini/3/pro/generate/", {"prompt": "a cat"}),
    "gmicloud": (
        "/api/v1/ie/requestqueue/apikey/requests",
        {"model": "gemini-3-pro-image-preview", "payload": {"prompt": "a cat"}},
    ),
    "reapi": ("/api/v1/images/generations", {"model": "gemini-3-pro-image-preview", "prompt": "a cat"}),
    "gptproto": ("/api/v3/google/gemini-3-pro-image-preview/text-to-image", {"prompt": "a cat"}),
}
STATUS = {
    "3daistudio": "/v1/generation-request/{}/status/",
    "gmicloud": "/api/v1/ie/requestqueue/apikey/requests/{}",
    "reapi": "/api/v1/tasks/{}",
    "gptproto": "/api/v3/predictions/{}/result",
}
SERVICES = pytest.mark.parametrize("service", SUBMITS)


def submit(server: SandboxServer, service: str, **more: object) -> Answer:
    path, body = SUBMITS[service]
    return ask(server, "POST", path, {**body, **more})


def job(answer: Answer) -> str:
    body = answer.json()
    found = body.get("task_id") or body.get("request_id") or body.get("id") or body["data"]["id"]
    assert isinstance(found, str)
    return found


def poll(server: SandboxServer, service: str, name: str) -> Answer:
    return ask(server, "GET", STATUS[service].format(name))


def jobs_made(server: SandboxServer) -> int:
    """How many requests the embedded GMI Cloud lists: jobs that really exist."""
    return len(ask(server, "GET", SUBMITS["gmicloud"][0]).json()["requests"])


def finished_link(server: SandboxServer, clock: Clock, **order: object) -> str:
    """A link to the first picture of a job that is done, at 3D AI Studio."""
    name = job(submit(server, "3daistudio", **order))
    clock.advance(8)
    link = poll(server, "3daistudio", name).json()["results"][0]["asset_url"]
    assert isinstance(link, str)
    return link


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ()),
        ("lost-reply", (Fault("lost-reply", 0.0, 1),)),
        ("429=2", (Fault("429", 2.0, 1),)),
        ("429*3, poll-5xx=502*always", (Fault("429", 1.0, 3), Fault("poll-5xx", 502.0, None))),
        ("stuck,stuck*2", (Fault("stuck", 0.0, None), Fault("stuck", 0.0, 2))),
        ("slow-picture=0.5", (Fault("slow-picture", 0.5, 1),)),
        ("no-picture", (Fault("no-picture", times=None, word="NO_IMAGE"),)),
        ("no-picture=IMAGE_SAFETY*2", (Fault("no-picture", times=2, word="IMAGE_SAFETY"),)),
    ],
)
def test_a_script_is_read(text: str, faults: tuple[Fault, ...]) -> None:
    assert parse_faults(text) == faults


@pytest.mark.parametrize("text", ["nonsense", "429:2", "lost-reply*often", "429=", "=2", "LOST-REPLY"])
def test_a_wrong_script_is_answered_with_every_name(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_faults(text)
    assert all(name in str(caught.value) for name in FAULTS)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "bad_field"),
    [
        ("lost-reply=2", "takes no value"),
        ("lost-reply=SAFETY", "takes no value"),
        ("slow-picture=SAFETY", "takes a number"),
        ("no-picture=2", "one of these: NO_IMAGE"),
        ("no-picture=NONSENSE", "one of these: NO_IMAGE"),
    ],
)
def test_a_value_where_it_does_not_belong_is_refused(text: str, bad_field: str) -> None:
    with pytest.raises(ValueError, match=bad_field):
        parse_faults(text)


@SERVICES
def test_lost_reply_makes_the_job_and_closes_without_an_answer(
    start: Callable[..., SandboxServer], service: str, clock: Clock
) -> None:
    server = start("lost-reply")
    with pytest.raises(http.client.RemoteDisconnected):
        submit(server, service)
    assert submit(server, service).status == 200
    assert jobs_made(server) == (2 if service == "gmicloud" else 0)


@SERVICES
@pytest.mark.parametrize("fault", ["reset", "reset-after-read"])
def test_a_reset_connection_makes_no_job(start: Callable[..., SandboxServer], service: str, fault: str) -> None:
    server = start(fault)
    with pytest.raises((ConnectionResetError, BrokenPipeError)) as caught:
        submit(server, service)
    assert not isinstance(caught.value, http.client.RemoteDisconnected)  # an orderly close, which this is not
    assert jobs_made(server) == 0
    assert submit(server, service).status == 200


def test_reset_comes_before_the_body_is_read(start: Callable[..., SandboxServer]) -> None:
    server = start("reset")
    host, port = urlsplit(server.origin).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"POST /api/v1/images/generations HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@SERVICES
def test_too_many_submits_get_a_retry_after(start: Callable[..., SandboxServer], service: str) -> None:
    server = start("429=7*2")
    answers = [submit(server, service) for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert jobs_made(server) == (1 if service == "gmicloud" else 0)


def test_a_fault_strikes_exactly_as_often_as_asked_between_threads(start: Callable[..., SandboxServer]) -> None:
    server = start("429*7")
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(submit(server, "reapi").status)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == 13 * [200] + 7 * [429]


@SERVICES
def test_polls_can_be_slowed_and_broken(start: Callable[..., SandboxServer], service: str) -> None:
    server = start("rate-limit-poll=3,poll-5xx*2")
    name = job(submit(server, service))
    answers = [poll(server, service, name) for _ in range(4)]
    assert [answer.status for answer in answers] == [429, 503, 503, 200]
    assert answers[0].headers["retry-after"] == "3"


@SERVICES
def test_a_gateway_answers_with_a_web_page(start: Callable[..., SandboxServer], service: str) -> None:
    answer = submit(start("submit-5xx=502"), service)
    assert answer.status == 502
    assert answer.body.startswith(b"<!doctype html>")


@SERVICES
def test_garbage_is_no_json_though_the_job_was_made(start: Callable[..., SandboxServer], service: str) -> None:
    server = start("garbage,garbage-poll")
    answer = submit(server, service)
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert jobs_made(server) == (1 if service == "gmicloud" else 0)
    name = job(submit(server, service))
    assert poll(server, service, name).body.startswith(b"<!doctype html>")
    assert poll(server, service, name).json()


@SERVICES
def test_a_stuck_job_stays_queued_for_ever(start: Callable[..., SandboxServer], service: str, clock: Clock) -> None:
    server = start("stuck")
    name = job(submit(server, service))
    first = poll(server, service, name).json()
    clock.advance(1_000_000)
    assert poll(server, service, name).json() == first


@SERVICES
def test_an_odd_state_is_one_that_no_document_knows(start: Callable[..., SandboxServer], service: str) -> None:
    server = start("odd-state")
    name = job(submit(server, service))
    body = poll(server, service, name).json()
    state = body["status"] if "status" in body else body["data"]["status"]
    assert state.lower() == "hibernating"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("job-error", {"3daistudio": "FAILED", "gmicloud": "error", "reapi": "failed", "gptproto": "error"}),
        ("job-expired", {"3daistudio": "FAILED", "gmicloud": "failed", "reapi": "failed", "gptproto": "expired"}),
    ],
)
def test_a_job_ends_in_the_word_that_its_service_has(
    start: Callable[..., SandboxServer], clock: Clock, fault: str, words: dict[str, str]
) -> None:
    server = start(fault)
    names = {service: job(submit(server, service)) for service in words}
    clock.advance(8)
    bodies = {service: poll(server, service, name).json() for service, name in names.items()}
    assert {service: body.get("data", body)["status"] for service, body in bodies.items()} == words
    assert bodies["gmicloud"]["outcome"]["error"]
    assert bodies["gptproto"]["data"]["error"]


def links(body: Any) -> list[Any]:
    """The links of a finished job, wherever the service puts them."""
    if "data" in body:
        return list(body["data"]["outputs"])
    if "outcome" in body:
        return list(body["outcome"]["media_urls"])
    return list(body["results"] if "results" in body else body["output"]["image_urls"])


@SERVICES
def test_a_finished_job_may_show_its_links_late(
    start: Callable[..., SandboxServer], service: str, clock: Clock
) -> None:
    server = start("empty-results")
    name = job(submit(server, service))
    clock.advance(8)
    bodies = [poll(server, service, name).json() for _ in range(3)]
    assert [len(links(body)) for body in bodies] == [0, 0, 1]


def test_fewer_pictures_than_ordered(start: Callable[..., SandboxServer], clock: Clock) -> None:
    server = start("fewer-pictures")
    name = job(submit(server, "reapi", n=3))
    clock.advance(8)
    assert len(links(poll(server, "reapi", name).json())) == 2


def test_an_outcome_strikes_as_often_as_asked(start: Callable[..., SandboxServer], clock: Clock) -> None:
    server = start("job-failed*1")
    names = [job(submit(server, "reapi")) for _ in range(2)]
    clock.advance(8)
    states = [poll(server, "reapi", name).json()["status"] for name in names]
    assert states == ["failed", "completed"]


@pytest.mark.parametrize("status", [404, 410])
def test_a_link_can_be_dead_once(start: Callable[..., SandboxServer], clock: Clock, status: int) -> None:
    link = finished_link(start(f"dead-link={status}"), clock)
    assert [fetch(link).status, fetch(link).status] == [status, 200]


def test_a_truncated_picture_breaks_off_before_its_length(start: Callable[..., SandboxServer], clock: Clock) -> None:
    link = finished_link(start("truncated-picture"), clock)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(link)
    whole = fetch(link).body
    assert len(caught.value.partial) == len(whole) // 2
    assert caught.value.expected == len(whole) - len(whole) // 2


def test_a_short_picture_arrives_whole_and_is_cut_inside(start: Callable[..., SandboxServer], clock: Clock) -> None:
    link = finished_link(start("short-picture"), clock)
    cut, whole = fetch(link), fetch(link)
    assert int(cut.headers["content-length"]) == len(cut.body) < len(whole.body)
    with pytest.raises(OSError, match="truncated"):
        cut.picture()
    assert whole.picture().size == (1024, 1024)


def test_jpeg_can_come_as_png(start: Callable[..., SandboxServer], clock: Clock) -> None:
    answer = fetch(finished_link(start("jpeg-as-png"), clock))
    assert answer.headers["content-type"] == "image/png"
    assert answer.picture().format == "JPEG"


def test_a_picture_can_be_smaller_than_ordered(start: Callable[..., SandboxServer], clock: Clock) -> None:
    assert fetch(finished_link(start("wrong-size"), clock)).picture().size == (512, 512)


def test_a_slow_picture_comes_in_pieces_and_whole(start: Callable[..., SandboxServer], clock: Clock) -> None:
    link = urlsplit(finished_link(start("slow-picture=0.2"), clock))
    connection = http.client.HTTPConnection(link.netloc, timeout=10)
    connection.request("GET", link.path)
    response = connection.getresponse()
    pieces = [response.read1() for _ in range(100)]
    connection.close()
    assert len([piece for piece in pieces if piece]) > 2
    with Image.open(io.BytesIO(b"".join(pieces))) as picture:
        assert picture.size == (1024, 1024)


def test_a_slow_reply_comes_after_the_job_is_made(start: Callable[..., SandboxServer]) -> None:
    server = start("slow-reply=30")
    path, body = SUBMITS["gmicloud"]
    connection = http.client.HTTPConnection(urlsplit(server.origin).netloc, timeout=0.3)
    connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {KEY}"})
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert jobs_made(server) == 1
