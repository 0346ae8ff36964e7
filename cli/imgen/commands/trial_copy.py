"""A copy of a manifest with enough to do for a trial; the project's pictures and lock stay as they are."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

from imgen.batch.asset import AssetPicture, FilePicture, LinkPicture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.batch.asset import Asset, Picture

_NAME = "assets.jsonl"


def copy_for_trial(source: Path, assets: Sequence[Asset], folder: Path, least: int) -> Path:
    """Write the assets, and the files that they go on from, into `folder`; returns the new manifest.

    All are repeated, under other paths and with other prompts, until there are at least `least`.
    """
    repeats = max(1, -(-least // len(assets)))
    lines = [json.dumps(_entry(asset, number)) for number in range(1, repeats + 1) for asset in assets]
    manifest = folder / _NAME
    manifest.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for path in {each.path for asset in assets for each in asset.references if isinstance(each, FilePicture)}:
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, copy)
    return manifest


def _entry(asset: Asset, number: int) -> dict[str, object]:
    """The line of an asset; what it goes on from is that of the first round."""
    written = {
        "path": _literal(asset.path if number == 1 else f"round {number}/{asset.path}"),
        "prompt": asset.prompt if number == 1 else f"{asset.prompt} ({number})",
        "references": [_named(picture) for picture in asset.references] or None,
        "model": asset.model,
        "provider": asset.provider,
        "aspect": asset.aspect,
        "resolution": asset.resolution,
        "size": asset.size and f"{asset.size[0]}x{asset.size[1]}",
        "format": asset.format,
        "quality": asset.quality,
        "channel": asset.channel,
        "options": dict(asset.options) or None,
        "convert": None if asset.convert else False,
        "max_width": asset.max_width,
        "tag": asset.tag or None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _literal(path: str) -> str:
    """A path in which braces stand for themselves."""
    return re.sub(r"\{(\w+)\}", r"{{\1}}", path)


def _named(picture: Picture) -> str:
    match picture:
        case AssetPicture(path) | FilePicture(path):
            return path
        case LinkPicture(url):
            return url
