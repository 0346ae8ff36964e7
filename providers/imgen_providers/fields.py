"""Types of the fields that are read out of an answer: each is its value, or None where it has no usable form.

A pydantic model made of these refuses no answer for a field of an odd type; what is really needed is checked
by the code that needs it.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    Entry = TypeVar("Entry", bound=BaseModel)

MOST_ENTRIES = 10_000
"""How many entries of one list are read."""

_LONGEST_STATE = 100  # characters
_LONGEST_WORD = 32_768  # characters; a link may be as long
_LONGEST_AMOUNT = 40  # characters
_DIGITS = 12  # at most, before the decimal point and behind it


def _word(value: object) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= _LONGEST_WORD else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def amount(value: object) -> Decimal | None:
    """An amount of money: a number, or a text such as "20.00", "$20.00" or "1,234.5"; None for anything else.

    Bounded, because a decimal such as 1e-999999999 is short to send and endless to write out.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip().lstrip("$").replace(",", "")
    try:
        found = Decimal(text) if len(text) <= _LONGEST_AMOUNT else Decimal("NaN")
    except InvalidOperation:
        return None
    exponent = found.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _DIGITS or found.adjusted() > _DIGITS:
        return None
    return found


Word = Annotated[str | None, BeforeValidator(_word)]
"""A text that is not empty, without the white space around it."""

State = Annotated[str | None, BeforeValidator(lambda value: (_word(value) or "")[:_LONGEST_STATE] or None)]
"""The name of a state; one that no document has may be of any length, and is cut."""

Number = Annotated[float | None, BeforeValidator(_number)]
"""A finite number, also one that is written as a text."""

Amount = Annotated[Decimal | None, BeforeValidator(amount)]
"""An amount of money, as `amount` reads it."""


_WRAPPERS = ("data", "result", "task", "request", "response", "record")


class Record(BaseModel):
    """One job as an answer reports it; fields that are not declared are kept, and may be anything.

    An object around it ("data"), or a list with only it, is taken off.
    """

    model_config = ConfigDict(extra="allow")

    status: State = None

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, value: object) -> object:
        around = [value[name] for name in _WRAPPERS if name in value] if isinstance(value, dict) else [value]
        inside = [each[0] if isinstance(each, list) and each else each for each in around]
        candidates = [value, *inside]
        found = (each for each in candidates if isinstance(each, dict) and _word(each.get("status")))
        objects = (each for each in candidates if isinstance(each, dict))
        return next(found, None) or next(objects, value)

    def given(self) -> dict[str, Any]:
        """The fields that the answer had, the declared ones first."""
        declared = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {**declared, **(self.model_extra or {})}


def entries(value: object, shape: type[Entry]) -> Iterator[Entry]:
    """The entries of a list, one by one; one that does not fit the model hides no other."""
    for entry in value[:MOST_ENTRIES] if isinstance(value, list) else ():
        try:
            yield shape.model_validate(entry)
        except ValidationError:
            continue
