"""The next turn of a conversation (seed 001; the form of reference 1.6, 2026-11-20, which is an assumption)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from imgen_providers.conversation import next_turn
from imgen_providers.errors import InvalidRequest

if TYPE_CHECKING:
    from imgen_providers.base import Json

ASKED: Json = {"role": "user", "parts": [{"text": "A cat"}]}
DRAWN: Json = {
    "role": "model",
    "parts": [{"fileData": {"fileUri": "https://x.test/1.png"}, "thoughtSignature": "abc="}],
}
BLUER: Json = {"role": "user", "parts": [{"text": "bluer"}]}


def test_the_last_user_turn_gets_the_words_and_the_rest_stays() -> None:
    waiting: Json = {"role": "user", "parts": [{"text": ""}, {"fileData": {"fileUri": "", "mimeType": ""}}]}
    filled: Json = {
        "role": "user",
        "parts": [
            {"text": "bluer"},
            {"fileData": {"fileUri": "https://x.test/hat.png"}},
            {"fileData": {"fileUri": "https://x.test/bow.png"}},
        ],
    }
    conversation: Json = [ASKED, DRAWN, waiting]
    before = copy.deepcopy(conversation)

    contents = next_turn(conversation, "bluer", ["https://x.test/hat.png", "https://x.test/bow.png"])

    assert contents == [ASKED, DRAWN, filled]
    assert conversation == before


def test_a_turn_without_a_place_for_words_gets_one() -> None:
    waiting: Json = {"role": "user"}

    assert next_turn([ASKED, DRAWN, waiting], "bluer", []) == [ASKED, DRAWN, BLUER]


def test_a_conversation_without_a_waiting_turn_gets_one_and_keeps_its_first() -> None:
    assert next_turn([ASKED, DRAWN], "bluer", []) == [ASKED, DRAWN, BLUER]


@pytest.mark.parametrize("conversation", [None, [], {}, {"contents": [ASKED]}, "turns", [ASKED, "drawn"]])
def test_what_is_no_list_of_turns_is_never_gone_on_from_with_a_history_of_our_making(conversation: Json) -> None:
    with pytest.raises(InvalidRequest, match="not a list of turns"):
        next_turn(conversation, "bluer", [])
