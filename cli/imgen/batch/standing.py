"""How every asset stands: whether its file is what the manifest asks for and the lock says, and why not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from imgen.batch.disk import OnDisk, file_sha256, look
from imgen.batch.recipe import recipe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from imgen.batch.asset import Asset
    from imgen.batch.lock import Locked, LockFile
    from imgen.batch.manifest import Manifest
    from imgen.jobs.run_order import OrderPlan
    from imgen.orders.limits import Candidate


class Standing(StrEnum):
    """What an asset is, compared with its manifest and its lock."""

    CURRENT = "current"
    MISSING = "missing"  # never made, or its file is gone
    CHANGED = "changed"  # its recipe is another than the one it was made from
    SANDBOX = "sandbox"  # made in the sandbox only
    CONVERT = "convert"  # the picture is right, and its width or tag is not
    EDITED = "edited"  # its file is not the one that was made
    UNLOCKED = "unlocked"  # a file that the lock does not know
    FORCED = "forced"  # to be made anew on a person's word


TO_ORDER = frozenset({Standing.MISSING, Standing.CHANGED, Standing.SANDBOX, Standing.FORCED})
"""What a run makes; the others would overwrite a person's file, or need no order."""


@dataclass(frozen=True, slots=True)
class Item:
    """One asset and how it stands; `reason` is the end of a sentence that begins with its path.

    `recipe` is None where a picture that it goes on from has to be made first.
    """

    asset: Asset
    standing: Standing
    reason: str
    recipe: str | None
    locked: Locked | None


@dataclass(slots=True)
class Work:
    """An asset that a run is at work on: what it is made from, the key of its orders, the services left for it.

    `began` is in monotonic seconds. `known` are the jobs of its orders, `ours` the hashes of files that it may replace.
    """

    item: Item
    made_from: str
    key: str
    began: float
    standing: Standing
    plan: OrderPlan | None = None
    left: list[Candidate] = field(default_factory=list)
    known: tuple[str, ...] = ()
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Orphan:
    """An asset of the lock that is no longer in the manifest; `exists` says whether its file still is."""

    path: str
    locked: Locked
    exists: bool


@dataclass(frozen=True, slots=True)
class Standings:
    """Every asset in the order of the manifest's needs, and what only the lock has, by path."""

    items: tuple[Item, ...]
    orphans: tuple[Orphan, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """A manifest, its lock, and how every asset stands."""

    manifest: Manifest
    lock: LockFile
    found: Standings


def standings(
    manifest: Manifest, lock: Mapping[str, Locked], *, sandbox: bool, forced: Collection[str] = ()
) -> Standings:
    """Compare manifest, lock and files; `sandbox` accepts what the sandbox made, `forced` are paths to be made anew.

    Raises `OSError` from the disk.
    """
    root = manifest.folder.root
    sizes = {asset.path: lock[asset.path].size if asset.path in lock else None for asset in manifest.assets}
    seen = look(root, sizes, os.cpu_count() or 1)
    of_file = cache(lambda path: file_sha256(root / path))
    items: dict[str, Item] = {}
    for asset in manifest.assets:
        before = next((path for path in asset.goes_on_from if _comes_anew(items[path])), None)
        made_from = None if before else recipe(asset, lambda path: _locked_sha256(items[path]), of_file)
        locked = lock.get(asset.path)
        if asset.path in forced:
            standing, reason = Standing.FORCED, "is to be made anew (--force)"
        else:
            standing, reason = _stands(asset, locked, seen[asset.path], made_from, before, sandbox=sandbox)
        items[asset.path] = Item(asset, standing, reason, made_from, locked)
    orphans = (Orphan(path, lock[path], os.path.lexists(root / path)) for path in sorted(lock.keys() - sizes.keys()))
    return Standings(tuple(items.values()), tuple(orphans))


def _comes_anew(item: Item) -> bool:
    """Whether an asset's file will be another one, so that what goes on from it cannot be known yet."""
    anew = (Standing.CHANGED, Standing.SANDBOX, Standing.CONVERT, Standing.FORCED)
    return item.locked is None or item.standing in anew


def _locked_sha256(item: Item) -> str:
    assert item.locked
    return item.locked.sha256


def _stands(
    asset: Asset,
    locked: Locked | None,
    file: OnDisk | None,
    made_from: str | None,
    before: str | None,
    *,
    sandbox: bool,
) -> tuple[Standing, str]:
    """How one asset stands, and why; `before` is a picture that it goes on from and that is made anew."""
    if locked is None:
        if file is None:
            return Standing.MISSING, "was never made"
        return Standing.UNLOCKED, "is there, and the lock does not know it"
    changed = made_from != locked.recipe
    if file is not None and (file.problem or file.sha256 != locked.sha256):
        wrong = f"cannot be read: {file.problem}" if file.problem else "was changed by hand since it was made"
        return Standing.EDITED, f"{wrong}, and its recipe changed" if changed else wrong
    if before:
        return Standing.CHANGED, f"goes on from {before}, which is made anew"
    if changed:
        return Standing.CHANGED, "has another recipe now: its prompt, a parameter or a reference changed"
    if locked.sandbox and not sandbox:
        return Standing.SANDBOX, "was made in the sandbox only"
    if file is None:
        made = f"job {locked.job} made it" if locked.job else "no job made it"
        return Standing.MISSING, f"is gone from the disk; {made}"
    if (asset.max_width, asset.tag) != (locked.max_width, locked.tag):
        return Standing.CONVERT, _finish(asset, locked)
    return Standing.CURRENT, "is what its recipe says"


def _finish(asset: Asset, locked: Locked) -> str:
    """What is to be done to a picture that is right itself."""
    said = []
    if asset.max_width != locked.max_width:
        said.append(f"has another max_width now: {asset.max_width or 'none'}, before {locked.max_width or 'none'}")
    if asset.tag != locked.tag:
        said.append("is to be tagged" if asset.tag else "is not to be tagged any more")
    return " and ".join(said)
