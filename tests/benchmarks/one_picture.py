"""One picture from a service that is finished at once, against a bare httpx script and three curls."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.instant_service import instant_service
from benchmarks.measure import Figure, environment, paired, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMGEN = str(Path(sys.executable).with_name("imgen"))
_BARE = """
import httpx, sys
origin, path = sys.argv[1:]
with httpx.Client() as client:
    task = client.post(origin + "/api/v1/images/generations", json={"model": "m", "prompt": "a fox", "n": 1}).json()
    done = client.get(f"{origin}/api/v1/tasks/{task['id']}").json()
    with open(path, "wb") as file:
        file.write(client.get(done["output"]["image_urls"][0]).content)
"""
_CURLS = """
curl -s -d '{"model":"m","prompt":"a fox","n":1}' "$0/api/v1/images/generations" >/dev/null
curl -s "$0/api/v1/tasks/one" >/dev/null
curl -s "$0/picture/one.png" -o "$1"
"""


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """The whole of `imgen generate` as a ratio."""
    with instant_service() as service:
        environ = environment(
            {
                "IMGEN_HOME": str(folder / "home"),
                "REAPI_API_KEY": "a-key-of-the-benchmark",
                "REAPI_BASE_URL": service.origin,
            }
        )
        pictures = str(folder / "pictures") + "/"
        order = [_IMGEN, "generate", "a fox", "-p", "reapi", "-q", "--poll-every", "0.005", "-o", pictures]
        ours = partial(seconds, order, environ)
        script = partial(seconds, [sys.executable, "-c", _BARE, service.origin, str(folder / "bare.png")], environ)
        note = "the same three requests"
        yield Figure("one picture: httpx", paired(ours, script, runs), "x bare httpx", note, most=1.5)
        if shutil.which("curl"):
            curls = partial(seconds, ["sh", "-c", _CURLS, service.origin, str(folder / "curl.png")], environ)
            yield Figure("one picture: curl", paired(ours, curls, runs), "x three curls", note, most=4.0)
        else:
            yield Figure("one picture: curl", None, "x three curls", "curl is not installed here")
