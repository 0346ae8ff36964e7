"""JSON as services send it is read whatever its encoding, and within bounds."""

from __future__ import annotations

import codecs
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen_providers.json_text import DEPTH, canonical, loads, text_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(JSON)
def test_what_is_written_is_read(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        codecs.BOM_UTF8 + b'{"id": "x"}',
        '{"id": "x"}'.encode("utf-16"),
        '{"id": "x"}'.encode("utf-16-le"),
        '{"id": "x"}'.encode("utf-16-be"),
        '{"id": "x"}'.encode("utf-32"),
        b'\0{"id": "x"}\0\0',
        b'  {"id": "x"}\n\n',
        b'{"id": "x"} and more',
        b'{"id": "x", "big": ' + b"9" * 5000 + b"}",
        b'{"id": "x", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"deep": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b', "id": "x"}',
    ],
    ids=["utf-8 mark", "utf-16", "le", "be", "utf-32", "NUL", "space", "more", "digits", "deep list", "deep object"],
)
def test_an_id_is_found_in_any_encoding(body: bytes) -> None:
    value = loads(body)

    assert isinstance(value, dict)
    assert value["id"] == "x"


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        (b'{"prompt": "K\xe4se"}', "Käse"),
        ('{"prompt": "Käse '.encode() + b'\xe4"}', "Käse ä"),
        (b'{"prompt": "a\\ud800b"}', "a\ufffdb"),
        (b'{"prompt": "\xed\xa0\x80"}', "í\xa0\x80"),
        (b'{"prompt": "a\0\nb"}', "a\0\nb"),
        (b'{"prompt": NaN}', None),
        (b'{"prompt": -Infinity}', None),
        (b'{"prompt": 1e999}', None),
    ],
)
def test_what_no_json_may_hold_is_read_and_can_be_stored(body: bytes, prompt: str | None) -> None:
    value = loads(body)

    assert value == {"prompt": prompt}
    assert json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"id": "x", ', b"[" * 100_000, b"\xff\xfe", b"\0", b"hello"])
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        loads(body)


def test_depth_is_bounded() -> None:
    value = loads(b"[" * 500 + b"]" * 500)
    depth = 0
    while isinstance(value, list) and value:
        value, depth = value[0], depth + 1

    assert depth <= DEPTH


def test_many_small_values_do_not_fill_the_memory() -> None:
    body = b"[" + b"[]," * 5_000_000 + b"0]"
    tracemalloc.start()
    with pytest.raises(ValueError, match="more values"):
        loads(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 * len(body)


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (rb'{"a": "\u0073k-\u0031"}', b'{"a": "sk-1"}'),
        (rb'{"a": "\\u0073 \u0022 \u005c \u000a \n \u00e4"}', rb'{"a": "\\u0073 \u0022 \u005c \u000a \n \u00e4"}'),
        ('{"a": "ä"}'.encode("utf-16"), '{"a": "ä"}'.encode()),
        ('{"a": "ä"}'.encode("utf-32-be"), '{"a": "ä"}'.encode()),
        (b'\0{"a": "K\0se"}\0\0', b'\0{"a": "K\0se"}\0\0'),
        (b"", b""),
    ],
)
def test_a_text_has_one_form(body: bytes, plain: bytes) -> None:
    assert canonical(body) == plain


@given(JSON)
def test_that_form_means_the_same(value: object) -> None:
    text = "".join(f"\\u{ord(c):04x}" if c.isalnum() and c.isascii() else c for c in json.dumps(json.dumps(value)))

    assert loads(canonical(text.encode())) == loads(text.encode())


@given(st.binary())
def test_every_body_is_some_text(body: bytes) -> None:
    assert isinstance(text_of(body), str)
