"""The proxy between this machine and an address, as the environment or the system names it. Standard library only.

httpx reads every proxy variable at once, and fails for all addresses where one that none of them needs cannot be
read, such as `NO_PROXY=[::1]`. Here only what the address itself would take counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from imgen_providers.addresses import is_loopback_host, literal


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and the variable that names it; `url` may hold a password, `place` (host and port) does not."""

    url: str = field(repr=False)
    variable: str
    place: str


def proxy_for(url: str) -> Proxy | None:
    """The proxy that an http(s) URL goes through; None for loopback, and where the environment exempts its host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = getproxies()
    kind = next((name for name in (parts.scheme, "all") if named.get(name)), None)
    if kind is None or is_loopback_host(host) or _is_exempt(host, parts.port, named.get("no", "")):
        return None
    if proxy_bypass(parts.netloc):
        return None
    proxy = named[kind] if "://" in named[kind] else f"http://{named[kind]}"
    place = proxy.partition("://")[2].rpartition("@")[2].strip("/")
    return Proxy(proxy, f"{kind.upper()}_PROXY", place)


def way(origin: str) -> str:
    """Such as " through the proxy 10.0.0.1:3128 (HTTPS_PROXY)", without its password; empty where there is none."""
    proxy = proxy_for(origin)
    return f" through the proxy {proxy.place} ({proxy.variable})" if proxy else ""


def _is_exempt(host: str, port: int | None, exempt: str) -> bool:
    """Whether NO_PROXY names the host: by name, domain, address or network, with a port or not, in brackets or not."""
    address = literal(host)
    for entry in exempt.lower().split(","):
        name, own_port = _split_port(entry.strip().rpartition("://")[2])
        if own_port is not None and own_port != port:
            continue
        if name == "*" or name == host.lower():
            return True
        if address is None:
            domain = name.removeprefix("*").removeprefix(".")
            if domain and host.lower().endswith(f".{domain}"):
                return True
            continue
        try:
            if address in ip_network(name, strict=False):
                return True
        except ValueError:
            continue  # a name
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    """The host or network of an entry, and its port where it has one."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    else:  # a bare IPv6 address has no port
        name, port = entry, ""
    return name, int(port) if port.isdecimal() and len(port) < 6 else None
