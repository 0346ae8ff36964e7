"""A certificate made on the spot, for clients that refuse plain http even on loopback."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

_NAMES = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows, and the PEM text of the authority that a client must trust to believe it.

    The authority's own key is forgotten at once, so nothing else can be signed with it.
    """

    context: ssl.SSLContext
    authority: bytes


def make_certificate() -> Certificate:
    """A new authority, and a certificate of it for the names of loopback.

    Raises `ModuleNotFoundError` without trustme, which the extra `imgen[tls]` installs.
    """
    import trustme

    authority = trustme.CA(organization_name="imgen sandbox")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*_NAMES).configure_cert(context)
    return Certificate(context, authority.cert_pem.bytes())
