"""Fetching a finished picture from the link a service gave: without its key, never from a private place."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import httpx

from imgen.pictures.place import new_part
from imgen_providers.addresses import Address, is_loopback, is_loopback_address, is_public, literal
from imgen_providers.answers import retry_after
from imgen_providers.trust import distrust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from httpcore import NetworkStream

    from imgen_providers.client import Network

_REDIRECTS = 5
_PEEK = 512  # bytes: enough to tell what a file is
_HEADERS = {"Accept-Encoding": "identity"}
_UNPACKED_HERE = ("", "identity", "gzip", "deflate")  # content codings that every httpx decodes


class DownloadError(Exception):
    """A picture could not be fetched; `message` is for people, and never holds the link, which is secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LinkDead(DownloadError):
    """The link does not work any more (403, 404, 410): the service may have a fresh one."""


class DownloadFailed(DownloadError):
    """It did not work this time; `retry_after` is how many seconds the host asked us to wait."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LinkRefused(DownloadError):
    """The link is one we will not follow: it is not safe, or what lies behind it is too large."""


def fetch(
    network: Network,
    url: str,
    part: Path,
    *,
    trusted_origin: str | None,
    on_bytes: Callable[[int, int | None], None],
    limit: int = 256 * 1024 * 1024,
) -> int:
    """Fetch `url` into the new file `part`, synced to disk, and return its size. Sends no key and no cookie.

    `trusted_origin` is the service's configured origin (scheme and host): the only one that may lie in a
    private network; where it is on this machine, so may its pictures. `on_bytes(received, total)` hears of
    every piece, with `total` None where nobody says it; what it raises ends the download. Sizes are in bytes.
    Raises `LinkDead`, `DownloadFailed` or `LinkRefused`, and `OSError` from the disk; `part` is then gone.
    """
    with new_part(part) as file:
        return _followed(
            network, url, trusted_origin, _HEADERS, lambda response: _save(response, file, on_bytes, limit)
        )


def check_link(url: str, *, trusted_origin: str | None) -> None:
    """Raises `LinkRefused` for a link that `fetch` would not follow, as far as the link itself says it."""
    _Guard(trusted_origin).admit(_parsed(url))


@dataclass(frozen=True, slots=True)
class Peek:
    """The first bytes behind a link, and how many there are in all where the host says it."""

    head: bytes
    size: int | None


def peek(network: Network, url: str, *, trusted_origin: str | None) -> Peek:
    """Look at the first bytes behind a link, to know that others can fetch it; what `fetch` refuses, this does.

    Raises `LinkDead`, `DownloadFailed` or `LinkRefused`.
    """
    headers = {**_HEADERS, "Range": f"bytes=0-{_PEEK - 1}"}
    return _followed(network, url, trusted_origin, headers, _peeked)


Outcome = TypeVar("Outcome")


def _followed(
    network: Network,
    url: str,
    trusted_origin: str | None,
    headers: Mapping[str, str],
    read: Callable[[httpx.Response], Outcome],
) -> Outcome:
    """What `read` makes of the answer at the end of the link's redirects."""
    guard = _Guard(trusted_origin)
    link = guard.admit(_parsed(url))
    for _ in range(_REDIRECTS + 1):
        try:
            # A client for each hop: no cookie lives on, and no connection checked for another link.
            with (
                network.new_client(str(link)) as client,
                client.stream("GET", link, headers=headers, extensions={"trace": guard.watch(link)}) as response,
            ):
                if response.next_request is None:
                    _check_status(response, network.now())
                    return read(response)
                link = guard.admit(response.next_request.url)
        except httpx.HTTPError as error:
            reason = distrust(error) or " ".join(str(error).split()) or type(error).__name__
            raise DownloadFailed(f"The download from {link.host} broke off: {reason}.") from error
        except UnicodeError as error:  # from the resolver, for a host name with a label over 63 letters
            raise LinkRefused(f"The link leads to {link.host}, which is no host name.") from error
    raise LinkRefused(f"The link was sent on more than {_REDIRECTS} times, last to {link.host}.")


def _peeked(response: httpx.Response) -> Peek:
    head = bytearray()
    for piece in response.iter_bytes(_PEEK):
        head += piece
        if len(head) >= _PEEK:
            break
    # "bytes 0-511/70000", or the length of the whole where the host knows no ranges (RFC 9110, 14.4).
    total = response.headers.get("Content-Range", "").rpartition("/")[2] or response.headers.get("Content-Length", "")
    return Peek(bytes(head[:_PEEK]), int(total) if total.isdecimal() else None)


