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
    """Every form of a key that can be read back."""
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


UNSEEN = ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e")


@pytest.mark.parametrize("mark", UNSEEN, ids=ascii)
@pytest.mark.parametrize("form", ["plain", "escaped", "percent", "html"])
def test_a_key_with_something_unseen_inside_is_taken_out(mark: str, form: str) -> None:
    key = "sk-0123456789abcdef"
    written = {
        "plain": mark,
        "escaped": json.dumps(mark)[1:-1],
        "percent": quote(mark),
        "html": "&#8203;",
    }[form]
    said = f"before {key[:5]}{written}{key[5:9]}{written}{written}{key[9:]} after"
    redaction = Redaction([key])

    assert redaction.text(said) == "before [key] after"
    assert redaction.data(said.encode()).decode() == "before [key] after"


@pytest.mark.parametrize("mark", UNSEEN, ids=ascii)
def test_a_key_that_was_pasted_with_something_unseen_is_taken_out(mark: str) -> None:
    key = "sk-0123456789abcdef"
    redaction = Redaction([f"{key[:7]}{mark}{key[7:]}"])

    for said in (key, f"{key[:7]}{mark}{key[7:]}", json.dumps(f"{key[:7]}{mark}{key[7:]}")):
        assert key[:6] not in redaction.text(said)
        assert key[:6] not in redaction.data(said.encode()).decode()


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
        ("https://a.example/x?abc", "https://a.example/x?[hidden]"),
        ("https://a.example/x#token=abc", "https://a.example/x#[hidden]"),
        ("https://a.example/x;s=abc", "https://a.example/x;[hidden]"),
        ("https://a.example/x?a=1&amp;sig=abc", "https://a.example/x?[hidden]"),
        ("//a.example/x?sig=abc", "//a.example/x?[hidden]"),
        ("a.example/x?sig=abc", "a.example/x?[hidden]"),
        ("/x?sig=abc", "/x?[hidden]"),
        ("gs://a/x?sig=abc", "gs://a/x?[hidden]"),
        ("https%3A%2F%2Fa.example%2Fx%3Fsig%3Dabc", "https%3A%2F%2Fa.example%2Fx%3F[hidden]"),
        ("https%253A%252F%252Fa.example%252Fx%253Fsig%253Dabc", "https%253A%252F%252Fa.example%252Fx%253F[hidden]"),
        ("https:\\u002f\\u002fa.example\\u002fx\\u003fsig\\u003dabc", "https://a.example/x?[hidden]"),
        ("X-Amz-Signature=abc&n=1", "X-Amz-Signature=[hidden]&n=1"),
        ("a b?x-goog-signature=abc", "a b?x-goog-signature=[hidden]"),
        ("ftp://name:sesame@a.example/x", "ftp://[hidden]@a.example/x"),
    ],
)
def test_a_link_loses_its_signature(text: str, shown: str) -> None:
    assert without_signatures(text) == shown
