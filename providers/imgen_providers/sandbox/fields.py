"""Reads the fields of a request body strictly: what is not documented is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Collection

BadFieldKind = Literal["body", "missing", "invalid", "too-long", "unknown", "no-model"]


class BadField(Exception):
    """One field of a request is wrong; the service file words the answer."""

    def __init__(self, field: str, kind: BadFieldKind, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.kind = kind
        self.text = text


def json_object(body: bytes) -> dict[str, object]:
    """The body as a JSON object. Raises `BadField` when it is anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadField("body", "body", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadField("body", "body", "the body is not a JSON object")
    return cast("dict[str, object]", value)


class Fields:
    """The fields of one JSON object; every method raises `BadField` on a value the documents do not allow.

    `subject` stands before each bad_field, such as the name of the model.
    """

    def __init__(self, values: dict[str, object], subject: str = "") -> None:
        self._values = values
        self._subject = f"{subject}: " if subject else ""

    def only(self, allowed: Collection[str]) -> None:
        """Refuse every field that is not documented."""
        for name in self._values:
            if name not in allowed:
                raise self._complaint(name, "unknown", f"unknown parameter {json.dumps(name)}")

    def get(self, name: str) -> object:
        """The value as it came, or None."""
        return self._values.get(name)

    def text(self, name: str, *, limit: int | None = None) -> str:
        """A text that must be there and not be empty; `limit` is in characters."""
        value = self._values.get(name)
        if value is None or value == "":
            raise self._complaint(name, "missing", f"{name} is required")
        if not isinstance(value, str):
            raise self.invalid(name)
        if limit is not None and len(value) > limit:
            raise self._complaint(name, "too-long", f"{name} is longer than {limit} characters")
        return value

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of the documented words; `default` when the field is missing or null."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or value not in allowed:
            raise self.invalid(name)
        return value

    def whole(self, name: str, lowest: int, highest: int, default: int) -> int:
        """A whole number between two bounds."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise self.invalid(name)
        return value

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """A number between two bounds, or None when it is missing."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise self.invalid(name)
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false; false when it is missing."""
        value = self._values.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.invalid(name)
        return value

    def texts(self, name: str, most: int, *, required: bool = False) -> list[str]:
        """A list of at most `most` texts."""
        value = self._values.get(name)
        if value is None or value == []:
            if required:
                raise self._complaint(name, "missing", f"{name} is required")
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.invalid(name)
        if len(value) > most:
            raise self._complaint(name, "invalid", f"{name} has {len(value)} entries, and {most} is the most")
        return value

    def objects(self, name: str, most: int) -> list[dict[str, object]]:
        """A list of at most `most` JSON objects; empty when it is missing."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.invalid(name)
        if len(value) > most:
            raise self._complaint(name, "invalid", f"{name} has {len(value)} entries, and {most} is the most")
        return value

    def invalid(self, name: str, why: str = "") -> BadField:
        """The bad_field about a field's value, which is shown in short."""
        shown = json.dumps(self._values.get(name))
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return self._complaint(name, "invalid", f"invalid {name} {shown}" + (f", {why}" if why else ""))

    def _complaint(self, name: str, kind: BadFieldKind, text: str) -> BadField:
        return BadField(name, kind, self._subject + text)
