"""Which proxy stands between this machine and a service, to be named when the service cannot be reached."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def way(origin: str) -> str:
    """Such as " through the proxy 10.0.0.1:3128 (HTTPS_PROXY)", without name and password; empty where there is none.

    What the environment says is read as httpx does, which asks the same functions.
    """
    parts = urlsplit(origin)
    said = getproxies()
    variable = next((name for name in (parts.scheme, "all") if said.get(name)), None)
    if variable is None or proxy_bypass(parts.netloc):
        return ""
    address = said[variable].rpartition("://")[2].rpartition("@")[2].strip("/")
    return f" through the proxy {address} ({variable.upper()}_PROXY)"
