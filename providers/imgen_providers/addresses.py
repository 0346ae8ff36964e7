"""Which hosts and addresses are this machine, which are private, and which are on the open internet.

The one place that decides this, for keys, proxies, downloads and uploads. Standard library only.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: on IPv6-only networks, every IPv4 host appears under it

# Networks of the IANA special-purpose registries that some versions of `ipaddress` call global, wholly or in part:
# protocol assignments and the 6to4 relays; NAT64 of one's own, documentation, and segment routing (2026-11-26).
_SPECIAL = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))
_SPECIAL_6 = tuple(map(IPv6Network, ("64:ff9b:1::/48", "3fff::/20", "5f00::/16")))


def literal(host: str) -> Address | None:
    """The address that a URL's host spells out, as resolvers read it ("127.1", "0x7f.1"); None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_loopback_host(host: str) -> bool:
    """Whether a URL's host, in brackets or not, is this machine by its name or address alone (RFC 6761, 6.3)."""
    host = host.removeprefix("[").removesuffix("]")
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = literal(host)
    return address is not None and is_loopback_address(address)


def is_loopback_address(address: Address) -> bool:
    """Whether an address is this machine."""
    return _embedded(address).is_loopback


def is_public(address: Address) -> bool:
    """Whether an address is on the open internet: not this machine, nor any private, shared, link-local,
    multicast, or reserved network (the IANA special-purpose registries, as `ipaddress` has them)."""
    address = _embedded(address)
    if isinstance(address, IPv6Address):
        special = address.is_site_local or any(address in network for network in _SPECIAL_6)
    else:
        special = any(address in network for network in _SPECIAL)
    if special:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: Address) -> Address:
    """The IPv4 address that really answers behind an IPv6 one, where there is one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
