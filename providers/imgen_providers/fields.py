"""The fields that are read out of an answer: each is its value, or None where it has no usable form.

No answer is refused for a field of an odd type; what is really needed is checked by the code that needs it. That is all
that pydantic would do here, and its import takes as long as that of httpx (60 ms of 400, 2026-11-26).
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgen_providers.base import Json

    Shape = TypeVar("Shape", bound="Fields")

Value = TypeVar("Value")

MOST_ENTRIES = 10_000
"""How many entries of one list are read."""

_LONGEST_STATE = 100  # characters
_LONGEST_WORD = 32_768  # characters; a link may be as long
_LONGEST_AMOUNT = 40  # characters
_DIGITS = 12  # at most, before the decimal point and behind it

# What services call the states of a job, without regard to case, spaces and signs; one may use another's word tomorrow.
# A word that ends a paid job without its picture is here only where it can mean nothing else: "error", "fail" and
# "expired" may be said of the question.
_STATES = {
    "queued": "created queued inqueue pending waiting scheduled submitted dispatched accepted starting",
    "running": "running processing inprogress generating started working",
    "succeeded": "succeeded succeed success successful completed complete finished done ok ready",
    "failed": "failed",
    "cancelled": "cancelled canceled",
}
_COMMON = {each: common for common, all_of_them in _STATES.items() for each in all_of_them.split()}
_NO_LETTER = re.compile(r"[^a-z]+")
_OF_STATES = re.compile(r"(?:task|job|batch|request)?(?:status|state)(?=[a-z])")


def anything(value: Json) -> Json:
    """Whatever there is."""
    return value


def word(value: object) -> str | None:
    """A text that is not empty, without the white space around it."""
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= _LONGEST_WORD else None


def state(value: object) -> str | None:
    """The name of a state; one that no document has may be of any length, and is cut."""
    return (word(value) or "")[:_LONGEST_STATE] or None


def common_state(word: str) -> str:
    """The state as all services are read: "queued", "running", "succeeded", "failed" or "cancelled"; any other word as
    it is, in lower case."""
    letters = _NO_LETTER.sub("", word.lower())
    return _COMMON.get(letters) or _COMMON.get(_OF_STATES.sub("", letters, count=1)) or word.lower()


def number(value: object) -> float | None:
    """A finite number, also one that is written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


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


class Field(Generic[Value]):
    """A field of an answer by the name of its attribute, as `read` reads it; `read` gets None where there is none."""

    def __init__(self, read: Callable[[Json], Value]) -> None:
        self._read = read

    def __set_name__(self, owner: type[Fields], name: str) -> None:
        self._name = name

    def __get__(self, fields: Fields, owner: type[Fields]) -> Value:
        return self._read(fields.answer.get(self._name))


class Fields:
    """The fields of an answer that a class declares. Raises `ValueError` where the answer is no object."""

    def __init__(self, answer: Json) -> None:
        if not isinstance(answer, dict):
            raise ValueError("the answer is no object")
        self.answer = answer

    @classmethod
    def _declared(cls) -> list[str]:
        return [
            name for each in reversed(cls.__mro__) for name, field in vars(each).items() if isinstance(field, Field)
        ]


_WRAPPERS = ("data", "result", "task", "request", "response", "record")


class Record(Fields):
    """One job as an answer reports it. An object around it ("data"), or a list with only it, is taken off.

    An answer that is no object may be the picture itself, and is read as what stands in the field `results_in`.
    """

    results_in: str
    status = Field(state)

    def __init__(self, answer: Json) -> None:
        record = _unwrapped(answer, self._declared())
        super().__init__(record if isinstance(record, dict) else {self.results_in: {"answer": record}})

    def given(self) -> dict[str, Json]:
        """The fields that the answer had, the declared ones first."""
        declared = {name: self.answer[name] for name in self._declared() if name in self.answer}
        return {**declared, **self.others()}

    def others(self) -> dict[str, Json]:
        """The fields that are not declared, which may be anything."""
        declared = self._declared()
        return {name: value for name, value in self.answer.items() if name not in declared}


def _unwrapped(answer: Json, declared: list[str]) -> Json:
    """The object with a state; of an envelope and the job in it, both with one, that which has more of the fields.

    Where they have as many, it is the job: the state of an envelope is that of the question.
    """
    around = [answer[name] for name in _WRAPPERS if name in answer] if isinstance(answer, dict) else [answer]
    inside = [each[0] if isinstance(each, list) and each else each for each in around]
    objects = [each for each in (answer, *inside) if isinstance(each, dict)]
    with_state = [each for each in reversed(objects) if word(each.get("status"))]
    fields = [sum(name in each for name in declared) for each in with_state]
    return with_state[fields.index(max(fields))] if fields else next(iter(objects), answer)


def entries(value: Json, shape: type[Shape]) -> Iterator[Shape]:
    """The entries of a list, one by one; one that is no object hides no other."""
    for entry in value[:MOST_ENTRIES] if isinstance(value, list) else ():
        try:
            yield shape(entry)
        except ValueError:
            continue
