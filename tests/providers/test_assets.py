"""Everything that a finished picture can be in an answer is read as one, and nothing else is."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen_providers.assets import (
    MOST_ASSETS,
    link_trouble,
    looks_like_picture,
    read_assets,
    read_elsewhere,
    read_results,
)
from imgen_providers.base import InlineAsset, LinkedAsset

if TYPE_CHECKING:
    from imgen_providers.base import Asset, Json

BASE = "https://service.test"
LINK = "https://cdn.test/a.png?sig=1"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR not much of a PNG"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF not much of a JPEG"
AVIF = b"\0\0\0\x20ftypavif not much of an AVIF"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
TEXT = base64.b64encode(PNG).decode()


def read(value: Json) -> tuple[Asset, ...]:
    return read_assets(value, base=BASE)


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (LINK, LINK),
        (f" \n{LINK}\t", LINK),
        ("https://cdn.test/a\n  .png", "https://cdn.test/a.png"),
        ("https://cdn.test/a b.png", "https://cdn.test/a%20b.png"),
        (f"<{LINK}>", LINK),
        (f'"{LINK}"', LINK),
        (f"\ufeff{LINK}\0", LINK),
        ("HTTPS://CDN.TEST/A.PNG", "HTTPS://CDN.TEST/A.PNG"),
        ("http://cdn.test/a.png", "http://cdn.test/a.png"),
        ("//cdn.test/a.png", "https://cdn.test/a.png"),
        ("/files/a", "https://service.test/files/a"),
        ("files/a.png", "https://service.test/files/a.png"),
        ("./a.png?x=1", "https://service.test/a.png?x=1"),
        (f"Here it is: {LINK}", LINK),
        (f"![a cat]({LINK})", LINK),
        ("//[.png", "//[.png"),
        ("https://[/a.png", "https://[/a.png"),
        ("https://xn--/x", "https://xn--/x"),
        ("gs://bucket/a.png", "gs://bucket/a.png"),
        ("https:\\/\\/cdn.test\\/a.png", "https://cdn.test/a.png"),
        ('{"images": [{"url": "https://cdn.test/a.png"}]}', "https://cdn.test/a.png"),
        ('["https://cdn.test/a.png"]', "https://cdn.test/a.png"),
        ("{not JSON: https://cdn.test/a.png}", "https://cdn.test/a.png"),
        ("url:https://cdn.test/a.png", "https://cdn.test/a.png"),
        ("blob: https://cdn.test/a.png", "https://cdn.test/a.png"),
        ("https:\\\\cdn.test\\a.png", "https://cdn.test/a.png"),
        ("https://cdn.test/files/%66ox%20a%2Fb.png#top", "https://cdn.test/files/%66ox%20a%2Fb.png#top"),
        ("https://bücher.test/fuchs-狐.png", "https://bücher.test/fuchs-狐.png"),
        ("<img src='https://cdn.test/a.png' alt=''>", "https://cdn.test/a.png"),
        ("\u200bhttps://cdn.test/a.png", "https://cdn.test/a.png"),
    ],
)
def test_a_link_is_read_with_what_stands_around_it(text: str, link: str) -> None:
    assert read(text) == (LinkedAsset(link),)


def test_a_link_without_a_host_of_a_service_on_this_machine_keeps_its_scheme() -> None:
    found = read_assets(["//127.0.0.1:1/a.png", "/a.png"], base="http://127.0.0.1:1")

    assert found == (LinkedAsset("http://127.0.0.1:1/a.png"),) * 2


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (f"data:image/png;base64,{TEXT}", PNG),
        (f" DATA:image/png;Base64,{TEXT}\n", PNG),
        (f"data:image/png;charset=utf-8;base64,{quote(TEXT, safe='')}", PNG),
        (f"data:image/svg+xml,{quote(SVG)}", SVG),
        (f"data:image/svg+xml;utf8,{SVG.decode()}", SVG),
        (f"![a cat](data:image/png;base64,{TEXT})", PNG),
        (f"base64,{TEXT}", PNG),
        (f"image/png;base64,{TEXT}", PNG),
        (TEXT, PNG),
        (f"\n{TEXT[:20]}\n{TEXT[20:]}\n", PNG),
        (TEXT.rstrip("="), PNG),
        (base64.urlsafe_b64encode(PNG + b"\xff\xfe\xfb").decode(), PNG + b"\xff\xfe\xfb"),
        (base64.b64encode(JPEG).decode(), JPEG),
        (base64.b64encode(AVIF).decode(), AVIF),
        (base64.b64encode(SVG).decode(), SVG),
        (base64.b64encode(bytes(900)).decode(), bytes(900)),
        (f"base64:{TEXT}", PNG),
        (f"data:image/png,{TEXT}", PNG),
        (f"data: image/png; base64, {TEXT}", PNG),
        (f"{TEXT[:20]}\\n{TEXT[20:]}", PNG),
    ],
)
def test_a_picture_inside_the_answer_is_unpacked(text: str, data: bytes) -> None:
    assert read(text) == (InlineAsset(data),)


@pytest.mark.parametrize(
    "value",
    [
        {"url": LINK},
        {"image_url": LINK},
        {"image_url": {"url": LINK}},
        {"type": "image_url", "image_url": {"url": LINK}},
        {"image": LINK},
        {"output": LINK},
        {"output": [LINK]},
        {"output": {"image_url": LINK}},
        {"result": LINK},
        {"result": {"images": [{"url": LINK}]}},
        {"media_urls": [], "image_url": LINK},
        {"outputs": None, "output": "", "url": LINK},
        {"asset_url": LINK, "asset": "https://cdn.test/the-same.png", "thumbnail": "https://cdn.test/small.png"},
        [[{"data": {"url": LINK}}]],
        [None, 7, True, {"thumbnail": "https://cdn.test/small.png"}, "no link", LINK],
    ],
    ids=repr,
)
def test_an_object_around_a_link_is_opened(value: Json) -> None:
    assert read(value) == (LinkedAsset(LINK),)


@pytest.mark.parametrize(
    "value",
    [
        {"b64_json": TEXT},
        {"b64_json": f"data:image/png;base64,{TEXT}"},
        {"inlineData": {"mimeType": "image/png", "data": TEXT}},
        {"inline_data": {"mime_type": "image/png", "data": TEXT}},
        {"mime": "image/png", "data": TEXT},
        {"type": "Buffer", "data": list(PNG)},
        {"image": list(PNG)},
        {"candidates": [{"content": {"parts": [{"text": "a cat"}, {"inlineData": {"mimeType": "x", "data": TEXT}}]}}]},
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_object_around_bytes_is_opened(value: Json) -> None:
    assert read(value) == (InlineAsset(PNG),)


def test_bytes_of_any_kind_are_kept_where_a_field_names_them() -> None:
    assert read({"mimeType": "image/x", "data": base64.b64encode(b"hi").decode()}) == (InlineAsset(b"hi"),)


def test_a_thought_is_no_picture() -> None:
    part: Json = {"inlineData": {"mimeType": "image/png", "data": TEXT}}
    assert isinstance(part, dict)

    assert read([{**part, "thought": True}, part]) == (InlineAsset(PNG),)


@pytest.mark.parametrize(
    "text", ["", "neither", "I cannot draw this. Sorry!", "Done.", "v1.0", "3.14", "a/b", "data:,", "word " * 10_000]
)
def test_words_are_no_picture(text: str) -> None:
    assert read([text]) == ()


def test_what_may_be_an_echo_is_no_result() -> None:
    assert read_elsewhere({"images": [LINK], "image_url": LINK}, base=BASE) == (LinkedAsset(LINK),)
    assert read_elsewhere({"images": [LINK], "image": LINK, "image_urls": [LINK]}, base=BASE) == ()
    assert read_elsewhere(None, base=BASE) == ()


@pytest.mark.parametrize(
    "value",
    [
        {"src": LINK},
        {"download_url": LINK, "preview_url": "https://cdn.test/small.png"},
        {"fileUrl": LINK},
        {"signedUrl": LINK},
        {"image": {"original": {"location": LINK}}},
        {"0": LINK},
        json.dumps({"where": LINK}),
        [{"kind": "png", "where": LINK}],
        {"picture": LINK, "seed": 7, "note": "see https://docs.test/a"},
    ],
    ids=repr,
)
def test_a_result_under_a_name_that_no_document_has_is_found(value: Json) -> None:
    assert read_results(value, base=BASE) == (LinkedAsset(LINK),)


@pytest.mark.parametrize(
    "value",
    [
        {"thumbnail_url": LINK},
        {"preview": {"url2": LINK}},
        {"input_image": LINK, "referenceImages": [{"uri2": LINK}], "source_url": LINK, "mask": LINK},
        {"urls": {"get": LINK, "cancel": LINK, "stream": LINK}},
        {"status_url": LINK, "polling_url": LINK, "webhook": LINK},
        {"next_turn_contents": [{"parts": [{"picture": f"data:image/png;base64,{TEXT}"}]}]},
        {"groundingMetadata": {"chunks": [{"site": LINK}]}},
        {"note": f"see {LINK}", "name": "a.png", "path": "/a"},
        {"thought": True, "picture": LINK},
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_shows_something_else_is_no_result(value: Json) -> None:
    assert read_results(value, base=BASE) == ()


def test_a_known_name_counts_before_any_other() -> None:
    assert read_results({"extra": "https://cdn.test/other.png", "url": LINK}, base=BASE) == (LinkedAsset(LINK),)


def test_depth_and_count_are_bounded() -> None:
    deep: Json = LINK
    for _ in range(60):
        deep = [deep]

    assert read(deep) == ()
    assert len(read([LINK] * 10_000)) == MOST_ASSETS


@pytest.mark.parametrize(
    "link", ["//[.png", "https://[", "https://xn--/x", "https://a..b/", "gs://b/a", "https:*", "/a"]
)
def test_a_link_that_cannot_be_followed_is_known(link: str) -> None:
    assert link_trouble(link)


def test_a_link_that_can_be_followed_has_no_trouble() -> None:
    assert link_trouble(LINK) is None
    assert link_trouble("https://[::1]:8000/a.png") is None


@given(st.text())
def test_no_text_raises(text: str) -> None:
    read_results({text: text, "picture": f"https://{text}"}, base=BASE)
    read([text, {"url": text}, f"https://{text}", f"//{text}", f"data:{text}", {"b64_json": text}])
    link_trouble(text)
    link_trouble(f"https://{text}")


@given(st.binary(min_size=12, max_size=12))
def test_no_bytes_raise(head: bytes) -> None:
    assert looks_like_picture(head) in (True, False)
