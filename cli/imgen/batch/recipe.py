"""What makes two orders of an asset the same picture: a hash that every machine computes alike.

It is the sha256 of a JSON text (keys sorted, no spaces, ASCII only) of what the manifest asks a model for, after its
defaults: `model`, `prompt`, `aspect`, `resolution`, `size`, `format`, `quality` and `options` as they are written,
`references` as the sha256 of each one's bytes, or as its link. What is not written is left out, so a field that a later
version adds changes no hash of today. `version` is 1.

Left out as well is what makes no other picture: the path, `provider` and `channel` (who makes it), and `convert`,
`max_width` and `tag` (what is done to the file here; the lock holds the last two in words). So a cheaper service, or a
smaller file, is no reason to buy a picture again.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from imgen.batch.asset import AssetPicture, FilePicture, LinkPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen.batch.asset import Asset, Picture

VERSION = 1


def recipe(asset: Asset, asset_sha256: Callable[[str], str], file_sha256: Callable[[str], str]) -> str:
    """The hash of what an asset is made from, in hexadecimal.

    `asset_sha256` is the hash of the file of another asset, `file_sha256` that of a file of the project, both by path.
    """

    def content(picture: Picture) -> str:
        match picture:
            case AssetPicture(path):
                return asset_sha256(path)
            case FilePicture(path):
                return file_sha256(path)
            case LinkPicture(url):
                return url

    parts: dict[str, object] = {
        "model": asset.model,
        "prompt": asset.prompt,
        "aspect": asset.aspect,
        "resolution": asset.resolution,
        "size": asset.size,
        "format": asset.format,
        "quality": asset.quality,
        "options": asset.options or None,
        "references": [content(picture) for picture in asset.references] or None,
    }
    written = {name: value for name, value in parts.items() if value is not None}
    text = json.dumps({"version": VERSION, **written}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
