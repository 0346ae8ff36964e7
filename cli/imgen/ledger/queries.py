"""The ledger searched: which jobs were made, by the words of their prompts and by what they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.ledger.job_rows import JobRows

if TYPE_CHECKING:
    from decimal import Decimal

    from imgen.records import JobRecord, State


_AMOUNT = "CAST(coalesce(charged_amount, cost_amount) AS REAL)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; everything given must hold. Times are seconds since 1970.

    Every word stands somewhere in the prompt, in any script; of letters, a to z only match in either case. `model` is
    a family or a service's own id. Costs, what the service says or else the price of the day, are compared as numbers,
    within `cost_unit` where that is given.
    """

    words: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    state: State | None = None
    since: float | None = None
    until: float | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    cost_unit: str | None = None

    def conditions(self) -> tuple[str, list[object]]:
        """As SQL, and the values in it."""
        found: list[tuple[str, object]] = [("prompt LIKE ? ESCAPE '!'", _anywhere(word)) for word in self.words]
        if self.provider is not None:
            found.append(("provider = ?", self.provider))
        if self.model is not None:
            found.append(("? IN (family, model)", self.model))
        if self.state is not None:
            found.append(("state = ?", self.state.value))
        if self.since is not None:
            found.append(("created_at >= ?", self.since))
        if self.until is not None:
            found.append(("created_at < ?", self.until))
        if self.least is not None:
            found.append((f"{_AMOUNT} >= ?", float(self.least)))
        if self.most is not None:
            found.append((f"{_AMOUNT} <= ?", float(self.most)))
        if self.cost_unit is not None:
            found.append(("coalesce(charged_unit, cost_unit) = ?", self.cost_unit))
        return " AND ".join(["TRUE", *(condition for condition, _ in found)]), [value for _, value in found]


class HistoryRows(JobRows):
    """The jobs of all times, the latest first."""

    def history(self, wanted: Wanted, limit: int) -> tuple[list[JobRecord], int]:
        """The latest `limit` jobs that are wanted (0: all), and how many there are altogether."""
        where, values = wanted.conditions()
        every = self._read(f"SELECT count(*) AS jobs FROM job_with_state WHERE {where}", values)  # noqa: S608 (our own)
        rows = self._read(
            f"SELECT * FROM job_with_state WHERE {where} ORDER BY created_at DESC, recorded DESC LIMIT ?",  # noqa: S608
            [*values, limit or -1],
        )
        return self._records(rows), int(every[0]["jobs"])


def _anywhere(word: str) -> str:
    for special in "!%_":
        word = word.replace(special, f"!{special}")
    return f"%{word}%"
