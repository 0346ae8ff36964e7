"""How an ended submit is read, on real sockets: the design's rule of money, line by line."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest
import stamina

from imgen_providers import client
from imgen_providers.catalog import SERVICES
from imgen_providers.client import Network
from imgen_providers.errors import (
    InvalidRequest,
    KeyRefused,
    NoCredit,
    NotSent,
    RateLimited,
    Refused,
    Uncertain,
    Unreachable,
)
from imgen_providers.submission import Trace, nothing_accepted
from imgen_providers.testing.wire import Fault, Reply, WireServer, reply
from providers.sending import KEY, MEGABYTE, NOW, api, ended, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submit may take a third of a second."""
    monkeypatch.setitem(SERVICES, "reapi", SERVICES["reapi"]._replace(submit_seconds=0.3))


# Not sent: may go again


def test_a_refused_connection_is_not_sent(network: Network) -> None:
    with WireServer() as server:
        origin = server.origin

    assert type(ended(origin, network)) is NotSent


def test_an_unknown_name_is_not_sent(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's own error is made here, because a test may not ask a real one."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert type(ended("http://nowhere.invalid", network)) is NotSent


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue of connections answers in other ways")
def test_a_connection_that_is_not_taken_is_not_sent() -> None:
    """The queue of a listener is full, so the kernel drops what else comes: the connection times out."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        address = listener.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)

        error = ended(f"http://127.0.0.1:{address[1]}", Network(user_agent="imgen-tests/1", connect_seconds=0.2))

    assert type(error) is NotSent
    assert "timed out" in error.message


def test_without_a_word_about_what_left_it_counts_as_sent() -> None:
    assert not nothing_accepted(httpx.WriteError("reset"), Trace())
    assert nothing_accepted(httpx.PoolTimeout("full"), Trace())


def test_a_failed_handshake_is_not_sent(network: Network) -> None:
    with WireServer(Fault.RESET_ON_ACCEPT) as server:
        assert type(ended(server.origin.replace("http:", "https:"), network)) is NotSent


@contextmanager
def proxy(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that answers every request with the same bytes, and what it was asked."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        finally:
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["refuses", "hangs up", "hangs up behind the tunnel"],
)
def test_a_proxy_that_makes_no_tunnel_is_not_sent(
    network: Network, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    with proxy(answer) as (address, heard):
        monkeypatch.setenv("HTTPS_PROXY", address)

        error = ended("https://service.test", network)

    assert type(error) is NotSent
    assert heard[0].startswith(b"CONNECT service.test:443")
    assert KEY.encode() not in heard[0]


def test_loopback_never_goes_through_a_proxy(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with WireServer(reply({"ok": True})) as server:
        assert api(server.origin, network).post_once("/submit", {}).json() == {"ok": True}


@pytest.mark.parametrize(
    "address",
    ["socks5://user:secret@127.0.0.1:9", "gopher://user:secret@127.0.0.1:9", "http://user:secret@["],
)
def test_a_proxy_of_another_kind_is_not_sent_to_and_not_quoted(
    network: Network, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", address)

    error = ended("https://service.test", network)

    assert type(error) is NotSent
    assert "secret" not in str(error)


def test_certificates_that_are_not_there_mean_not_sent(tmp_path: Path) -> None:
    for content in (None, "no certificate"):
        file = tmp_path / "certificates.pem"
        if content is not None:
            file.write_text(content)

        error = ended("https://service.test", Network(user_agent="imgen-tests/1", ca_file=str(file)))

        assert type(error) is NotSent
        assert "certificates.pem" in error.message


def test_a_large_body_cut_on_its_way_is_not_sent(network: Network, tmp_path: Path) -> None:
    with WireServer(Fault.RESET_MID_BODY) as server:
        error = ended(server.origin, network, {"image": picture(tmp_path, 32 * MEGABYTE)})

        assert type(error) is NotSent
        assert server.requests == []


@pytest.mark.usefixtures("impatient")
def test_a_body_that_is_not_taken_is_not_sent(network: Network, tmp_path: Path) -> None:
    """The other side accepts and never reads: the write runs out of time before the body is whole."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"

        error = ended(origin, network, {"image": picture(tmp_path, 32 * MEGABYTE)})

    assert type(error) is NotSent


@pytest.mark.parametrize("change", ["other bytes", "shorter", "gone"])
def test_a_reference_that_changed_is_not_sent(network: Network, tmp_path: Path, change: str) -> None:
    recorded = picture(tmp_path, MEGABYTE)
    match change:
        case "other bytes":
            recorded.path.write_bytes(b"x" * recorded.size)
        case "shorter":
            recorded.path.write_bytes(b"0123456789abcdef")
        case _:
            recorded.path.unlink()
    with WireServer(reply({"id": "x"})) as server:
        error = ended(server.origin, network, {"image": recorded})

        assert type(error) is NotSent
        assert "reference.png" in error.message
        assert server.requests == []


# Refused, and not charged


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_refused_and_not_followed(network: Network, status: int) -> None:
    with WireServer(Reply(status, headers={"Location": "/elsewhere"})) as server:
        assert type(ended(server.origin, network)) is Refused
        assert [request.path for request in server.requests] == ["/submit"]


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, InvalidRequest),
        (401, KeyRefused),
        (402, NoCredit),
        (403, KeyRefused),
        (404, InvalidRequest),
        (405, InvalidRequest),
        (410, InvalidRequest),
        (413, InvalidRequest),
        (415, InvalidRequest),
        (418, InvalidRequest),
        (422, InvalidRequest),
        (451, InvalidRequest),
        (499, InvalidRequest),
    ],
)
def test_a_client_error_is_refused(network: Network, status: int, meaning: type[Refused]) -> None:
    with WireServer(reply({"message": "no"}, status)) as server:
        error = ended(server.origin, network)

        assert type(error) is meaning
        assert error.http_status == status
        assert len(server.requests) == 1


