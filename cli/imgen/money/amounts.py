"""Amounts of money: exact decimals with a unit, read from what a user writes and from what is recorded.

Amounts of different units are never converted.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from imgen.records import Cost

_SPELLINGS = {"usd": "usd", "$": "usd", "credits": "credits", "credit": "credits"}
_AMOUNT = re.compile(r"(?P<sign>\$?)\s*(?P<value>\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})\s*(?P<unit>[A-Za-z$]*)", re.ASCII)
_MOST_DIGITS = 18  # before the point, or zeros after it
_DECIMAL_COMMA = re.compile(r"\d[\d.]*(?:,\d+)+(?:\.\d+)?")


class Amount(NamedTuple):
    """Money in `unit`: "usd" or "credits" (of the service an order goes to), or None for the unit of its price."""

    value: Decimal
    unit: str | None

    def __str__(self) -> str:
        return in_money(decimal_text(self.value), self.unit) if self.unit else decimal_text(self.value)


class BadAmount(ValueError):
    """A text is no amount of money; the message holds what would be one."""


def parse_amounts(text: str) -> tuple[Amount, ...]:
    """Amounts such as "0.5", "0.5usd", "$0.50" or "5 usd, 200 credits", one a unit. Raises `BadAmount`."""
    if number := _DECIMAL_COMMA.search(text):
        whole, _, part = number[0].replace(",", ".").rpartition(".")
        point = f"{whole.replace('.', '')}.{part}"
        raise BadAmount(f"{number[0]!r} has a comma; write a decimal point ({point}), and no separator of thousands")
    amounts = tuple(map(_parse_amount, text.split(",")))
    units = [amount.unit for amount in amounts]
    if len(set(units)) < len(units) or (None in units and len(units) > 1):
        raise BadAmount(f"{text!r} names one unit twice or leaves one out; write it like '5 usd, 200 credits'")
    return amounts


def _parse_amount(text: str) -> Amount:
    found = _AMOUNT.fullmatch(text.strip())
    unit = found and (found["sign"] + found["unit"]).lower()
    if not found or (unit and unit not in _SPELLINGS):
        raise BadAmount(f"{text.strip()!r} is not an amount of money; write it like 0.5usd or 200credits")
    return Amount(Decimal(found["value"]), _SPELLINGS[unit] if unit else None)


def in_money(amount: Decimal | str | None, unit: str | None, unknown: str = "unknown") -> str:
    """An amount as people read it: "$0.03", "15 credits", "15 credits of reapi", or the words for an unknown one."""
    if amount is None or unit is None:
        return unknown
    text = f"{amount:f}" if isinstance(amount, Decimal) else amount
    return f"${_dollars(text)}" if unit == "usd" else f"{text} {unit}"


def _dollars(text: str) -> str:
    """Without zeros at its end, and with two digits behind a point: "5", "0.10", "0.0402"."""
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest:0<2}" if rest else whole


def decimal_text(value: Decimal) -> str:
    """The number without an exponent and without zeros at its end."""
    return f"{value.normalize():f}"


def known(cost: Cost) -> Amount | None:
    """The amount of a recorded cost; None where it is unknown, or a text that is no amount."""
    if cost.amount is None or not is_amount(cost.amount):
        return None
    return Amount(Decimal(cost.amount), cost.unit)


def is_amount(text: str) -> bool:
    """Whether a text is an amount of money: a number from 0 on, of a size that occurs; not "NaN" or "-1"."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and not value.is_signed() and (value == 0 or abs(value.adjusted()) <= _MOST_DIGITS)
