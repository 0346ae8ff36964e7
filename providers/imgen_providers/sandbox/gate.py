"""Who may ask a sandbox: requests under a name of this machine, and, where it has a key, only those that carry it.

Every user of a machine reaches its loopback ports, and so does a web page whose own host name suddenly resolves to
127.0.0.1 (DNS rebinding). A page cannot choose its `Host`, and another user does not know the key.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imgen_providers.sandbox.exchange import Reply, json_reply

if TYPE_CHECKING:
    from imgen_providers.sandbox.exchange import Call

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LINKS = "/sandbox/"
"""Where the links to pictures and uploads begin, which are followed without an Authorization header."""


def is_ours(host: str | None) -> bool:
    """Whether a `Host` names this machine's loopback. The port may be another: a forwarded one is.

    A request without the header comes from no browser, so nothing can be rebound.
    """
    if host is None:
        return True
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False


def signature(key: str, path: str) -> str:
    """What a link to `path` must carry at a sandbox with this key."""
    return hmac.new(key.encode(), path.encode(), "sha256").hexdigest()[:32]


def signed(link: str, key: str) -> str:
    """The link with its signature as its query."""
    return f"{link}?signature={signature(key, urlsplit(link).path)}"


class Gate:
    """Lets through what carries the key: in the Authorization header, or as the signature of a link of ours.

    Without a key everything passes, and each service judges the key itself.
    """

    def __init__(self, key: str | None) -> None:
        self._key = key

    def refuses(self, call: Call) -> Reply | None:
        """The answer to a call that must not pass, which needs its headers only."""
        if self._key is None:
            return None
        if call.path.startswith(LINKS):
            expected, found = signature(self._key, call.path), call.query.get("signature", "")
        else:
            expected, found = self._key, call.key()
        if hmac.compare_digest(expected.encode(), found.encode("utf-8", "replace")):
            return None
        return json_reply(HTTPStatus.UNAUTHORIZED, {"error": "This sandbox serves only the process that started it."})
