"""How a request leaves this machine: directly, or through the proxy that the environment names for its address.

httpx reads every proxy variable for every client, so one that it cannot read blocks also what needs none
(NO_PROXY with `[::1]` or a network such as 10.0.0.0/8, ALL_PROXY=socks://; seen with httpx 0.28, 2026-11-25).
Here only the variable counts that an address takes, and none for this machine.
"""

from __future__ import annotations

import ssl
from functools import cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from imgen_providers.addresses import is_loopback_host, literal
from imgen_providers.errors import NotSent

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = ("http://", "https://")


class Proxy(NamedTuple):
    """A proxy and the variable that names it."""

    variable: str
    url: str

    @property
    def shown(self) -> str:
        """Its host and port, without name and password."""
        return self.url.rpartition("://")[2].rpartition("@")[2].strip("/")


class Routes(httpx.BaseTransport):
    """Sends each request on its way. `certificates` is called for the first request that needs TLS."""

    def __init__(self, certificates: Callable[[], ssl.SSLContext]) -> None:
        self._certificates = certificates
        self._open: dict[tuple[bool, Proxy | None], httpx.HTTPTransport] = {}
        self._proxies: dict[str, Proxy | None] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. Raises `NotSent` where its proxy or the certificates cannot be used."""
        return self.route(f"{request.url.scheme}://{request.url.netloc.decode()}").handle_request(request)

    def route(self, origin: str) -> httpx.HTTPTransport:
        """What requests to an origin go through. Raises `NotSent` as they do."""
        if origin not in self._proxies:  # it takes a look at every variable of the environment
            self._proxies[origin] = proxy_of(origin)
        proxy = self._proxies[origin]
        secure = origin.startswith("https:") or (proxy is not None and proxy.url.startswith("https:"))
        if (secure, proxy) not in self._open:
            self._open[secure, proxy] = self._transport(proxy, secure=secure)
        return self._open[secure, proxy]

    def close(self) -> None:
        """Close every connection."""
        for transport in self._open.values():
            transport.close()

    def _transport(self, proxy: Proxy | None, *, secure: bool) -> httpx.HTTPTransport:
        tls = self._certificates() if secure else _no_certificates()
        if proxy is None:
            return httpx.HTTPTransport(verify=tls, trust_env=False)
        wrong = NotSent(f"{proxy.variable} names a proxy that is neither http nor https.")  # it may hold a password
        if not proxy.url.startswith(_KINDS):
            raise wrong
        own_tls = tls if proxy.url.startswith("https:") else None
        try:
            through = httpx.Proxy(proxy.url, ssl_context=own_tls)
            return httpx.HTTPTransport(verify=tls, trust_env=False, proxy=through)
        except (ValueError, httpx.InvalidURL):
            raise wrong from None


@cache
def _no_certificates() -> ssl.SSLContext:
    """Stands where httpx wants certificates for a way without TLS: to make one takes as long as a request here."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def proxy_of(url: str) -> Proxy | None:
    """The proxy that an address takes; None where it takes none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if is_loopback_host(host):
        return None
    named = getproxies()
    kind = next((each for each in (parts.scheme, "all") if named.get(each)), None)
    if kind is None or _excepted(host, port, named.get("no", "")):
        return None
    if proxy_bypass(f"{host}:{port}" if port else host):  # on macOS and Windows, what the system settings except
        return None
    scheme, colon, rest = named[kind].partition("://")
    return Proxy(f"{kind.upper()}_PROXY", f"{scheme.lower()}://{rest}" if colon else f"http://{scheme}")


def way(origin: str) -> str:
    """Such as " through the proxy 10.0.0.1:3128 (HTTPS_PROXY)"; empty where there is none."""
    proxy = proxy_of(origin)
    return f" through the proxy {proxy.shown} ({proxy.variable})" if proxy else ""


def _excepted(host: str, port: int | None, exceptions: str) -> bool:
    """Whether NO_PROXY names the host: as a name, the end of one, an address, or a network."""
    address = literal(host)
    for entry in filter(None, (each.strip().lower() for each in exceptions.split(","))):
        if entry == "*":
            return True
        if address is not None:
            try:
                if address in ip_network(entry.strip("[]"), strict=False):
                    return True
            except ValueError:
                pass
        name, colon, number = entry.rpartition(":")
        if colon and number.isdecimal() and ":" not in name.strip("[]"):
            if port is None or int(number) != port:
                continue
            entry = name
        name = entry.strip("[]").lstrip("*").lstrip(".")
        if name and (host == name or host.endswith(f".{name}")):
            return True
    return False
