"""The copy of a manifest for a trial: the same assets, repeated, and a manifest that reads as any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imgen.batch.asset import Asset, AssetPicture, FilePicture
from imgen.batch.manifest import load
from imgen.commands.trial_copy import copy_for_trial

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.errors import UsageProblem

MANIFEST = """
[defaults]
resolution = "0.5K"
[[asset]]
max_width = 300
path = "art/{name}.webp"
prompt = "a {name}"
for = {name = ["fox", "owl"]}
[[asset]]
path = "art/night.png"
prompt = "at night, {so}"
references = ["art/fox.webp", "photo.png"]
size = "300x200"
convert = false
options = {seed = 7}
"""


def refused(asset: Asset) -> UsageProblem | None:
    return None


def of(path: Path) -> list[Asset]:
    return [replace(asset, entry=0) for asset in load(path, path.name, refused).assets]


def test_once_it_is_the_same_assets(tmp_path: Path) -> None:
    source, folder = tmp_path / "project", tmp_path / "trial"
    for each in (source, folder):
        each.mkdir()
    (source / "assets.toml").write_text(MANIFEST)
    (source / "photo.png").write_bytes(b"a picture")
    assets = of(source / "assets.toml")

    copied = copy_for_trial(source, assets, folder, 0)

    assert of(copied) == assets
    assert (folder / "photo.png").read_bytes() == b"a picture"


def test_repeats_are_assets_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "assets.toml").write_text(MANIFEST)
    (tmp_path / "photo.png").write_bytes(b"a picture")
    (tmp_path / "trial").mkdir()

    again = of(copy_for_trial(tmp_path, of(tmp_path / "assets.toml"), tmp_path / "trial", 7))

    assert len({asset.path for asset in again}) == len({asset.prompt for asset in again}) == 9
    third = next(asset for asset in again if asset.path == "round 3/art/night.png")
    assert third.prompt == "at night, {so} (3)"
    assert third.references == (AssetPicture("art/fox.webp"), FilePicture("photo.png"))
