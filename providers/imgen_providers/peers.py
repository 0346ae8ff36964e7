"""A guard for addresses that a service names: no upload and no download may reach a private place through one.

A name can resolve to anything, and to something else a moment later. So its addresses are looked at before the
connection is made, and the address that the connection really has before the first byte is sent. Behind a proxy
that is the proxy's address, and the proxy resolves names itself: there only the link's own host can be judged.
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
        self._trusts_loopback = is_loopback_host(host_of(self._trusted))

    def admit(self, url: str | httpx.URL) -> httpx.URL:
        """The link, if it may be followed as far as it says itself. Raises `PeerRefused`."""
        link = parsed(url)
        host = host_of(link)
        if not host:
            raise PeerRefused("The link names no host.")
        if link.userinfo:
            raise PeerRefused(f"The link to {host} has a user name or password in it.")
        local = is_loopback_host(host)
        if link.scheme != "https" and not (link.scheme == "http" and local and self._trusts_loopback):
            raise PeerRefused(f"The link to {host} is not https.")
        if local and not (self._trusts_loopback or self._is_trusted(link)):
            raise PeerRefused(f"The link leads to {host}, on this machine.")
        address = literal(host)
        if address is not None:
            self._check(link, address)
        return link

    def watch(self, link: httpx.URL) -> Callable[[str, dict[str, Any]], None]:
        """A trace for httpx that raises `PeerRefused` before a connection to a place that `link` may not lead to."""
        direct = False

        def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal direct
            if event == "connection.connect_tcp.started":
                direct = info["host"] == host_of(link)
                if direct:
                    self._check_name(link, info["host"], info["port"])
            elif event == "connection.connect_tcp.complete" and direct:
                stream = info["return_value"]
                try:
                    self._check_peer(link, stream)
                except BaseException:
                    stream.close()  # httpcore does not know of it yet
                    raise

        return trace

    def _check_name(self, link: httpx.URL, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # the connection fails in the same way, and says so
        for *_, address in found:
            self._check(link, ip_address(str(address[0])))

    def _check_peer(self, link: httpx.URL, stream: NetworkStream) -> None:
        try:
            address = ip_address(stream.get_extra_info("server_addr")[0])
        except OSError as error:
            raise httpx.ConnectError("the connection was lost at once") from error
        self._check(link, address)

    def _check(self, link: httpx.URL, address: Address) -> None:
        permitted = is_public(address) or (self._trusts_loopback and is_loopback_address(address))
        if not permitted and not self._is_trusted(link):
            raise PeerRefused(f"The link leads to {host_of(link)}, in a private network ({address}).")

    def _is_trusted(self, link: httpx.URL) -> bool:
        ours = self._trusted
        return (link.scheme, host_of(link), link.port) == (ours.scheme, host_of(ours), ours.port)


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
