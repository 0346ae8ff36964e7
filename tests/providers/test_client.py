"""What leaves for a service, and how questions are asked, on real sockets."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from imgen_providers import connect
from imgen_providers.base import Account
from imgen_providers.client import Network
from imgen_providers.errors import (
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NotSent,
    NotUnderstood,
    RateLimited,
    ServiceError,
    Uncertain,
    Unreachable,
)
from imgen_providers.testing.wire import Fault, Reply, WireServer, reply
from providers.sending import KEY, MEGABYTE, api, picture

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.base import PictureFile


# What leaves


def test_every_submit_has_a_connection_of_its_own(network: Network) -> None:
    with WireServer(reply({})) as server:
        for _ in range(3):
            api(server.origin, network).post_once("/submit", {})

        assert server.connections == 3


def test_a_submit_says_who_it_is_and_what_it_takes(network: Network) -> None:
    with WireServer(reply({})) as server:
        api(server.origin, network).post_once("/submit", {"prompt": "ein Käse"}, {"Idempotency-Key": "k"})

        [request] = server.requests
        assert request.json() == {"prompt": "ein Käse"}
        assert request.headers["user-agent"] == "imgen-tests/1"
        assert request.headers["content-type"] == request.headers["accept"] == "application/json"
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["idempotency-key"] == "k"


def test_a_large_reference_is_streamed_whole_with_its_length_known(network: Network, tmp_path: Path) -> None:
    reference = picture(tmp_path, 24 * MEGABYTE)
    received = hashlib.sha256()
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            head = b"".join(iter(stream.readline, b"\r\n"))
            heads.append(head)
            left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while left:
                piece = stream.read(min(left, 65536))
                received.update(piece)
                left -= len(piece)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    thread = threading.Thread(target=serve)
    tracemalloc.start()
    thread.start()
    with listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        api(origin, network).post_once("/submit", {"images": [reference], "prompt": "a cat"})
        thread.join()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    uri = "data:image/png;base64," + _base64_of(reference)
    assert received.hexdigest() == hashlib.sha256(_as_json(uri)).hexdigest()
    assert b"transfer-encoding" not in heads[0].lower()
    assert peak < 8 * MEGABYTE


def _base64_of(reference: PictureFile) -> str:
    return base64.b64encode(reference.path.read_bytes()).decode()


def _as_json(uri: str) -> bytes:
    return json.dumps({"images": [uri], "prompt": "a cat"}).encode()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 196_607, 196_608, 196_609, 400_000])
def test_a_reference_of_any_size_arrives_as_it_is(network: Network, tmp_path: Path, size: int) -> None:
    reference = picture(tmp_path, size)
    with WireServer(reply({})) as server:
        api(server.origin, network).post_once("/submit", {"images": [reference], "prompt": "a cat"})

        assert server.requests[0].body == _as_json("data:image/png;base64," + _base64_of(reference))


def test_no_address_but_a_path_of_the_origin_can_be_asked(network: Network) -> None:
    """Glued to the origin, "@elsewhere.test/" would name another host."""
    for path in ("@elsewhere.test/", ".elsewhere.test/", ""):
        with pytest.raises(ValueError):
            api("https://service.test", network).get(path)


# Questions


@pytest.mark.parametrize(
    "trouble",
    [reply("", 500), reply("", 503), reply("", 408), reply("", 425), Fault.RESET_AFTER_READ],
    ids=["500", "503", "408", "425", "reset"],
)
def test_a_question_is_asked_again_after_a_blip(network: Network, trouble: Reply | Fault) -> None:
    with WireServer(trouble, trouble, reply({"ok": True})) as server:
        assert api(server.origin, network).get("/state", {"of": "job"}).json() == {"ok": True}
        assert [request.path for request in server.requests] == ["/state?of=job"] * 3


def test_a_question_without_an_answer_is_given_up_in_time() -> None:
    network = Network(user_agent="imgen-tests/1", read_seconds=0.1)
    with WireServer(Fault.HANG) as server:
        with pytest.raises(Unreachable):
            api(server.origin, network).get("/state")

        assert len(server.requests) == 3
    network.close()


def test_a_question_is_given_up_after_three_times(network: Network) -> None:
    with WireServer(reply("", 503)) as server:
        with pytest.raises(Unreachable):
            api(server.origin, network).get("/state")

        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_question_is_asked_again_after_a_short_wait_that_was_named(network: Network, status: int) -> None:
    with WireServer(reply("", status, {"Retry-After": "1"}), reply({"ok": True})) as server:
        assert api(server.origin, network).get("/state").json() == {"ok": True}


@pytest.mark.parametrize(("status", "meaning"), [(429, RateLimited), (503, Unreachable)])
def test_a_long_wait_is_left_to_the_schedule(network: Network, status: int, meaning: type[ServiceError]) -> None:
    with WireServer(reply("", status, {"Retry-After": "3"})) as server:
        with pytest.raises(meaning) as caught:
            api(server.origin, network).get("/state")

        assert caught.value.retry_after == 3.0
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, InvalidRequest),
        (401, KeyRefused),
        (403, KeyRefused),
        (404, JobNotFound),
        (429, RateLimited),
        (302, NotUnderstood),
    ],
)
def test_a_clear_no_to_a_question_is_not_asked_again(
    network: Network, status: int, meaning: type[ServiceError]
) -> None:
    with WireServer(reply({"message": "no"}, status)) as server:
        with pytest.raises(meaning):
            api(server.origin, network).get("/state")

        assert len(server.requests) == 1


def test_questions_of_one_thread_share_a_connection(network: Network) -> None:
    with WireServer(reply({})) as server:
        for _ in range(3):
            api(server.origin, network).get("/state")

        assert server.connections == 1


def test_each_thread_has_a_client_of_its_own_and_closes_no_other(network: Network) -> None:
    clients = [network.client()]

    def other_thread() -> None:
        clients.append(network.client())
        network.close()

    thread = threading.Thread(target=other_thread)
    thread.start()
    thread.join()

    assert clients[0] is not clients[1]
    assert [client.is_closed for client in clients] == [False, True]
    network.close()
    assert clients[0].is_closed
    assert network.client() is not clients[0]


def test_retries_write_nothing_on_their_own(network: Network, capfd: pytest.CaptureFixture[str]) -> None:
    with WireServer(reply("", 503), reply({})) as server:
        api(server.origin, network).get("/state")

    assert capfd.readouterr() == ("", "")


# Everything an answer can be


def test_an_answer_larger_than_any_picture_is_not_swallowed(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is lowered here, because a test should not send 192 MB."""
    monkeypatch.setattr("imgen_providers.client._ANSWER_LIMIT", 1000)
    with WireServer(Reply(body=b" " * 1001)) as server:
        with pytest.raises(Unreachable, match="larger"):
            api(server.origin, network).get("/state")
        with pytest.raises(Uncertain, match="larger"):
            api(server.origin, network).post_once("/submit", {})


