"""Downloads over real sockets: whole or not at all, without the key, and never from a private place."""

from __future__ import annotations

import errno
import gzip
import socket
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from imgen.pictures.download import DownloadError, DownloadFailed, LinkDead, LinkRefused, fetch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.pictures.conftest import WireServer
    from imgen_providers.client import Network

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
        self.heard: list[tuple[int, int | None]] = []

    def __call__(self, url: str, *, trusted: str | None = None, limit: int = 10**9) -> int:
        return fetch(self.network, url, self.part, trusted_origin=trusted, on_bytes=self.on_bytes, limit=limit)

    def on_bytes(self, received: int, total: int | None) -> None:
        self.heard.append((received, total))

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
    assert get.heard[-1] == (len(BODY), len(BODY))
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
    assert get.heard[-1] == (len(BODY), None)


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


@pytest.mark.parametrize(("coding", "packed"), [("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY))])
def test_a_body_packed_unasked_is_unpacked(serve: Serve, get: Fetch, coding: str, packed: bytes) -> None:
    server = serve(answer(packed, "200 OK", f"Content-Encoding: {coding}"))
    assert get(server.origin, trusted=server.origin) == len(BODY)
    assert get.part.read_bytes() == BODY
    assert get.heard[-1] == (len(BODY), None)


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "secret"])
def test_a_body_packed_in_another_way_is_not_saved(serve: Serve, get: Fetch, coding: str) -> None:
    server = serve(answer(BODY, "200 OK", f"Content-Encoding: {coding}"))
    assert "packed" in get.fails(DownloadFailed, server.origin, trusted=server.origin).message


def test_a_body_that_does_not_unpack_may_be_tried_again(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY, "200 OK", "Content-Encoding: gzip"))
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


@pytest.mark.parametrize("status", [204, 206, 300, 304, 400, 401, 408, 425, 429, 500, 502, 503, 504])
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


def test_whoever_counts_the_bytes_can_stop_the_download(serve: Serve, get: Fetch) -> None:
    class StoppedError(Exception):
        pass

    def stop(received: int, total: int | None) -> None:
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
        ("http://example.com/cat.png", "not https"),
        ("https://10.0.0.1/cat.png", "private network (10.0.0.1)"),
        ("https://169.254.169.254/latest/meta-data", "private network (169.254.169.254)"),
        ("https://someone:secret@example.com/", "user name or password"),
        ("ftp://example.com/cat.png", "not https"),
        ("file:///etc/passwd", "not https"),
    ],
)
def test_a_redirect_is_checked_like_a_link(serve: Serve, get: Fetch, location: str, reason: str) -> None:
    server = serve(redirect(location))
    message = get.refused(server.origin, trusted=server.origin)
    assert reason in message
    assert "secret" not in message


def test_a_redirect_to_nowhere_may_be_tried_again(serve: Serve, get: Fetch) -> None:
    server = serve(redirect("https://[::1"), answer(b"", "302 Found"))
    get.fails(DownloadFailed, server.origin, trusted=server.origin)
    get.fails(DownloadFailed, server.origin, trusted=server.origin)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/cat.png", "not https"),
        ("http://127.0.0.1/cat.png", "not https"),
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
        ("https://" + "a" * 64 + ".example/cat.png", "no host name"),
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
def test_a_name_that_leads_to_this_machine_gets_a_connection_and_not_one_byte(serve: Serve, get: Fetch) -> None:
    server = serve(answer(BODY))
    message = get.refused(f"https://pictures.example:{server.port}/cat.png")
    assert "private network (127.0.0.1)" in message
    server.close()
    assert server.received == [b""]


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
