"""Whether a paid request that ended without an answer can have been accepted.

No exception class alone shows it, so httpx is asked what really left (measured 2026-11-20 with httpx 0.28:
refused and reset connections, dead proxies, hangs, and bodies cut on their way).
"""

from __future__ import annotations

from typing import Any

import httpx

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Trace:
    """What httpx reports of one request while it happens; give it as the request's `trace` extension.

    `cut_short` is true when no request other than a proxy's CONNECT began to leave, or when its body, whose
    length was announced, was never sent whole: half a JSON text cannot be accepted. Without any report,
    everything counts as sent.
    """

    def __init__(self) -> None:
        self._reported = False
        self._began = False
        self._whole = False

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        self._reported = True
        if event.endswith(".send_request_headers.started"):
            self._began = info["request"].method != b"CONNECT"
        elif event.endswith(".send_request_body.complete"):
            self._whole = self._began

    @property
    def cut_short(self) -> bool:
        """Whether the request cannot have arrived whole."""
        return self._reported and not self._whole


def nothing_accepted(error: httpx.HTTPError, trace: Trace) -> bool:
    """Whether sending the request again cannot make it arrive twice."""
    return isinstance(error, _NEVER_SENT) or trace.cut_short