def test_a_refusal_cut_short_is_still_a_refusal(network: Network) -> None:
    with WireServer(replace(reply({"message": "Insufficient credits"}, 402), missing=100)) as server:
        assert type(ended(server.origin, network)) is NoCredit


def test_a_refusal_before_the_body_is_whole_is_still_a_refusal(network: Network, tmp_path: Path) -> None:
    """A gateway that says 413 while a large body is on its way has answered."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    with listener:
        error = ended(
            f"http://127.0.0.1:{listener.getsockname()[1]}",
            network,
            {"image": picture(tmp_path, 4 * MEGABYTE)},
        )
        thread.join()

    assert (type(error), error.http_status) == (InvalidRequest, 413)


# Again after a while


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        ("9" * 400, 86_400.0),
        ("soon", None),
        ("²", None),
        ("-3", None),
        (None, None),
    ],
    ids=["seconds", "spaces", "date", "past date", "for ever", "word", "superscript", "negative", "absent"],
)
def test_a_rate_limit_says_when_to_come_back(network: Network, header: str | None, seconds: float | None) -> None:
    headers = {} if header is None else {"Retry-After": header}
    with WireServer(reply({"message": "slow down"}, 429, headers)) as server:
        error = ended(server.origin, network)

        assert (type(error), error.retry_after) == (RateLimited, seconds)
        assert len(server.requests) == 1


# Everything else: may have been charged


@pytest.mark.parametrize("status", [408, 409, 425, 500, 501, 502, 503, 504, 520, 599])
def test_an_answer_that_settles_nothing_may_have_charged(network: Network, status: int) -> None:
    with WireServer(reply("<html>", status, {"Retry-After": "1"})) as server:
        assert type(ended(server.origin, network)) is Uncertain
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [Fault.RESET_AFTER_READ, Fault.CLOSE_AFTER_READ, Fault.HANG],
    ids=lambda fault: fault.name,
)
@pytest.mark.usefixtures("impatient")
def test_a_lost_answer_may_have_charged(network: Network, fault: Fault) -> None:
    with WireServer(fault) as server:
        assert type(ended(server.origin, network)) is Uncertain
        assert len(server.requests) == 1


def test_a_reset_on_accept_is_judged_by_what_had_left_by_then(network: Network) -> None:
    """A small body may be in the kernel's hands before the reset arrives, and then nothing proves it was not read."""
    with WireServer(Fault.RESET_ON_ACCEPT) as server:
        assert isinstance(ended(server.origin, network), NotSent | Uncertain)
        assert server.connections == 1


