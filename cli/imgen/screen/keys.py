"""Where keys come from and whether they work, for `imgen keys`; never the keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imgen.money.amounts import in_money
from imgen.screen.envelope import CostEntry
from imgen.screen.text import for_log, padded

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """Where the key of a service comes from; `where` is the variable or the file, null for the other two."""

    provider: str
    source: Literal["environment", "keyring", "file", "none"]
    where: str | None


@dataclass(frozen=True, slots=True)
class KeyCheck(KeyEntry):
    """The same with what the service said; `works` is null where it could not be asked."""

    works: bool | None
    balance: CostEntry | None
    models: int | None


_PLACES = {"environment": "the environment, ", "keyring": "the system keyring", "file": "the file ", "none": "no key"}


def key_lines(entries: Sequence[KeyEntry]) -> list[str]:
    """One line per service."""
    width = max(len(entry.provider) for entry in entries)
    return [f"{padded(entry.provider, width)}  {_line(entry)}" for entry in entries]


def place(entry: KeyEntry) -> str:
    """Where a key comes from, in words."""
    return f"{_PLACES[entry.source]}{entry.where or ''}"


def _line(entry: KeyEntry) -> str:
    if not isinstance(entry, KeyCheck):
        return place(entry)
    source = place(entry) if entry.source == "none" else f"the key from {place(entry)}"
    return f"{_outcome(entry)} ({source})"


def _outcome(entry: KeyCheck) -> str:
    if entry.works is None:
        return "could not be asked"
    if not entry.works:
        return "refused"
    if entry.balance:
        return for_log(f"works, {in_money(entry.balance.amount, entry.balance.unit)} left")
    return f"works, {entry.models} models" if entry.models is not None else "works"
