"""What is fuzzed: everything that reads bytes of a stranger, each with the errors that it may raise, and no other."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import httpx
import respx
from hypothesis import strategies as st
from PIL import Image

from imgen.config import toml_file
from imgen.errors import ImgenError
from imgen.ledger.codec import read_cost, read_job, read_result
from imgen.pictures.formats import Damaged
from imgen.pictures.references import Changes, Limits, checked, reference
from imgen.pictures.thumbnail import thumbnail
from imgen.pictures.verify import inspect
from imgen_providers import connect
from imgen_providers.base import Account
from imgen_providers.content_coding import unpacked
from imgen_providers.errors import ServiceError
from imgen_providers.network import Network
from providers.test_any_answer import anything
from reliability.fuzzed_services import ASK, SERVICES, FuzzedService

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

_ORIGIN = "https://service.test"
_KEY = "a-key-of-no-account-0123456789"
_STATUSES = (200, 200, 200, 201, 202, 204, 206, 301, 400, 401, 402, 404, 409, 422, 429, 500, 503)
_MOST_UNPACKED = 64 * 1024 * 1024  # bytes that a case of some kB may become


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """One reader: the bytes that it is given, and what reads them in a folder of its own. Only a bug escapes `read`."""

    data: SearchStrategy[bytes]
    read: Callable[[bytes, Path], None]


# Bytes --------------------------------------------------------------------------------------------------------


@st.composite
def spoiled(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of the seeds with some bytes changed, cut, doubled or put in."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(1, 8))
        match draw(st.sampled_from(("set", "cut", "put", "double", "end"))):
            case "set":
                data[at : at + length] = draw(st.binary(min_size=length, max_size=length))
            case "cut":
                del data[at : at + length * draw(st.sampled_from((1, 1, 50)))]
            case "put":
                data[at:at] = draw(st.binary(min_size=1, max_size=20) | st.sampled_from(_EXTREMES))
            case "double":
                data[at:at] = data[at : at + length * 20]
            case _:
                del data[at:]
    return bytes(data)


_EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\xff\xd8\xff\xda")


# Answers ------------------------------------------------------------------------------------------------------


@cache
def _network() -> Network:
    return Network(user_agent="imgen-fuzz/1")


def _answered(asked: FuzzedService, ask: str, data: bytes, _: Path) -> None:
    """The first byte chooses the status, the rest is the body of every answer."""
    status = _STATUSES[data[0] % len(_STATUSES)] if data else 200
    service = connect(asked.service, Account(_ORIGIN, _KEY), _network())
    with respx.mock, suppress(ServiceError):
        respx.route(url__startswith=_ORIGIN).mock(httpx.Response(status, content=data[1:]))
        ASK[ask](asked, service, data[1:])


def _answers(documented: list[bytes]) -> SearchStrategy[bytes]:
    bodies = anything.map(lambda value: json.dumps(value).encode()) | spoiled(documented) | st.binary(max_size=60)
    return _after_a_byte(bodies)


def _after_a_byte(rest: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """A byte that chooses what is done with the rest."""
    return st.tuples(st.binary(min_size=1, max_size=1), rest).map(b"".join)


# Packed bodies ------------------------------------------------------------------------------------------------

_CODINGS = ("gzip", "deflate", "x-gzip", "br", "zstd", "identity", "gzip, gzip", "none", "GZIP ", "deflate,gzip")


def _unpack(data: bytes, _: Path) -> None:
    """The first byte chooses the coding, the second the length of the pieces in which the rest comes."""
    coding, step = (_CODINGS[data[0] % len(_CODINGS)], 1 + data[1]) if len(data) > 1 else ("gzip", 1)
    pieces = (data[at : at + step] for at in range(2, len(data), step))
    size = 0
    with suppress(httpx.DecodingError):
        for piece in unpacked(pieces, coding):
            size += len(piece)
            assert size <= _MOST_UNPACKED, "a bomb"


def _packed() -> SearchStrategy[bytes]:
    body = json.dumps({"id": "x" * 500}).encode()
    seeds = [gzip.compress(body), zlib.compress(body), zlib.compress(body)[2:-4], gzip.compress(bytes(3_000_000))]
    return st.tuples(st.binary(min_size=2, max_size=2), spoiled(seeds)).map(b"".join)


# Pictures -----------------------------------------------------------------------------------------------------


def _pictures() -> list[bytes]:
    seeds = []
    for format, mode, options in (
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("PNG", "RGBA", {}),
        ("JPEG", "RGB", {"progressive": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
        ("JPEG", "L", {"icc_profile": bytes(200)}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"quality": 20, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
        ("GIF", "P", {}),
        ("BMP", "RGB", {}),
        ("TIFF", "RGB", {}),
        ("AVIF", "RGB", {}),
    ):
        held = io.BytesIO()
        Image.effect_noise((24, 16), 80).convert(mode).save(held, format, **options)
        seeds.append(held.getvalue())
    return seeds


def _verify(data: bytes, folder: Path) -> None:
    path = folder / "picture"
    path.write_bytes(data)
    with suppress(Damaged):
        inspect(path)
    with suppress(Damaged):
        thumbnail(data)


def _prepare(data: bytes, folder: Path) -> None:
    """The first byte chooses what is asked for, the rest is the picture."""
    path = folder / "picture"
    path.write_bytes(data[1:])
    wish = data[0] if data else 0
    changes = Changes(fit=bool(wish & 1), keep_metadata=bool(wish & 2))
    limits = Limits("a model", ("png", "jpeg") if wish & 4 else ("jpeg", "webp"), 2000 if wish & 8 else None)
    with suppress(ImgenError):
        reference(checked(path, "in"), "in", limits, changes, folder, lambda _: None)


# Files of ours and of a project -------------------------------------------------------------------------------

_SETTINGS = (
    b'provider = "reapi"\ncount = 2\n[budget]\nday = "5 usd"\n',
    b'[profiles.print]\nresolution = "4K"\noutput = "shots/{slug}.{ext}"\n',
    b'base_url.reapi = "http://127.0.0.1:1"\n[[x]]\ny = [1, {z = 1979-05-27}]\n"a.b" = """\n"""\n',
)
_MANIFESTS = (
    b'[defaults]\nmodel = "gemini-3.1-flash"\n\n[[asset]]\npath = "art/fox.png"\nprompt = "a fox"\n',
    b'[[asset]]\npath = "art/{a}-{n}.png"\nprompt = "a {a} fox"\nmatrix = { a = ["red", "blue"] }\ncount = 2\n',
)
_LOCKS = (b'{"imgen": "assets.lock", "version": 1}\n{"path": "a.png", "recipe": "00"}\n', b"\n", b"<<<<<<< HEAD\n")


def _read_settings(data: bytes, folder: Path) -> None:
    path = folder / "imgen.toml"
    path.write_bytes(data)
    for project in (True, False):
        with suppress(ImgenError):
            toml_file.read(path, "imgen.toml", project=project)


def _read_manifest(data: bytes, folder: Path) -> None:
    path = folder / "assets.toml"
    path.write_bytes(data)
    with suppress(ImgenError):
        import_module("imgen.batch.manifest").load(path, "assets.toml", lambda _: None)


def _read_lock(data: bytes, folder: Path) -> None:
    path = folder / "assets.lock"
    path.write_bytes(data)
    with suppress(ImgenError):
        import_module("imgen.batch.lock").read(path, "assets.lock")


# Rows of the ledger -------------------------------------------------------------------------------------------

_JOB: dict[str, Any] = {
    **dict.fromkeys(("owner", "parent_id", "submitted_at", "accepted_at", "finished_at", "forgotten_at", "project")),
    **dict.fromkeys(("cost_amount", "cost_unit", "charged_amount", "charged_unit", "problem", "remote_id", "family")),
    "id": "k3f9xy",
    "run_id": "run",
    "request_key": "key",
    "provider": "reapi",
    "origin": "sandbox",
    "created_at": 1.0,
    "handle": "{}",
    "conversation": "null",
    "resubmitted": 0,
    "state": "saved",
    "request": '{"model": "m", "prompt": "p", "references": [], "aspect": null, "resolution": "1K", "format": null,'
    ' "count": 1, "extras": {}, "idempotency_key": null, "conversation": null}',
    "target": '{"folder": "/x", "template": "{slug}.{ext}", "overwrite": false, "first_index": 1,'
    ' "pictures_in_run": 1, "replaces": {}}',
}
_RESULT: dict[str, Any] = {
    **dict.fromkeys(("url", "expires_at", "fetcher", "part", "kept", "path", "format", "width", "height", "size")),
    "job_id": "k3f9xy",
    "number": 1,
    "state": "ready",
    "sha256": None,
    "differences": "[]",
}
_DAMAGE = (ValueError, TypeError, KeyError)
"""What the ledger takes for damage, or for the row of a newer program."""


def _read_rows(data: bytes, _: Path) -> None:
    """JSON: [columns of a job, columns of a result]."""
    job, result = json.loads(data)
    with suppress(*_DAMAGE):
        record = read_job({**_JOB, **job}, [])
        read_cost(record.cost.amount, record.cost.unit)
    with suppress(*_DAMAGE):
        read_result({**_RESULT, **result})
    with suppress(*_DAMAGE, sqlite3.Error):
        read_job({**_JOB, **job}, [{**_RESULT, **result}])


_NUMBERS = (
    *("created_at", "submitted_at", "accepted_at", "finished_at", "forgotten_at", "expires_at", "resubmitted"),
    *("number", "width", "height", "size"),
)


def _rows() -> SearchStrategy[bytes]:
    """Columns with values of their type, as strict tables have them."""
    odd = st.sampled_from(["NaN", "-1", "1e400", "[[", "", "/etc/passwd", "inline/k3f9xy-1", '"\\udce9"'])
    texts = st.none() | st.text(max_size=30) | odd | anything.map(json.dumps) | spoiled_text()
    numbers = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats()

    def columns(row: dict[str, Any]) -> SearchStrategy[dict[str, object]]:
        pairs = {name: numbers if name in _NUMBERS else texts for name in row}
        return st.fixed_dictionaries({}, optional=pairs)

    return st.tuples(columns(_JOB), columns(_RESULT)).map(lambda both: json.dumps(both).encode())


def spoiled_text() -> SearchStrategy[str]:
    """The JSON of a row with something changed in it."""
    return spoiled([_JOB["request"].encode(), _JOB["target"].encode()]).map(lambda data: data.decode("latin-1"))


# All of it ----------------------------------------------------------------------------------------------------


def _all() -> dict[str, Fuzzed]:
    found = {
        f"{ask} at {name}": Fuzzed(_answers(documented), partial(_answered, asked, ask))
        for name, asked in SERVICES.items()
        for ask, documented in asked.answers.items()
    }
    found |= {
        "packed bodies": Fuzzed(_packed(), _unpack),
        "pictures": Fuzzed(spoiled(_pictures()), _verify),
        "references": Fuzzed(
            st.tuples(st.binary(min_size=1, max_size=1), spoiled(_pictures())).map(b"".join), _prepare
        ),
        "settings": Fuzzed(spoiled([*_SETTINGS]) | st.text(max_size=200).map(str.encode), _read_settings),
        "ledger rows": Fuzzed(_rows(), _read_rows),
    }
    if find_spec("imgen.batch"):
        found["manifests"] = Fuzzed(spoiled([*_MANIFESTS]), _read_manifest)
        found["locks"] = Fuzzed(spoiled([*_LOCKS]), _read_lock)
    return found


FUZZED = _all()
"""Every reader by its name."""
