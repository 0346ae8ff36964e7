"""moto's S3 on a port of this machine: prints its origin, and a line for each request. A process of its own.

moto's own server would need Flask, which brings click, which httpx imports where it is installed; so its S3 is put
behind werkzeug directly. The bucket's name says what goes wrong: "refusing-..." takes no objects, "shut-..." gives
none out, "slow-..." answers a PUT only long after it has stored the object.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from moto.core.request import Request
from moto.s3.responses import S3Response
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

_DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        print(self.command, self.path.partition("?")[0], code, flush=True)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    request = Request(environ)
    bucket, _, key = request.path.lstrip("/").partition("/")
    denied = Response(_DENIED, 403, content_type="application/xml")
    if key and bucket.startswith("refusing") and request.method == "PUT":
        return denied(environ, start_response)
    dispatch = S3Response.key_dispatch if key else S3Response.ambiguous_dispatch
    status, headers, body = dispatch(request, request.raw_url, dict(request.headers))
    if key and bucket.startswith("shut") and request.method == "GET" and status < 300:
        return denied(environ, start_response)
    if key and bucket.startswith("slow") and request.method == "PUT":
        time.sleep(20)
    response = Response(body, status, headers)
    if request.method == "HEAD" and "content-length" in headers:
        response.headers["Content-Length"] = headers["content-length"]
    return response(environ, start_response)


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    print(f"http://127.0.0.1:{server.port}", flush=True)
    sys.stdin.close()
    server.serve_forever()
