"""How an edit goes on from the picture before it, where a service keeps the conversation."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeGuard

from imgen_providers.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen_providers.base import Json


def is_conversation(conversation: Json) -> TypeGuard[list[dict[str, Json]]]:
    """Whether this has the form of turns that another can follow."""
    return (
        isinstance(conversation, list) and bool(conversation) and all(isinstance(turn, dict) for turn in conversation)
    )


def next_turn(conversation: Json, prompt: str, links: Sequence[str]) -> Json:
    """GMI Cloud's `contents` for the next turn: its `next_turn_contents`, our words in the last user turn.

    Everything else stays as it came, thought signatures included. The exact form is documented nowhere;
    seed 001 names "the last user turn", "the text field" and "a fileData with fileUri" (reference 1.6).
    Raises `InvalidRequest` where there are no turns: a turn with a history of our making would be paid for in vain.
    """
    if not is_conversation(conversation):
        raise InvalidRequest("The conversation to go on from is not a list of turns, so nothing was sent.")
    contents = copy.deepcopy(conversation)
    turn = contents[-1]
    if turn.get("role") != "user":
        turn = {"role": "user"}
        contents.append(turn)
    parts = turn.get("parts")
    if not isinstance(parts, list):
        parts = turn["parts"] = []
    text = next((part for part in parts if isinstance(part, dict) and "text" in part), None)
    if text is None:
        parts.append({"text": prompt})
    else:
        text["text"] = prompt
    waiting = [part for part in parts if isinstance(part, dict) and _has_empty_file(part)]
    for link in links:
        if waiting:
            waiting.pop(0)["fileData"] = {"fileUri": link}
        else:
            parts.append({"fileData": {"fileUri": link}})
    return [*contents]


def _has_empty_file(part: dict[str, Json]) -> bool:
    file = part.get("fileData")
    return isinstance(file, dict) and not file.get("fileUri")
