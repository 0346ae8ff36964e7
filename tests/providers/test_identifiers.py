"""The id of a paid job is found wherever an answer may sensibly hold it, and nothing else is taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen_providers.identifiers import LONGEST_ID, find_id, id_in_link, identifier, named_id

if TYPE_CHECKING:
    from imgen_providers.base import Json

NAMES = ("task_id", "id")


@pytest.mark.parametrize(
    "answer",
    [
        {"task_id": "one"},
        {"id": "one"},
        {"task_id": None, "id": "one"},
        {"id": " one\n"},
        {"id": "one\0"},
        {"data": {"id": "one"}},
        {"data": [{"id": "one"}]},
        [{"task_id": "one"}],
        {"result": {"job": {"task_id": "one"}}},
        {"id": "a trace", "data": {"task_id": "one"}, "task_id": "one"},
        {"job_id": "one", "message": "ok"},
        {"request_id": "a trace", "data": {"id": "one"}},
        {"data": {"id": None, "urls": {"get": "https://x.test/api/v3/predictions/one/result"}}},
        {"data": {"urls": [{"get": "/api/v3/predictions/one/result"}]}},
        {"polling_url": "/api/v3/tasks/result/one"},
        {"error": {"id": "of the error"}, "data": {"id": "one"}},
        {"payload": {"id": "echoed"}, "job_id": "one"},
        {"data": {"TaskId": "one"}},
        {"Task-ID": "one"},
        '{"task_id": "one"}',
        {"task_id": ["one"]},
        {"task_ids": ["one"]},
        {"taskIds": "one"},
        {"_id": {"$oid": "one"}},
        {"tasks": [{"task_id": "one"}]},
    ],
    ids=repr,
)
def test_an_id_is_found_wherever_it_stands(answer: Json) -> None:
    assert find_id(answer, NAMES) == "one"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "one",
        {"id": {}},
        {"id": ["one", "two"]},
        {"ids": []},
        {"id": True},
        {"id": 1.5},
        {"id": ""},
        {"id": "x" * (LONGEST_ID + 1)},
        {"error": {"request_id": "req_1", "id": "x"}},
        {"payload": {"id": "x"}},
        {"outputs": [{"id": "0", "url": "https://x.test/1.png"}]},
        {"urls": {"get": "https://x.test/login"}},
        {"urls": {"get": "http://["}},
    ],
    ids=lambda answer: repr(answer)[:40],
)
def test_what_is_no_id_of_a_job_is_not_taken_for_one(answer: Json) -> None:
    assert find_id(answer, NAMES) is None


def test_a_number_is_an_id() -> None:
    assert (identifier(0), identifier(12345678901234567890)) == ("0", "12345678901234567890")
    assert (identifier(4711.0), identifier(1e300)) == ("4711", None)
    assert identifier("x" * LONGEST_ID) == "x" * LONGEST_ID


@pytest.mark.parametrize(
    "text",
    [
        "{'task_id': 'job-0123456789'}",
        '{"task_id": "job-0123456789",}',
        'data: {"task_id": "job-0123456789"}',
        "<answer><task_id>job-0123456789</task_id></answer>",
        'task_id="job-0123456789"',
        "job-0123456789\n",
        '"job-0123456789"',
        '"{\\"task_id\\": \\"job-0123456789\\"}"',
        '{"event": "ping"}\n{"task_id": "job-0123456789"}\n',
        ')]}\'\n{"task_id": "job-0123456789"}',
        'callback({"task_id": "job-0123456789"});',
        '<b>Warning</b>: deprecated\n{"task_id": "job-0123456789"}',
    ],
)
def test_what_may_be_an_id_is_named_out_of_any_text(text: str) -> None:
    assert named_id(text.encode(), NAMES) == "job-0123456789"


@pytest.mark.parametrize(
    "text", ["", "accepted", "OK", '"processing"', "Service Unavailable 503", "valid='yes'", "502"]
)
def test_words_are_no_id(text: str) -> None:
    assert named_id(text.encode(), NAMES) is None


def test_a_number_alone_is_named_where_it_is_no_status() -> None:
    assert (named_id(b"471100", NAMES), named_id(b"4711.0\n", NAMES), named_id(b"200", NAMES)) == (
        "471100",
        "4711",
        None,
    )


def test_an_id_in_a_link_is_decoded() -> None:
    assert id_in_link("https://x.test/api/v3/predictions/a%3Ab/result?x=1") == "a:b"
    assert id_in_link("https://x.test/api/v3/predictions/result") is None
    assert id_in_link(7) is None
