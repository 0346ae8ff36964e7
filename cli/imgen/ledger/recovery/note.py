"""The note beside a rebuilt ledger: what is missing, until that was printed and every service was polled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.files import write
from imgen.ledger.recovery.damage import rebuilt_note

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A new ledger stands where a damaged one stood, which is `kept` now; times are seconds since 1970.

    `read` is the number of jobs that are as they were. `remote` are jobs of which the service's id was left: they are
    open again. `doubtful` ones are uncertain now, and of `nameless` ones only our own id is left. `ask` are the
    services to poll for jobs made after `since`; links there may work until `until`. `told` is True once this was
    printed. Earlier versions wrote these names to the file, so they stay.
    """

    damage: str
    kept: str
    read: int
    remote: tuple[str, ...]
    doubtful: tuple[str, ...]
    nameless: tuple[str, ...]
    ask: tuple[str, ...]
    since: float
    until: float
    told: bool = False


def note_rebuilt(ledger: Path, rebuilt: Rebuilt) -> None:
    """Note it so that a kill cannot take it away. Raises `OSError`."""
    from pydantic import TypeAdapter

    write(rebuilt_note(ledger), TypeAdapter(Rebuilt).dump_json(rebuilt))


def read_rebuilt(ledger: Path) -> Rebuilt | None:
    """What was noted; None where there is nothing. Raises `OSError`, and `ValueError` where it is no such note."""
    from pydantic import TypeAdapter

    try:
        return TypeAdapter(Rebuilt).validate_json(rebuilt_note(ledger).read_bytes())
    except FileNotFoundError:
        return None
