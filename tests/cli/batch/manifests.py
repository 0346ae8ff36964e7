"""Manifests that tests write and read, as the program reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.batch.manifest import Manifest, load
from imgen.batch.reading.findings import BadManifest

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.batch.asset import Asset
    from imgen.errors import UsageProblem


def orderable(asset: Asset) -> UsageProblem | None:
    """Whatever the catalogue says."""
    return None


def loaded(folder: Path, text: str | bytes, name: str = "assets.toml") -> Manifest:
    """The manifest with that text."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path, name, orderable)


def wrong(folder: Path, text: str | bytes, name: str = "assets.toml") -> list[str]:
    """What is said to be wrong in the manifest with that text, one sentence each."""
    try:
        loaded(folder, text, name)
    except BadManifest as error:
        return [str(finding) for finding in error.findings]
    return []


def asset(path: str = "cat.png", **fields: str) -> str:
    """One asset in TOML, its fields written as TOML has them."""
    lines = {"path": f'"{path}"', "prompt": '"a cat"', **fields}
    return "[[asset]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())
