"""Fetching a finished picture from the link a service gave: without its key, never from a private place."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar

import httpx

from imgen.files import new_part
from imgen_providers.addresses import is_loopback_host
from imgen_providers.answers import retry_after
from imgen_providers.bound import Bound
from imgen_providers.content_coding import unpacked
from imgen_providers.errors import in_words
from imgen_providers.peers import PeerGuard, PeerRefused, host_of, parsed
from imgen_providers.trust import distrust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from imgen_providers.client import Network

_REDIRECTS = 5
_ADDRESSES = 3  # of one host that are tried
_PEEK = 512  # bytes: enough to name a file's format
_LOCATION = "X-Imgen-Location"
_AROUND = "".join(map(chr, range(0x21)))  # what browsers take off a link (WHATWG URL, 4.4)
_INSIDE = re.compile(r"[\t\r\n]")
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


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
    on_bytes: Callable[[int], None],
    limit: int = 256 * 1024 * 1024,
    deadline: float | None = None,
) -> int:
    """Fetch `url` into the new file `part`, synced to disk, and return its size. Sends no key and no cookie.

    `trusted_origin` is the service's configured origin (scheme and host): the only one that may be in a private
    network; where it is on this machine, so may its pictures. `on_bytes` is called for every piece with what was
    received so far; what it raises ends the download. Sizes are in bytes, `deadline` in seconds of
    `time.monotonic`: at that moment the connection is closed, whatever comes through it.
    Raises `LinkDead`, `DownloadFailed` or `LinkRefused`, and `OSError` from the disk; `part` is then gone.
    """
    with new_part(part) as file:
        transfer = _Transfer(network, trusted_origin, {"Accept-Encoding": "identity"}, deadline)
        return _followed(transfer, url, lambda response: _save(response, file, on_bytes, limit))


def check_link(url: str, *, trusted_origin: str | None) -> None:
    """Raises `LinkRefused` for a link that must not be given to a service, as far as the link itself shows it.

    What `fetch` would fetch by https all the same, a service would fetch as it is written.
    """
    with _refusals():
        written = parsed(url)
        if written.scheme != _admitted(PeerGuard(trusted_origin), url).scheme:
            raise LinkRefused(f"The link to {host_of(written)} is not https.")


class Peek(NamedTuple):
    """The first bytes behind a link, and how many there are in all where the host names it."""

    head: bytes
    size: int | None


def peek(network: Network, url: str, *, trusted_origin: str | None, deadline: float) -> Peek:
    """Look at the first bytes behind a link, to know that others can fetch it; what `fetch` refuses, this does.

    `deadline` is as for `fetch`.
    Raises `LinkDead`, `DownloadFailed` or `LinkRefused`.
    """
    headers = {"Accept-Encoding": "identity", "Range": f"bytes=0-{_PEEK - 1}"}
    return _followed(_Transfer(network, trusted_origin, headers, deadline), url, _peeked)


Outcome = TypeVar("Outcome")


class _Transfer(NamedTuple):
    """How a link is followed; `deadline` as `fetch` has it."""

    network: Network
    trusted_origin: str | None
    headers: Mapping[str, str]
    deadline: float | None

    def seconds_left(self, host: str) -> float | None:
        """Raises `DownloadFailed` where none are."""
        left = None if self.deadline is None else self.deadline - time.monotonic()
        if left is not None and left <= 0:
            raise DownloadFailed(f"The download from {host} took too long.")
        return left


def _followed(transfer: _Transfer, url: str, read: Callable[[httpx.Response], Outcome]) -> Outcome:
    """What `read` makes of the answer at the end of the link's redirects."""
    guard = PeerGuard(transfer.trusted_origin)
    with _refusals():
        link = _admitted(guard, url)
        for _ in range(_REDIRECTS + 1):
            with _answer(transfer, guard, link) as response:
                location = response.headers.get(_LOCATION)
                if not (response.is_redirect and location):
                    _check_status(response, transfer.network.now())
                    return read(response)
                link = _admitted(guard, _joined(link, location))
    raise LinkRefused(f"The link was sent on more than {_REDIRECTS} times, last to {link.host}.")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except PeerRefused as refused:
        raise LinkRefused(refused.message) from None


def _admitted(guard: PeerGuard, url: str) -> httpx.URL:
    """The link as it is fetched: by https, also where it is written without, but for this machine's own."""
    link = parsed(_INSIDE.sub("", url.strip(_AROUND)))
    if link.scheme == "http" or (not link.scheme and link.host):
        by_https = link.copy_with(scheme="https", port=None if link.port == 80 else link.port)
        local = link.scheme == "http" and is_loopback_host(host_of(link))
        return guard.admit(link if local and guard.trusts_loopback else by_https)
    return guard.admit(link)


