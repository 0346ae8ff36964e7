"""What an error answer says is quoted in its own words, whatever its form, and a wait is read as it is meant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from imgen_providers.answers import Answer, explain, retry_after, words
from imgen_providers.testing.wire import Reply, WireServer, reply
from providers.sending import NOW, api, ended

if TYPE_CHECKING:
    from imgen_providers.base import Json
    from imgen_providers.client import Network


def said(body: bytes | Json) -> str:
    return explain(Answer(400, {}, body if isinstance(body, bytes) else json.dumps(body).encode())).message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "bad size"}, "bad size"),
        ({"error": {"message": "bad size"}}, "bad size"),
        ({"error": {"message": {"detail": "bad size"}}}, "bad size"),
        ({"error": {"why": 7}}, '{"why": 7}'),
        ({"error": True, "msg": "bad size"}, "true"),
        ({"errors": [{"message": "bad size"}, {"message": "bad aspect"}]}, "bad size, bad aspect"),
        ([{"error": {"message": "bad size"}}], "bad size"),
        (["bad size", "bad aspect"], "bad size, bad aspect"),
        ("bad size", "bad size"),
        ({"size": ["wrong"], "prompt": ["too long", "empty"]}, "size: wrong; prompt: too long, empty"),
        ({"foo": {"bar": None}}, '{"foo": {"bar": null}}'),
        ({}, ""),
        (b"The prompt is too long\n for this model.", "The prompt is too long for this model."),
        (b"La taille est erron\xe9e", "La taille est erronée"),
        (b'{"error": "La taille est erron\xe9e"}', "La taille est erronée"),
        (b"\xef\xbb\xbfbad size", "bad size"),
        (b"<Error><Code>AccessDenied</Code><Message>Not &lt;yours&gt;</Message></Error>", "AccessDenied Not <yours>"),
        (b"", ""),
        (b'{"error": "cut', '{"error": "cut'),
    ],
)
def test_the_services_own_words_are_quoted(body: bytes | Json, message: str) -> None:
    assert said(body) == message


def test_a_web_page_is_called_one_and_quoted_without_its_tags() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>403 Forbidden</title><style>b {}</style></head><body><b>Ray: 7</b></body>"
    )

    assert said(page) == (
        "it answered with a web page, so a firewall or gateway may stand between (403 Forbidden Ray: 7)"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 50_000,
        json.dumps({"error": "x" * 50_000}).encode(),
        json.dumps({"error": {"a": ["x" * 50_000]}}).encode(),
    ],
)
def test_words_are_cut(body: bytes) -> None:
    assert 300 < len(said(body)) <= 400


def test_a_file_in_place_of_words_is_not_quoted() -> None:
    assert said(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0@\0\0\0\x30\x08\x02") == ""
    assert said(b"not\0 now\x07, later") != ""


def test_an_answer_nested_900_deep_is_explained() -> None:
    deep = b'{"error": ' + b'{"a":' * 900 + b"1" + b"}" * 901

    assert said(deep).startswith('{"a": {"a"')


def test_words_of_nothing_are_none() -> None:
    nothing: list[Json] = [None, "", " ", [], {}, [""]]
    numbers: list[Json] = [0, False, 1.5, [1, 2]]

    assert [words(value) for value in nothing] == [""] * 6
    assert [words(value) for value in numbers] == ["0", "false", "1.5", "[1, 2]"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("17", 17.0),
        ("1.5", 1.5),
        (" 3 ", 3.0),
        ("5, 7", 7.0),
        ("9" * 300, 86_400.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("Fri, 15 Jan 2027 08:00:17 GMT", 17.0),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0.0),
        *((odd, None) for odd in ("", "soon", "-5", "NaN", "inf", "Fri, 99 Foo 20000", "1e5", "\xb2", "0x10", ",")),
    ],
)
def test_a_wait_is_a_value_where_it_is_one(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_no_wait_is_no_value() -> None:
    assert retry_after(None, NOW) is None


def test_a_wait_of_nothing_leaves_the_backoff_to_us(network: Network) -> None:
    with WireServer(reply("", 503, {"Retry-After": "0"})) as server:
        service = api(server.origin, network)
        with pytest.raises(Exception, match="503") as caught:
            service.get("/state")

        assert (len(server.requests), getattr(caught.value, "retry_after", None)) == (3, 0.0)
    with WireServer(reply("", 429, {"Retry-After": "0"})) as server:
        with pytest.raises(Exception, match="429"):
            api(server.origin, network).get("/state")

        assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["https:*", "https://xn--/x", "http://[", "//[.png", "https://a..b/", "\xff", ""])
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_to_nowhere_is_an_error_of_ours(network: Network, status: int, location: str) -> None:
    with WireServer(Reply(status, headers={"Location": location})) as server:
        assert "sent us elsewhere" in ended(server.origin, network).message
        with pytest.raises(Exception, match="cannot be read"):
            api(server.origin, network).get("/state")


def test_a_question_too_long_for_a_url_is_an_error_of_ours(network: Network) -> None:
    with pytest.raises(Exception, match="cannot be written"):
        api("http://127.0.0.1:9", network).get(f"/jobs/{'x' * 70_000}")
