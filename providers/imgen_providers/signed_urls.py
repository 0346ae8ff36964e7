"""One request to a signed URL of an object storage: what may come back is bounded, and none of it is followed.

A storage's answer is its status. No redirect is followed, nothing of the body is read, and the connection is closed
when the time is over, whatever comes through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from imgen_providers.body import FileBody
from imgen_providers.bound import Bound
from imgen_providers.errors import Unreachable, in_words
from imgen_providers.peers import PeerGuard
from imgen_providers.trust import distrust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import PictureFile
    from imgen_providers.network import Network

UPLOAD_SECONDS = 900.0
"""How long one picture may take to its storage, and the storage to answer."""

QUESTION_SECONDS = 60.0
"""How long a request without a picture may take."""

_TEXT_LIMIT = 400  # characters of what went wrong on the wire that an error carries


def send(
    network: Network,
    method: str,
    url: str,
    *,
    trusted_origin: str,
    seconds: float,
    picture: PictureFile | None = None,
    headers: Mapping[str, str] | None = None,
) -> int:
    """Send one request, with the picture's bytes or none, and return the status of its answer; no key is sent.

    `trusted_origin` (scheme and host) is the only place that may be in a private network or without https. After
    `seconds` the connection is closed.
    Raises `PeerRefused` for a URL that leads elsewhere; `Unreachable`, whose message is the reason alone, where no
    answer came; `ReferenceChangedError` where the file is not the one that was recorded.
    """
    guard = PeerGuard(trusted_origin)
    sent = dict(headers or {})
    content = None
    if picture:
        sent |= {"Content-Type": picture.media_type, "Content-Length": str(picture.size)}
        content = FileBody(picture)
    link = guard.admit(url)
    guard.require_https(link)
    try:
        with (
            Bound(seconds, guard.watch(link)) as bound,
            network.new_client() as client,
            client.stream(method, link, content=content, headers=sent, extensions={"trace": bound}) as response,
        ):
            return response.status_code
    except httpx.HTTPError as error:
        # Not chained: it may quote the URL, which is a secret.
        raise Unreachable((distrust(error) or in_words(error))[:_TEXT_LIMIT]) from None
