"""What a run of `imgen batch` would do and what it would cost: pure data, from how every asset stands."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from imgen.batch.offers import Offer, ServiceTotal, totals
from imgen.batch.standing import TO_ORDER, Item, Orphan, Standing, Standings
from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imgen.batch.asset import Asset
    from imgen.batch.manifest import Manifest

_YOUR_FILE = frozenset({Standing.EDITED, Standing.UNLOCKED})
_YOUR_CHOICE = "--adopt takes the file as it is, --force makes it anew"


@dataclass(frozen=True, slots=True)
class Planned:
    """An asset that is to be made, why, and the service that would make it, for how much."""

    item: Item
    offer: Offer


@dataclass(frozen=True, slots=True)
class Left:
    """An asset that a run leaves alone until a person decides; `reason` ends a sentence that begins with its path."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be ordered, in an order in which it can be; what is made of pictures that are here; what is left.

    `current` is how many assets are what their recipe says, `unselected` how many others `--only` leaves out.
    """

    orders: tuple[Planned, ...]
    conversions: tuple[Item, ...]
    left: tuple[Left, ...]
    orphans: tuple[Orphan, ...]
    current: int
    unselected: int

    @property
    def totals(self) -> list[ServiceTotal]:
        """What each service is to make, and for how much: the most it can be, since a paid job may be found again."""
        return totals(planned.offer for planned in self.orders)


def plan(found: Standings, best: Callable[[Asset], Offer], only: Iterable[str] | None = None) -> Plan:
    """What a run would do; `only` are the paths it is limited to, with all that they go on from.

    Raises what `best` raises where no service can be asked for one.
    """
    wanted = None if only is None else with_needs(only, found.items)
    orders: list[Planned] = []
    conversions: list[Item] = []
    left: dict[str, Left] = {}
    current = unselected = 0
    for item in found.items:
        path, standing = item.asset.path, item.standing
        if standing is Standing.CURRENT:
            current += 1
        elif wanted is not None and path not in wanted:
            unselected += 1
        elif standing in _YOUR_FILE:
            left[path] = Left(item, f"{item.reason}: {_YOUR_CHOICE}")
        elif held := next((each for each in item.asset.goes_on_from if each in left), None):
            left[path] = Left(item, f"goes on from {held}, which has to be decided first")
        elif standing in TO_ORDER:
            orders.append(Planned(item, best(item.asset)))
        else:
            conversions.append(item)
    return Plan(tuple(orders), tuple(conversions), tuple(left.values()), found.orphans, current, unselected)


def matching(manifest: Manifest, globs: Sequence[str], option: str) -> frozenset[str]:
    """The paths of the manifest that match one of several patterns, in which `*` stands for any part of a path.

    Raises `UsageProblem` for a pattern that matches none; `option` is what it was given with.
    """
    paths = [asset.path for asset in manifest.assets]
    found: set[str] = set()
    for glob in globs:
        matched = {path for path in paths if fnmatchcase(path, glob)}
        if not matched:
            raise UsageProblem(
                f"{option} {glob!r} matches no asset of {manifest.name}.",
                f"A pattern is compared with whole paths, such as {paths[0]!r}: {option} '*{glob.strip('*')}*'",
            )
        found |= matched
    return frozenset(found)


def with_needs(only: Iterable[str], items: Sequence[Item]) -> set[str]:
    """The paths and all that they go on from: items come after what they need, so once from the end is enough."""
    wanted = set(only)
    for item in reversed(items):
        if item.asset.path in wanted:
            wanted.update(item.asset.goes_on_from)
    return wanted
