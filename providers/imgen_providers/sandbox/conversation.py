"""GMI Cloud's multi-turn conversations.

[assumed] Their JSON is printed nowhere; this is Gemini's own Content form, which the words of seed 001 fit
("last user turn", "text field", "fileData with fileUri"; reference 1.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from imgen_providers.sandbox.store import Order


@dataclass(frozen=True, slots=True)
class Turn:
    """The request of one turn: its words, and links to the pictures it works on."""

    prompt: str
    links: tuple[str, ...]


def last_turn(contents: object) -> Turn | None:
    """The last user turn, working on the picture of the turn before; None when it has no text."""
    turns = _turns(contents)
    if not turns or turns[-1].get("role") != "user":
        return None
    text = " ".join(_texts(turns[-1]))
    before = next((turn for turn in reversed(turns) if turn.get("role") == "model"), {})
    return Turn(text, (*_links(before), *_links(turns[-1]))) if text else None


def next_turn_contents(order: Order, picture: str) -> list[dict[str, object]]:
    """The conversation so far, the new picture, and an empty user turn to fill in."""
    history = [_filtered(turn) for turn in _turns(order.body.get("contents"))]
    if not history:
        image = order.body.get("image") or []
        links = [image] if isinstance(image, str) else image
        history = [{"role": "user", "parts": [{"text": order.prompt}, *map(_file, links)]}]
    answer: dict[str, object] = {"role": "model", "parts": [_file(picture)]}
    blank: dict[str, object] = {
        "role": "user",
        "parts": [{"text": ""}, {"fileData": {"fileUri": "", "mimeType": ""}}],
    }
    return [*history, answer, blank]


def _file(link: str) -> dict[str, object]:
    media_type = "image/jpeg" if urlsplit(link).path.endswith(("jpg", "jpeg")) else "image/png"
    return {"fileData": {"fileUri": link, "mimeType": media_type}}


def _turns(contents: object) -> list[dict[str, object]]:
    return [turn for turn in contents if isinstance(turn, dict)] if isinstance(contents, list) else []


def _parts(turn: dict[str, object]) -> list[dict[str, object]]:
    parts = turn.get("parts")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _texts(turn: dict[str, object]) -> list[str]:
    return [text for part in _parts(turn) if isinstance(text := part.get("text"), str) and text]


def _links(turn: dict[str, object]) -> list[str]:
    files = [data for part in _parts(turn) if isinstance(data := part.get("fileData"), dict)]
    return [link for data in files if isinstance(link := data.get("fileUri"), str) and link]


def _filtered(turn: dict[str, object]) -> dict[str, object]:
    # Seed 001: "Empty text or fileUri are automatically filtered out".
    parts = [part for part in _parts(turn) if _texts({"parts": [part]}) or _links({"parts": [part]})]
    return {**turn, "parts": parts}
