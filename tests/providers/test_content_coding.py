"""One content coding is undone, within bounds; a bomb of several takes no memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import httpx
import pytest

from imgen_providers.content_coding import unpacked
from imgen_providers.errors import Uncertain, Unreachable
from imgen_providers.testing.wire import Reply, WireServer
from providers.sending import api

if TYPE_CHECKING:
    from imgen_providers.client import Network

BODY = b'{"id": "one", "note": "' + bytes(range(32, 127)).replace(b'"', b"").replace(b"\\", b"") * 100 + b'"}'
MEGABYTE = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", BODY),
        ("identity", BODY),
        ("none", BODY),
        ("UTF-8", BODY),
        ("identity, none", BODY),
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("gzip, identity", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("gzip;q=1.0", gzip.compress(BODY)),
        ("gzip", gzip.compress(BODY[:999]) + gzip.compress(b"") + gzip.compress(BODY[999:])),
        ("gzip", gzip.compress(BODY) + b"\0\0\0"),
        ("gzip", BODY),
        ("gzip", b""),
        ("deflate", BODY),
        ("br", BODY),
        ("zstd", BODY),
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 10**9])
def test_one_coding_is_undone(coding: str, body: bytes, size: int) -> None:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    assert b"".join(unpacked(pieces, coding)) == (BODY if body else b"")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
        ("gzip, deflate", gzip.compress(BODY)),
        ("gzip", gzip.compress(BODY)[:-1]),
        ("gzip", gzip.compress(BODY)[:30] + b"damaged" + gzip.compress(BODY)[37:]),
        ("br", b"\x1b\x0b\x00\xf8 brotli has no mark of its own"),
        ("zstd", b"\x28\xb5\x2f\xfd zstd has one"),
    ],
)
def test_what_cannot_be_undone_safely_is_an_error(coding: str, body: bytes) -> None:
    with pytest.raises(httpx.DecodingError):
        list(unpacked([body], coding))


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(MEGABYTE)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip"])
def test_a_bomb_is_refused_and_takes_no_memory(network: Network, coding: str) -> None:
    body = bomb(200) if coding == "gzip" else gzip.compress(bomb(200))
    with WireServer(Reply(headers={"Content-Encoding": coding}, body=body)) as server:
        service = api(server.origin, network)
        tracemalloc.start()
        with pytest.raises(Uncertain):
            service.post_once("/submit", {})
        with pytest.raises(Unreachable):
            service.get("/state")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 60 * MEGABYTE


def test_an_answer_says_what_it_takes_and_is_unpacked(network: Network) -> None:
    with WireServer(Reply(headers={"Content-Encoding": "gzip"}, body=gzip.compress(BODY))) as server:
        assert api(server.origin, network).get("/state").body == BODY
        assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"
