"""A picture in an answer of no known form is taken, and a link about an error is not; whose state an answer gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen_providers.answers import Answer
from imgen_providers.base import LinkedAsset
from imgen_providers.fields import Record
from providers.sending import api

if TYPE_CHECKING:
    from imgen_providers.client import Network

PICTURE = "https://cdn.example/a/fox.png?sig=1"


@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": [{"msg": "bad", "url": "https://docs.example/errors"}]}',
        b'{"errors": [{"message": "bad", "url": "https://docs.example/errors"}]}',
        b'{"code": 400, "message": "https://docs.example/y"}',
        b'{"error": {"help": "https://docs.example/fox.png"}}',
    ],
)
def test_a_link_about_an_error_is_no_picture(network: Network, body: bytes) -> None:
    assert api("https://service.example", network).pictures_of(Answer(200, {}, body)) == ()


@pytest.mark.parametrize(
    "body",
    [f'{{"choices": [{{"said": ["{PICTURE}"]}}]}}'.encode(), f'{{"url": "{PICTURE}"}}'.encode(), PICTURE.encode()],
)
def test_a_link_to_a_picture_is_taken_wherever_it_stands(network: Network, body: bytes) -> None:
    assert api("https://service.example", network).pictures_of(Answer(200, {}, body)) == (LinkedAsset(PICTURE),)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "ok", "data": {"status": "PENDING"}},
        {"status": "ok", "data": {"id": "x", "status": "PENDING"}},
        {"status": "PENDING", "id": "x", "data": "none"},
    ],
)
def test_the_state_of_an_envelope_is_not_that_of_its_job(answer: dict[str, object]) -> None:
    class Task(Record):
        results_in = "results"

    assert Task(answer).status == "PENDING"  # type: ignore[arg-type]