def test_a_yes_cut_short_may_have_charged(network: Network) -> None:
    with WireServer(replace(reply({"id": "x"}), missing=100)) as server:
        error = ended(server.origin, network)

        assert (type(error), error.http_status) == (Uncertain, 200)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (reply({"error": "upstream timed out", "id": "task-7"}, 504), "task-7"),
        (reply({"error": {"message": "no", "id": "evt-1"}, "data": {"task_id": 77}}, 500), "77"),
        (reply({"detail": "late", "polling_url": "/api/v1/tasks/task-7"}, 502), "task-7"),
        (replace(reply('{"id": "task-7", "status": "proce'), missing=100), "task-7"),
        (replace(reply('{"id": "task-'), missing=100), None),
        (reply('<html>{"id": 7}</html>', 502), "7"),
        (reply({"error": "no", "request_id": "exchange-1"}, 500), None),
        (reply({"error": {"message": "no", "id": "evt-1"}}, 500), None),
    ],
    ids=repr,
)
def test_an_answer_that_settles_nothing_may_name_the_job(network: Network, answer: Reply, named: str | None) -> None:
    with WireServer(answer) as server:
        error = ended(server.origin, network)

    assert (type(error), error.remote_id) == (Uncertain, named)


@contextmanager
def trickling(head: bytes, piece: bytes, first: bytes = b"") -> Iterator[str]:
    """The origin of a server that answers with a head, and then with pieces without end.

    On each connection, it gives the whole answer `first` to one request before.
    """
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            if first:
                connection.sendall(first)
                connection.recv(65536)
            connection.sendall(head)
            while not stop.wait(0.02):
                connection.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                thread = threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True)
                thread.start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


TRICKLES = pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    ],
    ids=["body", "continue", "hints", "header"],
)


@TRICKLES
@pytest.mark.usefixtures("impatient")
def test_a_yes_that_trickles_for_ever_ends(network: Network, head: bytes, piece: bytes) -> None:
    """Every piece comes in time; the whole never would."""
    with trickling(head, piece) as origin:
        error = ended(origin, network)

    assert type(error) is Uncertain
    assert "too slowly" in error.message


@TRICKLES
def test_an_answer_to_a_question_that_trickles_for_ever_ends(
    monkeypatch: pytest.MonkeyPatch, head: bytes, piece: bytes
) -> None:
    """Also on a connection that is kept, of which no event names the stream."""
    monkeypatch.setattr(client, "_QUESTION_SECONDS", 0.3)
    stamina.set_testing(True, attempts=1)
    network = Network(user_agent="imgen-tests/1", connect_seconds=0.15, read_seconds=0.15)
    with trickling(head, piece, first=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as origin:
        asks = api(origin, network)
        for _ in range(2):
            assert asks.get("/account").json() == {}
            with pytest.raises(Unreachable, match="too slowly"):
                asks.get("/account")
    network.close()


def test_bytes_that_are_no_http_may_have_charged_and_keep_the_key_to_themselves(network: Network) -> None:
    """The library quotes what it cannot read, and here that is the key."""
    with proxy(f"Bearer {KEY} is not HTTP\r\n\r\n".encode()) as (address, _):
        error = ended(address, network)

    assert type(error) is Uncertain
    assert KEY not in f"{error!r} {error.message} {error.__cause__!r}"
    assert error.__suppress_context__


@pytest.mark.parametrize("body", ["<html>Welcome</html>", ""], ids=["html", "empty"])
def test_a_yes_is_handed_over_as_it_came(network: Network, body: str) -> None:
    """Whether it can be understood is the service's business; the contract holds each one to it."""
    with WireServer(reply(body)) as server:
        answer = api(server.origin, network).post_once("/submit", {})

        assert (answer.status, answer.body) == (200, body.encode())
        with pytest.raises(ValueError):
            answer.json()