def test_a_body_holds_json_and_pictures_and_nothing_else(network: Network) -> None:
    with pytest.raises(TypeError, match="set"):
        api("http://127.0.0.1:9", network).post_once("/submit", {"prompt": {"a cat"}})


def test_a_request_that_cannot_be_written_was_not_sent(network: Network) -> None:
    with WireServer() as server:
        with pytest.raises(NotSent, match="cannot be written") as caught:
            api(server.origin, network).post_once("/submit", {}, {"Idempotency-Key": "é-secret"})

        assert "é-secret" not in str(caught.value)
        assert server.requests == []


def test_what_no_header_can_hold_is_refused_before_anything_is_asked(network: Network) -> None:
    with pytest.raises(KeyRefused, match="X-Organization-ID"):
        connect("gmicloud", Account("https://service.test", "not-a-real-key", "é"), network)


# The key


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1"])
def test_all_of_loopback_goes_past_the_proxy_and_needs_no_certificates(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "socks5://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    network = Network(user_agent="imgen-tests/1", ca_file="/nowhere/at/all.pem")
    with WireServer(reply({"ok": True})) as server:
        origin = server.origin.replace("127.0.0.1", host)
        if host == "127.0.0.2":
            with pytest.raises(Unreachable, match="refused"):  # asked there itself, where no server listens
                api(origin, network).get("/state")
        else:
            assert api(origin, network).get("/state").json() == {"ok": True}
    network.close()


def test_a_key_too_short_to_be_one_blanks_out_nothing(network: Network) -> None:
    with WireServer(reply({"title": "a sandbox"})) as server:
        answer = api(server.origin, network, key="a").get("/state")

    assert answer.json() == {"title": "a sandbox"}


def test_an_address_is_trusted_only_on_the_own_origin(network: Network) -> None:
    ours = api("https://service.test", network)

    assert ours.trusts("https://service.test/x")
    assert ours.trusts("https://service.test:443/x")
    assert not any(
        map(
            ours.trusts,
            (
                "http://service.test/x",
                "https://service.test:8443/",
                "https://service.test.evil/",
                "/x",
                "",
                "http://[",
            ),
        )
    )
