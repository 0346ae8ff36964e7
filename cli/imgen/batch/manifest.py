"""A manifest as a whole: every asset of a project, checked, in the order in which they can be made."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from imgen.batch.asset import Asset, AssetPicture, FilePicture, LinkPicture, Picture
from imgen.batch.paths import BadPath, Folder, folded, normal
from imgen.batch.reading.documents import read
from imgen.batch.reading.expanding import Expanded, Findings, expand
from imgen.batch.reading.findings import BadManifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from imgen.batch.reading.documents import Document
    from imgen.errors import UsageProblem

_MOST_REFERENCE_BYTES = 256 * 1024 * 1024
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)

Refusal = "Callable[[Asset], UsageProblem | None]"
"""Why an asset cannot be ordered, None where it can be."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The assets of a project, each after those it goes on from; `name` is what to call the file in messages."""

    name: str
    folder: Folder
    assets: tuple[Asset, ...]
    _document: Document = field(repr=False)

    def line(self, asset: Asset, field: str | None = None) -> int:
        """The line on which an asset, or one of its fields, stands; counts from 1."""
        return self._document.line(asset.entry, field)


def load(path: Path, name: str, refusal: Callable[[Asset], UsageProblem | None]) -> Manifest:
    """Read and check a manifest; `refusal` says why an asset cannot be ordered, None where it can be.

    Raises `BadManifest` with everything that is wrong in it.
    """
    document = read(path, name)
    folder = Folder(path.parent)
    findings = Findings(document)
    expanded = expand(document, folder, findings)
    _check_paths(expanded, findings)
    assets = _with_references(expanded, folder, findings)
    for asset in assets:
        if problem := refusal(asset):
            findings.add(asset.entry, problem.about, problem.message, problem.hint)
    ordered = _ordered(assets, findings)
    if findings.found:
        raise BadManifest(findings.found)
    return Manifest(name, folder, ordered, document)


def _check_paths(expanded: Sequence[Expanded], findings: Findings) -> None:
    """No two assets are one file, and none is the folder of another, on any system."""
    first: dict[str, Asset] = {}
    for asset in (each.asset for each in expanded):
        other = first.setdefault(folded(asset.path), asset)
        if other is asset:
            continue
        line = findings.document.line(other.entry, "path")
        if other.path == asset.path:
            findings.add(asset.entry, "path", f"{asset.path!r} is the path of another asset, on line {line}.")
        else:
            message = f"{asset.path!r} and {other.path!r} (line {line}) are one file on many systems."
            findings.add(asset.entry, "path", message, "Upper and lower case, and ways to write an accent, are one.")
    for key, asset in first.items():
        for end in (at for at, letter in enumerate(key) if letter == "/"):
            if above := first.get(key[:end]):
                findings.add(asset.entry, "path", f"{asset.path!r} lies in {above.path!r}, which is an asset's file.")


# References -----------------------------------------------------------------------------------------------------


def _with_references(expanded: Sequence[Expanded], folder: Folder, findings: Findings) -> list[Asset]:
    paths = {folded(each.asset.path): each.asset.path for each in expanded}
    known: dict[str, Picture | BadPath] = {}
    assets = []
    for each in expanded:
        pictures = []
        for text in each.references:
            if text not in known:
                known[text] = _picture(text, paths, folder)
            picture = known[text]
            if isinstance(picture, BadPath):
                findings.add(each.asset.entry, "references", picture.message, picture.hint)
            else:
                pictures.append(picture)
        assets.append(replace(each.asset, references=tuple(pictures)) if pictures else each.asset)
    return assets


def _picture(text: str, paths: Mapping[str, str], folder: Folder) -> Picture | BadPath:
    """What a reference names, or what is wrong with it; `paths` are those of all assets."""
    try:
        if found := _URL.match(text):
            return _link(text, found[1].lower())
        name = normal(text)
        if (asset := paths.get(folded(name))) == name:
            return AssetPicture(name)
        if asset is not None:
            return BadPath(f"there is no asset {name!r}.", f"Did you mean {asset}?")
        folder.check_file(name, _MOST_REFERENCE_BYTES)
    except BadPath as error:
        near = difflib.get_close_matches(text, paths.values(), n=1, cutoff=0.8) if len(paths) < 1000 else []
        return BadPath(error.message, error.hint or (f"Did you mean the asset {near[0]}?" if near else None))
    return FilePicture(name)


def _link(text: str, scheme: str) -> LinkPicture:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadPath("a URL in it cannot be read.") from None
    if scheme != "https":
        raise BadPath(f"it takes https URLs, not {scheme}://.", "Save the picture in the project and name the file.")
    if not host or not text.isprintable() or " " in text:
        raise BadPath("a URL in it names no host." if not host else "a URL in it has a space or control character.")
    if parts.username is not None or parts.password is not None:
        raise BadPath(f"the URL to {host} has a user name or password in it, which would be in git.")
    return LinkPicture(text)


# Order ----------------------------------------------------------------------------------------------------------


def _ordered(assets: Sequence[Asset], findings: Findings) -> tuple[Asset, ...]:
    """Each asset after those it goes on from, else as they are written; a circle of them is noted once."""
    by_path = {asset.path: asset for asset in assets}
    ordered: dict[str, Asset] = {}
    for asset in assets:
        if asset.path in ordered:
            continue
        if not asset.references:
            ordered[asset.path] = asset
            continue
        for found in _before(asset, by_path, ordered):
            if isinstance(found, Asset):
                ordered[found.path] = found
            else:
                findings.add(by_path[found[0]].entry, "references", f"it goes in a circle: {' -> '.join(found)}.")
    return tuple(ordered.values())


def _before(asset: Asset, by_path: Mapping[str, Asset], done: Mapping[str, Asset]) -> Iterator[Asset | tuple[str, ...]]:
    """The assets that one goes on from and that are not done, then itself; a circle comes as the paths along it."""
    way: dict[str, Iterator[str]] = {asset.path: iter(asset.goes_on_from)}
    seen = {asset.path}
    while way:
        path, rest = next(reversed(way.items()))
        following = next((each for each in rest if each not in done), None)
        if following is None:
            del way[path]
            yield by_path[path]
        elif following in way:
            paths = list(way)
            yield (*paths[paths.index(following) :], following)
        elif following not in seen:
            seen.add(following)
            way[following] = iter(by_path[following].goes_on_from)
