"""Downloads over real sockets: whole or not at all, without the key, and never from a private place."""

from __future__ import annotations

import errno
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from imgen.pictures.download import DownloadError, DownloadFailed, LinkDead, LinkRefused, check_link, fetch, peek
from imgen_providers.client import Network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.pictures.conftest import WireServer

    Serve = Callable[..., WireServer]

BODY = bytes(range(256)) * 400


def answer(body: bytes = b"", status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def redirect(location: str, *headers: str) -> bytes:
    return answer(b"", "302 Found", f"Location: {location}", *headers)


class Fetch:
    """`fetch` with what these tests do not vary."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network = network
        self.part = folder / ".cat.png.part"
        self.heard: list[int] = []

    def __call__(
        self, url: str, *, trusted: str | None = None, limit: int = 10**9, deadline: float | None = None
    ) -> int:
        return fetch(
            self.network,
            url,
            self.part,
            trusted_origin=trusted,
            on_bytes=self.on_bytes,
            limit=limit,
            deadline=deadline,
        )

    def on_bytes(self, received: int) -> None:
        self.heard.append(received)

    def refused(self, url: str, *, trusted: str | None = None, limit: int = 10**9) -> str:
        return self.fails(LinkRefused, url, trusted=trusted, limit=limit).message

    def fails(self, kind: type[DownloadError], url: str, **options: Any) -> DownloadError:
        with pytest.raises(DownloadError) as error:
            self(url, **options)
        assert type(error.value) is kind, error.value
        assert not self.part.exists()
        return error.value


@pytest.fixture
def get(network: Network, tmp_path: Path) -> Fetch:
    return Fetch(network, tmp_path)


def test_the_bytes_arrive_as_they_are_and_are_counted(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    assert get(f"{server.origin}/cat.png", trusted=server.origin) == len(BODY)
    assert get.part.read_bytes() == BODY
    assert get.heard[-1] == len(BODY)
    assert get.heard == sorted(get.heard)


def test_a_download_asks_for_plain_bytes_and_shows_no_key(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    get(f"{server.origin}/cat.png?signature=1", trusted=server.origin)
    request = server.received[0].lower()
    assert request.startswith(b"get /cat.png?signature=1 ")
    assert b"accept-encoding: identity\r\n" in request
    for header in (b"authorization", b"cookie", b"key"):
        assert header not in request


def test_a_body_of_unknown_length_is_taken(serve: Serve, get: Fetch) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
    assert get(server.origin, trusted=server.origin) == len(BODY)
    assert get.heard[-1] == len(BODY)


def test_a_chunked_body_is_taken_only_when_it_is_whole(serve: Serve, get: Fetch) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n" % len(BODY) + BODY + b"\r\n"
    server = serve(head + chunk, head + chunk + b"0\r\n\r\n")
    get.fails(DownloadFailed, server.origin, trusted=server.origin)
    assert get(server.origin, trusted=server.origin) == len(BODY)


@pytest.mark.parametrize("sent", [0, 1, len(BODY) - 1])
def test_a_body_shorter_than_announced_may_be_tried_again(serve: Serve, get: Fetch, sent: int) -> None:
    server = serve(answer(BODY[:sent], length=len(BODY)))
    error = get.fails(DownloadFailed, f"{server.origin}/cat.png?signature=1", trusted=server.origin)
    assert "broke off" in error.message
    assert "signature" not in error.message


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("UTF-8, GZIP", gzip.compress(BODY)),
        ("gzip, identity", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
        ("none", BODY),
        ("UTF-8", BODY),
        ("identity, none", BODY),
        ("binary", BODY),
    ],
)
def test_a_body_packed_unasked_is_unpacked(serve: Serve, get: Fetch, coding: str, packed: bytes) -> None:
    server = serve(answer(packed, "200 OK", f"Content-Encoding: {coding}"))
    assert get(server.origin, trusted=server.origin) == len(BODY)
    assert get.part.read_bytes() == BODY
    assert get.heard[-1] == len(BODY)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip,identity, x-gzip"])
def test_a_body_packed_in_another_way_is_not_saved(serve: Serve, get: Fetch, coding: str) -> None:
    server = serve(answer(BODY, "200 OK", f"Content-Encoding: {coding}"))
    assert "packed" in get.fails(DownloadFailed, server.origin, trusted=server.origin).message


def test_a_body_that_does_not_unpack_may_be_tried_again(serve: Serve, get: Fetch) -> None:
    server = serve(answer(gzip.compress(BODY)[:-9], "200 OK", "Content-Encoding: gzip"))
    get.fails(DownloadFailed, server.origin, trusted=server.origin)


@pytest.mark.parametrize(
    "reply",
    [
        answer(BODY),
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
        answer(gzip.compress(BODY), "200 OK", "Content-Encoding: gzip"),
    ],
)
def test_more_than_the_limit_is_refused(serve: Serve, get: Fetch, reply: bytes) -> None:
    server = serve(reply)
    assert "larger than 50,000 bytes" in get.refused(server.origin, trusted=server.origin, limit=50_000)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_link_that_is_gone_is_dead(serve: Serve, get: Fetch, status: int) -> None:
    server = serve(answer(b"<Error>", f"{status} No"))
    assert f"HTTP {status}" in get.fails(LinkDead, server.origin, trusted=server.origin).message


@pytest.mark.parametrize("status", [204, 205, 300, 304, 400, 401, 408, 425, 429, 500, 502, 503, 504])
def test_any_other_answer_may_be_tried_again(serve: Serve, get: Fetch, status: int) -> None:
    server = serve(answer(b"", f"{status} No"))
    error = get.fails(DownloadFailed, server.origin, trusted=server.origin)
    assert isinstance(error, DownloadFailed)
    assert f"HTTP {status}" in error.message
    assert error.retry_after is None


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("Sun, 09 Sep 2001 01:47:00 GMT", 20.0)])
def test_the_host_may_say_when_to_try_again(serve: Serve, get: Fetch, value: str, seconds: float) -> None:
    server = serve(answer(b"", "503 Busy", f"Retry-After: {value}"))
    error = get.fails(DownloadFailed, server.origin, trusted=server.origin)
    assert isinstance(error, DownloadFailed)
    assert error.retry_after == seconds


@pytest.mark.parametrize("reply", [b"", b"garbage\r\n\r\n", None])
def test_no_answer_may_be_tried_again(serve: Serve, get: Fetch, reply: bytes | None) -> None:
    """A closed connection, an answer that is not HTTP, and silence."""
    server = serve(reply)
    get.fails(DownloadFailed, server.origin, trusted=server.origin)


def test_a_refused_connection_may_be_tried_again(get: Fetch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        origin = f"http://127.0.0.1:{closed.getsockname()[1]}"
    get.fails(DownloadFailed, origin, trusted=origin)


def test_a_connection_lost_at_once_may_be_tried_again(
    serve: Serve, get: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(connection: socket.socket) -> None:
        raise OSError(errno.ENOTCONN, "not connected")

    server = serve(answer(BODY))
    monkeypatch.setattr(socket.socket, "getpeername", lost)
    get.fails(DownloadFailed, server.origin, trusted=server.origin)


def test_an_existing_part_is_never_touched(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    get.part.write_bytes(b"another's")
    with pytest.raises(FileExistsError):
        get(server.origin, trusted=server.origin)
    assert get.part.read_bytes() == b"another's"


def test_a_counter_of_the_bytes_can_stop_the_download(serve: Serve, get: Fetch) -> None:
    class StoppedError(Exception):
        pass

    def stop(received: int) -> None:
        raise StoppedError

    server = serve(answer(BODY))
    with pytest.raises(StoppedError):
        fetch(get.network, server.origin, get.part, trusted_origin=server.origin, on_bytes=stop)
    assert not get.part.exists()


def test_five_redirects_are_followed(serve: Serve, get: Fetch) -> None:
    server = serve(*[redirect(f"/{hop}") for hop in range(5)], answer(BODY))
    assert get(f"{server.origin}/a/cat.png", trusted=server.origin) == len(BODY)
    assert server.received[-1].startswith(b"GET /4 ")


def test_a_sixth_redirect_is_not(serve: Serve, get: Fetch) -> None:
    server = serve(*[redirect(f"/{hop}") for hop in range(6)], answer(BODY))
    assert "sent on more than 5 times" in get.refused(server.origin, trusted=server.origin)
    assert len(server.received) == 6


def test_cookies_are_not_carried_along(serve: Serve, get: Fetch) -> None:
    server = serve(redirect("/next", "Set-Cookie: id=1; Path=/"), answer(BODY))
    get(server.origin, trusted=server.origin)
    assert b"cookie" not in server.received[1].lower()


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://10.0.0.1/cat.png", "private network (10.0.0.1)"),
        ("https://10.0.0.1/cat.png", "private network (10.0.0.1)"),
        ("https://169.254.169.254/latest/meta-data", "private network (169.254.169.254)"),
        ("https://someone:secret@example.com/", "user name or password"),
        ("ftp://example.com/cat.png", "not https"),
        ("file:///etc/passwd", "names no host"),
    ],
)
def test_a_redirect_is_checked_like_a_link(serve: Serve, get: Fetch, location: str, reason: str) -> None:
    server = serve(redirect(location))
    message = get.refused(server.origin, trusted=server.origin)
    assert reason in message
    assert "secret" not in message


@pytest.mark.parametrize("location", ["https://[::1", "https://host:port/", "https://a:b:c", "", "x" * 30_000])
def test_a_redirect_to_nowhere_may_be_tried_again(serve: Serve, get: Fetch, location: str) -> None:
    server = serve(redirect(location) if location else answer(b"", "302 Found"))
    get.fails(DownloadFailed, server.origin, trusted=server.origin)


@pytest.mark.parametrize("location", ["https:*", "https://xn--/x", "https://xn--a/", "//xn--/cat.png"])
def test_a_redirect_to_no_host_name_is_refused(serve: Serve, get: Fetch, location: str) -> None:
    server = serve(redirect(location))
    message = get.refused(server.origin, trusted=server.origin)
    assert "cannot be read" in message or "names no host" in message


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1/cat.png", "on this machine"),
        ("http://192.0.0.8/cat.png", "private network (192.0.0.8)"),
        ("https://192.88.99.1/cat.png", "private network (192.88.99.1)"),
        ("https://xn--/x", "cannot be read"),
        ("ftp://example.com/cat.png", "not https"),
        ("https://127.0.0.1/cat.png", "on this machine"),
        ("https://localhost/cat.png", "on this machine"),
        ("https://[::1]/cat.png", "on this machine"),
        ("https://[::ffff:7f00:1]/cat.png", "on this machine"),
        ("https://127.1/cat.png", "on this machine"),
        ("https://0xa.1/cat.png", "private network (10.0.0.1)"),
        ("https://[fd00::1]/cat.png", "private network (fd00::1)"),
        ("https://[64:ff9b::a00:1]/cat.png", "private network"),
        ("https://0.0.0.0/cat.png", "private network (0.0.0.0)"),
        ("https://user@example.com/cat.png", "user name or password"),
        ("https:///cat.png", "names no host"),
        ("cat.png", "names no host"),
        ("https://" + "a" * 64 + ".example/cat.png", "cannot be read"),
        ("https://\x00/", "cannot be read"),
    ],
)
def test_an_unsafe_link_is_refused(get: Fetch, url: str, reason: str) -> None:
    assert reason in get.refused(url)


def test_this_machine_is_refused_to_a_service_elsewhere(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    get.refused(server.origin, trusted="https://api.example.com")
    get.refused(server.origin.replace("http:", "https:"))
    server.close()
    assert server.received == []


def test_a_service_on_this_machine_may_serve_pictures_from_another_port(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    assert get(server.origin, trusted="http://localhost:1") == len(BODY)


@pytest.fixture
def rebound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name resolves to this machine, as an attacker's name server can arrange."""
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        return real("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.usefixtures("rebound")
def test_a_name_that_leads_to_this_machine_is_refused_before_a_connection(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    message = get.refused(f"https://pictures.example:{server.port}/cat.png")
    assert "private network (127.0.0.1)" in message
    server.close()
    assert server.received == []


def test_the_connection_goes_to_the_address_that_was_checked(
    serve: Serve, get: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that names another address the second time gets no second question."""
    server = serve(answer(BODY))
    real = socket.getaddrinfo
    asked: list[str] = []

    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        if host == "pictures.example":
            asked.append(host)
            return real("127.0.0.1" if len(asked) == 1 else "10.0.0.1", *rest, **options)
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    # Trusted as an origin, it may be on this machine; it speaks no TLS, so only our handshake arrives.
    origin = f"https://pictures.example:{server.port}"
    get.fails(DownloadFailed, f"{origin}/cat.png", trusted=origin)
    assert (asked, server.received[0][:1]) == (["pictures.example"], b"\x16")


def test_an_address_that_cannot_be_reached_is_no_end_where_there_is_another(
    serve: Serve, get: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answer(BODY))
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        addresses = ("127.0.0.2", "127.0.0.1") if host == "localhost" else (host,)
        return [found for address in addresses for found in real(address, *rest, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert get(f"http://localhost:{server.port}/cat.png", trusted=server.origin) == len(BODY)


@pytest.mark.usefixtures("rebound")
@pytest.mark.parametrize("link", ["http://pictures.example:{port}/cat.png", " \n//pictures.example:{port}/c\nat.png\t"])
def test_a_link_without_https_is_fetched_by_https(serve: Serve, get: Fetch, link: str) -> None:
    server = serve(answer(BODY))
    origin = f"https://pictures.example:{server.port}"
    get.fails(DownloadFailed, link.format(port=server.port), trusted=origin)
    assert server.received[0][:1] == b"\x16"


def test_a_link_that_a_service_would_fetch_without_https_is_not_given_to_it() -> None:
    check_link("https://pictures.example/cat.png", trusted_origin=None)
    with pytest.raises(LinkRefused, match="not https"):
        check_link("http://pictures.example/cat.png", trusted_origin=None)


@pytest.mark.parametrize(
    ("status", "range"),
    [
        ("206 Partial Content", f"bytes 0-{len(BODY) - 1}/{len(BODY)}"),
        ("206 Partial Content", f"bytes 0-{len(BODY) - 1}/*"),
        ("206 Partial Content", None),
        ("201 Created", None),
        ("203 Non-Authoritative", None),
        ("299 Odd", None),
    ],
)
def test_every_success_that_brings_the_whole_picture_is_one(
    serve: Serve, get: Fetch, status: str, range: str | None
) -> None:
    server = serve(answer(BODY, status, *([f"Content-Range: {range}"] if range else [])))
    assert get(server.origin, trusted=server.origin) == len(BODY)


@pytest.mark.parametrize("range", [f"bytes 0-99/{len(BODY)}", f"bytes 100-{len(BODY) - 1}/{len(BODY)}"])
def test_a_part_of_a_picture_is_none(serve: Serve, get: Fetch, range: str) -> None:
    server = serve(answer(BODY, "206 Partial Content", f"Content-Range: {range}"))
    get.fails(DownloadFailed, server.origin, trusted=server.origin)


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 3, answer(BODY)[:900]]
)
def test_a_host_that_never_ends_is_left_at_the_deadline(serve: Serve, get: Fetch, start: bytes) -> None:
    server = serve((start, b"x"))
    error = get.fails(DownloadFailed, server.origin, trusted=server.origin, deadline=time.monotonic() + 0.3)
    assert "took too long" in error.message


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 206 Partial\r\nContent-Length: 512\r\n\r\n"])
def test_a_look_that_never_ends_is_left_at_the_deadline(serve: Serve, network: Network, start: bytes) -> None:
    server = serve((start, b"x"))
    with pytest.raises(DownloadFailed, match="took too long"):
        peek(network, server.origin, trusted_origin=server.origin, deadline=time.monotonic() + 0.3)


def test_a_deadline_that_is_over_sends_nothing(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    get.fails(DownloadFailed, server.origin, trusted=server.origin, deadline=time.monotonic())
    server.close()
    assert server.received == []


def test_a_bomb_costs_neither_memory_nor_disk(serve: Serve, get: Fetch) -> None:
    once = gzip.compress(bytes(100_000_000), 9)
    limit = 40_000_000
    server = serve(
        answer(once, "200 OK", "Content-Encoding: gzip"),
        answer(gzip.compress(once), "200 OK", "Content-Encoding: gzip, gzip"),
    )
    tracemalloc.start()
    try:
        with pytest.raises(DownloadError):
            get(server.origin, trusted=server.origin, limit=limit)
        get.fails(DownloadFailed, server.origin, trusted=server.origin, limit=limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000
    assert max(get.heard) <= limit


@pytest.mark.parametrize("trusted", ["http://127.0.0.1:1", "https://pictures.example:{port}"])
@pytest.mark.usefixtures("rebound")
def test_a_trusted_name_may_lead_to_this_machine(serve: Serve, get: Fetch, trusted: str) -> None:
    """The server speaks no TLS, so the download fails, but only after our handshake arrived."""
    server = serve(answer(BODY))
    link = f"https://pictures.example:{server.port}/cat.png"
    get.fails(DownloadFailed, link, trusted=trusted.format(port=server.port))
    assert server.received[0][:1] == b"\x16"


def test_behind_a_proxy_the_proxy_may_be_on_this_machine(
    serve: Serve, get: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(answer(b"", "502 Bad Gateway"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
    get.fails(DownloadFailed, "https://pictures.example/cat.png")
    assert proxy.received[0].startswith(b"CONNECT pictures.example:443 ")


@pytest.mark.parametrize("host", ["10.0.0.1", "0xa.1", "localhost.", "127.1", "[fd00::1]"])
def test_behind_a_proxy_the_links_own_host_still_counts(
    serve: Serve, get: Fetch, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    proxy = serve(answer(BODY))
    monkeypatch.setenv("ALL_PROXY", proxy.origin)
    get.refused(f"https://{host}/cat.png")
    proxy.close()
    assert proxy.received == []


def test_a_deadline_holds_over_tls(tmp_path: Path) -> None:
    """There the connection is another object than the one that was made first."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    over = threading.Event()
    with socket.create_server(("localhost", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as peer:
                peer.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.1):
                    peer.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        network = Network(user_agent="imgen-test", ca_file=str(tmp_path / "ca.pem"))
        origin = f"https://localhost:{listener.getsockname()[1]}"
        try:
            error = Fetch(network, tmp_path).fails(
                DownloadFailed, origin, trusted=origin, deadline=time.monotonic() + 1
            )
        finally:
            over.set()
            thread.join(10)
    assert "took too long" in error.message
