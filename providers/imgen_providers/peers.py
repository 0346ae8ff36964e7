"""A guard for addresses that a service names: no upload and no download may reach a private place through one.

A name can resolve to anything, and to something else a moment later. So it is resolved here, and the
connection goes to the very address that was checked. A proxy resolves names itself: there only the link's own host
can be judged.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import httpx

from imgen_providers.addresses import Address, is_loopback_address, is_loopback_host, is_public, literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpcore import NetworkStream


class PeerRefused(Exception):
    """An address must not be reached; `message` is for people, and holds the host only, since links are secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PeerGuard:
    """Decides which links may be followed, and which machines may answer them.

    `trusted_origin` is the service's configured origin (scheme and host): the only one that may be in a private
    network. Where it is on this machine, so may everything that it names.
    """

    def __init__(self, trusted_origin: str | None) -> None:
        self._trusted = httpx.URL(trusted_origin or "")
        self.trusts_loopback = is_loopback_host(host_of(self._trusted))

    def admit(self, url: str | httpx.URL) -> httpx.URL:
        """The link, if it may be followed as far as it says itself. Raises `PeerRefused`."""
        link = parsed(url)
        host = host_of(link)
        if not host:
            raise PeerRefused("The link names no host.")
        if link.userinfo:
            raise PeerRefused(f"The link to {host} has a user name or password in it.")
        local = is_loopback_host(host)
        if link.scheme != "https" and not (link.scheme == "http" and local and self.trusts_loopback):
            raise PeerRefused(f"The link to {host} is not https.")
        if local and not (self.trusts_loopback or self._is_trusted(link)):
            raise PeerRefused(f"The link leads to {host}, on this machine.")
        address = literal(host)
        if address is not None:
            self.check(link, address)
        return link

    def require_https(self, link: httpx.URL) -> None:
        """Refuse to send to a link without https that is not the trusted origin. Raises `PeerRefused`."""
        if link.scheme != "https" and not self._is_trusted(link):
            raise PeerRefused(f"The link to {host_of(link)} is not https.")

    def watch(self, link: httpx.URL, turn: int = 0) -> Watch:
        """A trace for httpx that raises `PeerRefused` before a connection to a place that `link` may not lead to.

        `turn` counts the connections that failed already: each goes to the next address of the host.
        """
        return Watch(lambda address: self.check(link, address), host_of(link), turn)

    def check(self, link: httpx.URL, address: Address) -> None:
        permitted = is_public(address) or (self.trusts_loopback and is_loopback_address(address))
        if not permitted and not self._is_trusted(link):
            raise PeerRefused(f"The link leads to {host_of(link)}, in a private network ({address}).")

    def _is_trusted(self, link: httpx.URL) -> bool:
        ours = self._trusted
        return (link.scheme, host_of(link), link.port) == (ours.scheme, host_of(ours), ours.port)


class Watch:
    """Resolves a host, checks its addresses, and lets the connection go to one of them.

    httpcore hands its trace the arguments of the connection itself, so the name can be replaced by the address.
    That the connection has that address is checked all the same.
    """

    def __init__(self, check: Callable[[Address], None], host: str, turn: int) -> None:
        self._check = check
        self._host = host
        self._turn = turn
        self._direct = False
        self.addresses: tuple[Address, ...] = ()

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx for each thing that happens to a request."""
        if event == "connection.connect_tcp.started":
            self._direct = info["host"] == self._host
            if self._direct:
                self.addresses = _resolved(self._host, info["port"])
                for address in self.addresses:
                    self._check(address)
                info["host"] = str(self.addresses[self._turn % len(self.addresses)])
        elif event == "connection.connect_tcp.complete" and self._direct:
            stream = info["return_value"]
            try:
                self._check(_peer(stream))
            except BaseException:
                stream.close()  # httpcore does not know of it yet
                raise


def _resolved(host: str, port: int) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx.ConnectError(error.strerror or "its name is not known") from error
    return tuple(dict.fromkeys(ip_address(str(address[0])) for *_, address in found))


def _peer(stream: NetworkStream) -> Address:
    try:
        return ip_address(stream.get_extra_info("server_addr")[0])
    except OSError as error:
        raise httpx.ConnectError("the connection was lost at once") from error


def parsed(url: str | httpx.URL) -> httpx.URL:
    """The link as httpx will read it. Raises `PeerRefused` for one that it cannot read, or not later on."""
    try:
        link = httpx.URL(url)
        link.host  # noqa: B018  (it is decoded only now, which fails for "xn--")
        host_of(link).encode("idna")  # as the resolver does
    except (httpx.InvalidURL, ValueError):
        raise PeerRefused("The link cannot be read as a URL.") from None
    return link


def host_of(link: httpx.URL) -> str:
    """The host as it goes to the resolver."""
    return link.raw_host.decode("ascii")
