"""`imgen batch --check`: is every asset what the recipe says? With no key, no network and no ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.batch.lock import lock_path, read
from imgen.batch.manifest import load
from imgen.batch.standing import Item, Orphan, Standing, standings
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.batch.asset import Asset
    from imgen.batch.manifest import Manifest
    from imgen.errors import UsageProblem


@dataclass(frozen=True, slots=True)
class Difference:
    """One asset that is not what the manifest says; `line` is its line there, 0 for one that only the lock has."""

    path: str
    kind: str
    reason: str
    line: int

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How many assets were looked at, and what differs, in the order of the manifest's needs."""

    assets: int
    differences: tuple[Difference, ...]

    @property
    def exit_code(self) -> ExitCode:
        """13 where something differs, else 0."""
        return ExitCode.DIFFERENT if self.differences else ExitCode.DONE


def check(path: Path, name: str, refusal: Callable[[Asset], UsageProblem | None], *, sandbox: bool) -> CheckReport:
    """Compare a project with its manifest and lock; `sandbox` accepts what the sandbox made.

    Raises `BadManifest` where one of the two cannot be used, and `OSError` from the disk.
    """
    manifest = load(path, name, refusal)
    beside = lock_path(path)
    found = standings(manifest, read(beside, beside.name), sandbox=sandbox)
    items = tuple(_of_item(manifest, item) for item in found.items if item.standing is not Standing.CURRENT)
    return CheckReport(len(manifest.assets), items + tuple(map(_of_orphan, found.orphans)))


def _of_item(manifest: Manifest, item: Item) -> Difference:
    return Difference(item.asset.path, item.standing.value, item.reason, manifest.line(item.asset))


def _of_orphan(orphan: Orphan) -> Difference:
    file = "" if orphan.exists else ", and its file is gone"
    return Difference(orphan.path, "orphan", f"is no longer in the manifest{file}", 0)
