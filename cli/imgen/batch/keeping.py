"""Changes to a lock that make no picture: files that are taken as they stand, and assets that are no longer wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen.batch.disk import file_sha256
from imgen.batch.lock import Locked
from imgen.batch.paths import BadPath
from imgen.batch.recipe import recipe
from imgen.batch.report import AssetResult, Outcome
from imgen.batch.standing import Item, Standing
from imgen.errors import Problem
from imgen.records import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from imgen.batch.lock import LockFile
    from imgen.batch.manifest import Manifest
    from imgen.batch.standing import Orphan, Standings

_TAKEN = (Standing.EDITED, Standing.UNLOCKED, Standing.CHANGED)


def adopt(
    manifest: Manifest, lock: LockFile, found: Standings, selected: Collection[str] | None, wall: float
) -> list[AssetResult]:
    """Lock the files that exist and are not what the lock says, by their content; nothing is bought or written else.

    What is not a picture of the format of its path is left. Raises `OSError` from the disk.
    """
    taken: dict[str, Locked] = {}
    results = []
    root = manifest.folder.root

    def sha256(path: str) -> str:
        return (taken.get(path) or lock.assets[path]).sha256

    for item in found.items:
        asset, path = item.asset, root / item.asset.path
        if item.standing not in _TAKEN or (selected is not None and asset.path not in selected) or not path.exists():
            continue
        line = manifest.line(asset)
        lacking = next((each for each in asset.goes_on_from if each not in taken and each not in lock.assets), None)
        problem = _refusal(item, path) or (f"goes on from {lacking}, which is not locked." if lacking else None)
        if problem:
            said = Problem("not_adopted", f"{asset.path} {problem}")
            results.append(AssetResult(asset.path, line, Outcome.LEFT, UNKNOWN, problem=said))
            continue
        made_from = recipe(asset, sha256, lambda name: file_sha256(root / name))
        taken[asset.path] = _adopted(item, path, made_from, wall)
        size = taken[asset.path].size
        results.append(AssetResult(asset.path, line, Outcome.ADOPTED, UNKNOWN, size=size))
    if taken:
        lock.update(taken.values())
    return results


def _refusal(item: Item, path: Path) -> str | None:
    """Why a file cannot be taken, as the end of a sentence."""
    from imgen.pictures.formats import Damaged, Unverified
    from imgen.pictures.verify import inspect

    try:
        picture = inspect(path)
    except (Damaged, Unverified) as error:
        return f"is no whole picture: {error}."
    if picture.format != item.asset.file_format:
        return f"holds {picture.format.upper()}, which its name does not say."
    return None


def _adopted(item: Item, path: Path, made_from: str, wall: float) -> Locked:
    asset, locked = item.asset, item.locked
    time = datetime.fromtimestamp(int(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sha256, size = file_sha256(path), path.stat().st_size
    if locked and locked.sha256 == sha256:  # the same picture, wanted for another recipe now
        return replace(locked, recipe=made_from, time=time, max_width=asset.max_width, tag=asset.tag)
    return Locked(asset.path, made_from, sha256, size, time, max_width=asset.max_width, tag=asset.tag)


def prune(manifest: Manifest, lock: LockFile, orphans: Sequence[Orphan]) -> list[AssetResult]:
    """Take orphans out of the lock, and remove their files; a file that was changed since it was made stays.

    Raises `OSError` from the disk.
    """
    results = []
    for orphan in orphans:
        problem = None
        try:
            manifest.folder.check_target(orphan.path)
            path = manifest.folder.path(orphan.path)
            if orphan.exists and file_sha256(path) == orphan.locked.sha256:
                path.unlink()
            elif orphan.exists:
                problem = Problem("kept", f"{orphan.path} was changed by hand, so its file stays.")
        except BadPath as error:
            problem = Problem("kept", f"The file stays: {error.message}")
        except FileNotFoundError:
            pass
        results.append(AssetResult(orphan.path, 0, Outcome.PRUNED, UNKNOWN, problem=problem))
    if results:
        lock.update(removed=[orphan.path for orphan in orphans])
    return results
