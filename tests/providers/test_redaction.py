"""No form of a key, and no signature, is left in what may be shown."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgen_providers.redaction import Redaction, is_secret_header, without_signatures

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
KEYS = PRINTABLE.map(lambda text: f"k3Y{text}").filter(lambda text: len(text) >= 8 and text == text.strip())


def core(key: str, before: int) -> str:
    """What base64 makes of a key behind so many other bytes, without the characters that its neighbours decide."""
    whole = base64.b64encode(b"\xff" * before + key.encode() + b"\xff" * 3).decode()
    other = base64.b64encode(b"\x00" * before + key.encode() + b"\x00" * 3).decode()
    return "".join(a for a, b in zip(whole, other, strict=True) if a == b).rstrip("=")


def forms(key: str) -> list[str]:
    """Every form of a key that somebody could read back."""
    encoded = [core(key, before) for before in range(3)]
    return [
        key,
        quote(key),
        quote(key, safe=""),
        quote_plus(key),
        quote(key, safe="").replace("%2F", "%2f"),
        json.dumps(key)[1:-1],
        json.dumps(json.dumps(key))[3:-3],
        *encoded,
        *(text.replace("+", "-").replace("/", "_") for text in encoded),
    ]


@given(KEYS, PRINTABLE, PRINTABLE)
@example('k3Y"%/\\+=&', "", "")
@example("[key][key]", "", "[key]")
def test_no_form_of_a_key_is_left(key: str, before: str, after: str) -> None:
    redaction = Redaction([key])
    said = " ".join(
        [
            f"{before}{key}{after}",
            json.dumps({"echo": f"{before}{key}"}),
            json.dumps(json.dumps([f"{before}{key}"])),
            quote(f"{before}{key}", safe=""),
            quote_plus(f"{before}{key}"),
            base64.b64encode(f"{before}{key}{after}".encode()).decode(),
            base64.urlsafe_b64encode(f"{before}{key}{after}".encode()).decode(),
            f"Basic {base64.b64encode(f'x:{key}'.encode()).decode()}",
        ]
    )

    shown = redaction.text(said)

    assert not [form for form in forms(key) if form in shown]
    assert redaction.data(said.encode()) == shown.encode()


def test_everything_else_stays() -> None:
    text = "a red fox, 赤い狐, at https://service.example/a%20b"

    assert Redaction(["sk-0123456789", "short", ""]).text(text) == text
    assert Redaction(["sk-0123456789"]).text("the key sk-0123456789.") == "the key [key]."


def test_several_keys_are_all_taken_out() -> None:
    shown = Redaction(["sk-0123456789", "sk-0123456789-and-more"]).text("sk-0123456789-and-more sk-0123456789")

    assert shown == "[key] [key]"


@pytest.mark.parametrize(
    "name", ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Key", "x-api-key", "X-Auth-Token"]
)
def test_a_header_with_a_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret_header(name)


@pytest.mark.parametrize("name", ["Content-Type", "Idempotency-Key", "User-Agent", "X-Request-Id", "Accept"])
def test_other_headers_may_be_seen(name: str) -> None:
    assert not is_secret_header(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.example/x.png", "https://a.example/x.png"),
        ("https://a.example/x?X-Sig=abc&n=1", "https://a.example/x?[hidden]"),
        ("https://a.example/x?sig=a=b==", "https://a.example/x?[hidden]"),
        (
            '{"u": "https:\\/\\/a.example\\/x?s=abc\\u0026t=d"}',
            '{"u": "https://a.example/x?[hidden]"}',
        ),
        ("http://name:sesame@a.example/x", "http://[hidden]@a.example/x"),
        ("HTTPS://a.example?s=abc, and more", "HTTPS://a.example?[hidden] and more"),
        ("what is this? a=b", "what is this? a=b"),
    ],
)
def test_a_link_loses_its_signature(text: str, shown: str) -> None:
    assert without_signatures(text) == shown