class _Guard:
    """Which links may be followed, and which machines may answer them.

    A name can resolve to anything, and to something else a moment later, so what counts is the address that
    the connection really has: httpx's trace shows it before the first byte is sent. Behind a proxy that is
    the proxy's address, and the proxy resolves names itself: there only the link's own host can be judged.
    """

    def __init__(self, trusted_origin: str | None) -> None:
        self._trusted = httpx.URL(trusted_origin or "")
        self._trusts_loopback = is_loopback(_host(self._trusted))

    def admit(self, link: httpx.URL) -> httpx.URL:
        """The link, if it may be followed. Raises `LinkRefused`."""
        host = _host(link)
        if not host:
            raise LinkRefused("The link names no host.")
        if link.userinfo:
            raise LinkRefused(f"The link to {host} has a user name or password in it.")
        local = is_loopback(host)
        if link.scheme != "https" and not (link.scheme == "http" and local and self._trusts_loopback):
            raise LinkRefused(f"The link to {host} is not https.")
        if local and not (self._trusts_loopback or self._is_trusted(link)):
            raise LinkRefused(f"The link leads to {host}, on this machine.")
        address = literal(host)
        if address is not None and not self._permits(link, address):
            raise _private(link, address)
        return link

    def watch(self, link: httpx.URL) -> Callable[[str, dict[str, Any]], None]:
        """A trace for httpx that ends a connection to a place `link` may not lead to."""
        direct = False

        def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal direct
            if event == "connection.connect_tcp.started":
                direct = info["host"] == _host(link)
            elif event == "connection.connect_tcp.complete" and direct:
                stream = info["return_value"]
                try:
                    self._check_peer(link, stream)
                except BaseException:
                    stream.close()  # httpcore does not know of it yet
                    raise

        return trace

    def _check_peer(self, link: httpx.URL, stream: NetworkStream) -> None:
        try:
            address = ip_address(stream.get_extra_info("server_addr")[0])
        except OSError as error:
            raise httpx.ConnectError("the connection was lost at once") from error
        if not self._permits(link, address):
            raise _private(link, address)

    def _permits(self, link: httpx.URL, address: Address) -> bool:
        if self._is_trusted(link) or is_public(address):
            return True
        return self._trusts_loopback and is_loopback_address(address)

    def _is_trusted(self, link: httpx.URL) -> bool:
        ours = self._trusted
        return (link.scheme, _host(link), link.port) == (ours.scheme, _host(ours), ours.port)


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise LinkRefused("The link cannot be read as a URL.") from error


def _host(link: httpx.URL) -> str:
    """The host as it goes to the resolver."""
    return link.raw_host.decode("ascii")


def _private(link: httpx.URL, address: Address) -> LinkRefused:
    return LinkRefused(f"The link leads to {link.host}, in a private network ({address}).")


def _check_status(response: httpx.Response, now: float) -> None:
    host, status = response.url.host, response.status_code
    if status == HTTPStatus.OK or (status == HTTPStatus.PARTIAL_CONTENT and "Range" in response.request.headers):
        return
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise LinkDead(f"The link does not work any more: {host} answered HTTP {status}.")
    raise DownloadFailed(
        f"{host} did not give the picture (HTTP {status}).",
        retry_after=retry_after(response.headers.get("Retry-After"), now),
    )


def _save(response: httpx.Response, file: BinaryIO, on_bytes: Callable[[int, int | None], None], limit: int) -> int:
    """Write the body as it comes; httpx itself raises when it is shorter than its Content-Length.

    A host that packs the body unasked will do so every time, so it is unpacked rather than lost.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in _UNPACKED_HERE:
        raise DownloadFailed(f"{response.url.host} sent the picture packed in a way we cannot unpack.")
    announced = response.headers.get("Content-Length")
    total = int(announced) if announced and coding in ("", "identity") else None
    received = 0
    if total is None or total <= limit:
        for piece in response.iter_bytes():
            received += len(piece)
            if received > limit:
                break
            file.write(piece)
            on_bytes(received, total)
        else:
            return received
    raise LinkRefused(f"What {response.url.host} sends is larger than {limit:,} bytes.")