def _joined(link: httpx.URL, location: str) -> str:
    try:
        return str(link.join(_INSIDE.sub("", location.strip(_AROUND))))
    except (httpx.InvalidURL, ValueError):
        raise DownloadFailed(f"{link.host} sent the download on to an address that cannot be read.") from None


@contextmanager
def _answer(transfer: _Transfer, guard: PeerGuard, link: httpx.URL) -> Iterator[httpx.Response]:
    """The answer of the link's host, by the first of its addresses that can be reached.

    A client of its own: no cookie lives on, and no connection checked for another link.
    """
    with ExitStack() as stack:
        client = stack.enter_context(transfer.network.new_client())
        # httpx reads where a redirect leads, also where it is not followed, and raises what it likes.
        client.event_hooks = {"response": [_hide_location]}
        try:
            yield _connected(transfer, guard, link, client, stack)
        except httpx.HTTPError as error:
            transfer.seconds_left(link.host)
            reason = distrust(error) or in_words(error)
            raise DownloadFailed(f"The download from {link.host} broke off: {reason}.") from error


def _connected(
    transfer: _Transfer, guard: PeerGuard, link: httpx.URL, client: httpx.Client, stack: ExitStack
) -> httpx.Response:
    turn = 0
    while True:
        watch = guard.watch(link, turn)
        bound = stack.enter_context(Bound(transfer.seconds_left(link.host), watch))
        try:
            return stack.enter_context(
                client.stream("GET", link, headers=transfer.headers, extensions={"trace": bound})
            )
        except (httpx.ConnectError, httpx.ConnectTimeout):
            turn += 1
            if turn >= min(_ADDRESSES, len(watch.addresses)):
                raise


def _hide_location(response: httpx.Response) -> None:
    if location := response.headers.get("Location"):
        response.headers[_LOCATION] = location
        del response.headers["Location"]


def _check_status(response: httpx.Response, now: float) -> None:
    host, status = response.url.host, response.status_code
    ranged = "Range" in response.request.headers
    if response.is_success and (ranged or _is_whole(response.headers.get("Content-Range"))):
        return
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise LinkDead(f"The link does not work any more: {host} answered HTTP {status}.")
    raise DownloadFailed(
        f"{host} did not give the picture (HTTP {status}).",
        retry_after=retry_after(response.headers.get("Retry-After"), now),
    )


def _is_whole(content_range: str | None) -> bool:
    """Whether a 206, which was not asked for, brings everything (RFC 9110, 14.4); what it does not name may be."""
    found = _RANGE.fullmatch((content_range or "").strip().lower())
    if found is None:
        return True
    first, last, total = found.groups()
    return first == "0" and total in ("*", str(int(last) + 1))


def _peeked(response: httpx.Response) -> Peek:
    head = bytearray()
    for piece in unpacked(response.iter_raw(), response.headers.get("Content-Encoding", "")):
        head += piece
        if len(head) >= _PEEK:
            break
    # "bytes 0-511/70000", or the length of the whole where the host knows no ranges (RFC 9110, 14.4).
    total = response.headers.get("Content-Range", "").rpartition("/")[2] or response.headers.get("Content-Length", "")
    return Peek(bytes(head[:_PEEK]), int(total) if total.isdecimal() and len(total) < 20 else None)


def _save(response: httpx.Response, file: BinaryIO, on_bytes: Callable[[int], None], limit: int) -> int:
    """Write the body as it comes; httpx itself raises when it is shorter than its Content-Length.

    A host that packs the body unasked will do so every time, so it is unpacked rather than lost.
    """
    host = response.url.host
    announced = response.headers.get("Content-Length", "")
    coding = response.headers.get("Content-Encoding", "")
    total = int(announced) if announced.isdecimal() and len(announced) < 20 and not coding else None
    received = 0
    if total is None or total <= limit:
        for piece in unpacked(response.iter_raw(), coding):
            received += len(piece)
            if received > limit:
                break
            file.write(piece)
            on_bytes(received)
        else:
            if not received and response.status_code != HTTPStatus.OK:
                raise DownloadFailed(f"{host} did not give the picture (HTTP {response.status_code}).")
            return received
    raise LinkRefused(f"What {host} sends is larger than {limit:,} bytes.")
