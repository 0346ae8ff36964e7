"""What the log shows of an exchange: enough to see what went wrong, and no secret."""

from __future__ import annotations

import base64
import gzip
import json
import logging
from typing import TYPE_CHECKING

import pytest

from imgen_providers.errors import ServiceError, Unreachable
from imgen_providers.testing.wire import Fault, Reply, WireServer, reply
from providers.sending import KEY, api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgen_providers.base import Json
    from imgen_providers.client import Network

    Ended = Callable[[], list[str]]

NAME = "imgen_providers.exchanges"


@pytest.fixture
def ended(caplog: pytest.LogCaptureFixture) -> Iterator[Ended]:
    """Each exchange so far, as it was logged."""
    with caplog.at_level(logging.DEBUG, NAME):
        yield lambda: [record.getMessage() for record in caplog.records if record.name == NAME]


def test_a_port_without_a_listener_costs_nothing_and_logs_nothing(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    with WireServer(reply({})) as server:
        api(server.origin, network).get("/state")

    assert [record for record in caplog.records if record.name == NAME] == []


def test_a_paid_request_and_its_answer(network: Network, ended: Ended) -> None:
    with WireServer(reply({"id": "job-1"}, headers={"X-Request-Id": "trace-7"})) as server:
        api(server.origin, network).post_once("/submit", {"prompt": "a red fox"}, {"Idempotency-Key": "abc"})

        origin = server.origin

    [text] = ended()
    lines = text.splitlines()
    assert lines[0] == f"> POST {origin}/submit (23 bytes)"
    assert {"> Authorization: [hidden]", "> Idempotency-Key: abc", "> User-Agent: imgen-tests/1"} < set(lines)
    assert lines[-2].startswith("< 200 Scripted, application/json, 15 bytes, request id trace-7, ")
    assert lines[-2].endswith(" ms")
    assert lines[-1] == '< {"id": "job-1"}'
    assert "red fox" not in text


def test_each_attempt_is_said(network: Network, ended: Ended) -> None:
    with WireServer(Fault.CLOSE_AFTER_READ, reply("busy", 503), reply({})) as server:
        api(server.origin, network).get("/state")

    first, second, third = [message.splitlines() for message in ended()]
    assert first[-1].startswith("< nothing came back: RemoteProtocolError: Server disconnected")
    assert second[-1].startswith("< 503 ")
    assert third[-1] == "< {}"


def test_an_answer_that_broke_off_is_said_with_what_came(network: Network, ended: Ended) -> None:
    with WireServer(Reply(body=b'{"id": "job-1"', missing=1)) as server, pytest.raises(ServiceError):
        api(server.origin, network).post_once("/submit", {})

    [text] = ended()
    assert "14 bytes, broken off (RemoteProtocolError" in text


def test_a_packed_answer_is_logged_unpacked(network: Network, ended: Ended) -> None:
    body = gzip.compress(json.dumps({"state": "running"}).encode())
    with WireServer(Reply(headers={"Content-Encoding": "gzip"}, body=body)) as server:
        api(server.origin, network).get("/state")

    assert ended()[0].endswith('< {"state": "running"}')


def test_pictures_and_long_answers_are_logged_in_short(network: Network, ended: Ended) -> None:
    picture = base64.b64encode(b"\x89PNG" * 100_000).decode()
    inline: Json = [f"data:image/png;base64,{picture}"]
    with WireServer(reply({"outputs": inline}), reply({"log": "all is well " * 1000})) as server:
        asked = api(server.origin, network)
        asked.get("/state")
        asked.get("/state")

    short, long = [message.splitlines()[-1] for message in ended()]
    assert short.startswith('< {"outputs": ["data:image/png;base64,[')
    assert len(short) < 100
    assert len(long) < 2100
    assert long.endswith("characters)")


def test_only_json_is_said(network: Network, ended: Ended) -> None:
    with WireServer(reply("<h1>Bad gateway</h1>", 502)) as server, pytest.raises(Unreachable):
        api(server.origin, network).get("/state")

    assert "Bad gateway" not in "".join(ended())


SIGNED = [
    "https://storage.example/a.png?X-Signature=sesame",
    "HTTPS://storage.example/a.png?sesame",
    "//storage.example/a.png?x=sesame",
    "/files/a.png?sig=sesame",
    "storage.example/a.png?sig=sesame",
    "https://storage.example/a.png#sig=sesame",
    "https://storage.example/a.png;sig=sesame",
    "https://name:sesame@storage.example/a.png",
    "https://storage.example/a b.png?sig=sesame",
    " \nhttps://storage.example/a.png\n?sig=sesame",
    "https://proxy.example/get/https%3A%2F%2Fstorage.example%2Fa.png%3Fsig%3Dsesame",
    "see https://storage.example/a.png?sig=sesame, please",
    "![a](https://storage.example/a.png?sig=sesame)",
]


@pytest.mark.parametrize("link", SIGNED)
@pytest.mark.parametrize("spelling", ["plain", "slashes", "escaped", "cut", "a text in a text"])
def test_no_spelling_of_a_link_shows_its_signature(network: Network, ended: Ended, link: str, spelling: str) -> None:
    text = json.dumps({"url": link, "more": [link]})
    if spelling == "slashes":
        text = text.replace("/", "\\/")
    elif spelling == "escaped":
        text = "".join(f"\\u{ord(c):04X}" if c in "/?&=#;:%@" and c not in ":" else c for c in text)
    elif spelling == "cut":
        text = text[:-3]
    elif spelling == "a text in a text":
        text = json.dumps({"body": text})
    with WireServer(reply(text)) as server:
        api(server.origin, network).get("/state", {"sig": "sesame", "other": "sesame"})

    assert "sesame" not in ended()[0]
    assert "storage.example" in ended()[0] or link.startswith("/files")


def test_a_field_with_a_secret_is_known_by_its_name(network: Network, ended: Ended) -> None:
    with WireServer(reply({"fields": {"X-Amz-Signature": "sesame", "policy-token": ["sesame"]}, "id": "7"})) as server:
        api(server.origin, network).get("/state")

    assert "sesame" not in ended()[0]
    assert '"id": "7"' in ended()[0]


def test_a_bomb_is_not_unpacked_for_the_log(network: Network, ended: Ended) -> None:
    packed = gzip.compress(gzip.compress(b'{"a": "' + bytes(50_000_000) + b'"}'))
    with (
        WireServer(Reply(headers={"Content-Encoding": "gzip, gzip"}, body=packed)) as server,
        pytest.raises(ServiceError),
    ):
        api(server.origin, network).post_once("/submit", {})

    assert len(ended()[0]) < 2000


@pytest.mark.parametrize("room", range(1900, 2010, 9))
def test_a_key_that_comes_back_is_not_logged_not_even_half(network: Network, ended: Ended, room: int) -> None:
    link = "https://storage.example/a.png?X-Signature=sesame"
    with WireServer(reply({"said": "x " * (room // 2) + KEY, "url": link}, headers={"X-Request-Id": KEY})) as server:
        api(server.origin, network).get(f"/state/{KEY}", {"token": KEY})

    [text] = ended()
    assert KEY[:6] not in text
    assert "sesame" not in text


def test_half_a_key_at_the_end_of_what_is_kept_is_not_logged(network: Network, ended: Ended) -> None:
    filled = "A" * (64 * 1024 - len('{"a": "", "b": "') - 10)
    with WireServer(reply({"a": filled, "b": KEY})) as server:
        api(server.origin, network).get("/state")

    assert KEY[:6] not in ended()[0]
