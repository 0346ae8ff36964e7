"""Documented answers with one thing changed in them: a type, a null, one key more, or the encoding."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen_providers.base import Json

Path = tuple[str | int, ...]


def _nested(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


ODD: list[Json] = [
    *(None, True, False, 0, -1, 7, 10**30, 1.5, -0.0, 1e300, "", " ", "7", "null", "\0", "a\ud800b", "K\xe4se"),
    *("x" * 70_000, "//[.png", "https://xn--/x", "1e-999999999"),
    [],
    [None],
    [[]],
    ["x"] * 50,
    {},
    {"a": None},
    {"message": "words"},
    [{"message": "words"}],
    {"": {"": ""}},
    _nested(450),
]
"""Values that stand where another was documented."""

NAMES = ("extra", "", "id2", "note", "trace", "model_config", "__class__", "a.b", "\ud800", "x" * 70_000)
"""Names of keys that no document has."""

ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "NUL", "spaces", "escaped")


@dataclass(frozen=True)
class Mutated:
    """A body, and where something was changed; an empty path stands for the whole."""

    body: bytes
    path: Path
    what: str

    def spares(self, *path: str | int) -> bool:
        """Whether the value at this path, and everything around it, is as documented."""
        return self.what != "replaced" or path[: len(self.path)] != self.path


def paths(value: Json, path: Path = ()) -> Iterator[Path]:
    """Where each value of an answer stands, but for the answer itself."""
    inner: list[tuple[str | int, Json]] = []
    if isinstance(value, dict):
        inner += value.items()
    elif isinstance(value, list):
        inner += enumerate(value)
    for key, each in inner:
        yield (*path, key)
        yield from paths(each, (*path, key))


@st.composite
def mutated(draw: st.DrawFn, documented: Json) -> Mutated:
    """The answer with one mutation."""
    answer: Json = json.loads(json.dumps(documented))
    match draw(st.sampled_from(("replaced", "added", "encoded"))):
        case "replaced":
            path = draw(st.sampled_from(list(paths(answer))))
            _container(answer, path)[path[-1]] = draw(st.sampled_from(ODD))  # type: ignore[index]
            return Mutated(_bytes(answer), path, "replaced")
        case "added":
            objects = [(), *(path for path in paths(answer) if isinstance(_at(answer, path), dict))]
            path = draw(st.sampled_from(objects))
            target = _at(answer, path)
            assert isinstance(target, dict)
            target[draw(st.sampled_from(NAMES))] = draw(st.sampled_from(ODD))
            return Mutated(_bytes(answer), path, "added")
        case _:
            encoding = draw(st.sampled_from(ENCODINGS))
            return Mutated(_encoded(answer, encoding), (), f"as {encoding}")


def _at(value: Json, path: Path) -> Json:
    for key in path:
        value = value[key]  # type: ignore[index]
    return value


def _container(value: Json, path: Path) -> list[Json] | dict[str, Json]:
    found = _at(value, path[:-1])
    assert isinstance(found, list | dict)
    return found


def _bytes(answer: Json) -> bytes:
    return json.dumps(answer).encode()


def _encoded(answer: Json, encoding: str) -> bytes:
    if isinstance(answer, dict):
        answer = {"echo": "K\xe4se \u20ac", **answer}
    text = json.dumps(answer, ensure_ascii=False)
    match encoding:
        case "latin-1":
            return text.encode("latin-1", "replace")
        case "NUL":
            return b"\0" + text.replace("K\xe4se", "K\0se").encode() + b"\0\0"
        case "spaces":
            return b"\r\n\t " + text.encode() + b"\n\n"
        case "escaped":
            return text.replace("K\xe4se", "\\ud83d K").encode()
        case "utf-8-sig":
            return codecs.BOM_UTF8 + text.encode()
        case _:
            return text.encode(encoding)
