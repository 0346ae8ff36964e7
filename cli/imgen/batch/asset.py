"""One picture of a project, as its manifest describes it: every default filled in, every name resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgen.batch.paths import FORMATS, suffix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen.pictures.verify import Format
    from imgen_providers.base import Json


@dataclass(frozen=True, slots=True)
class AssetPicture:
    """A reference that is another asset of the manifest, which is made first."""

    path: str


@dataclass(frozen=True, slots=True)
class FilePicture:
    """A reference that is a file of the project; `path` is relative to the manifest's folder."""

    path: str


@dataclass(frozen=True, slots=True)
class LinkPicture:
    """A reference behind a public https URL."""

    url: str


Picture = AssetPicture | FilePicture | LinkPicture


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a project and how it is made; None leaves a choice to the program or the service.

    `path` is relative to the manifest's folder, with `/` between its names, and is the asset's name in the lock.
    `entry` is the number of the table it comes from, from 0. `size` is width and height in pixels to be covered.
    `convert` is whether a picture may be re-encoded into the path's format. `max_width` is in pixels.
    """

    path: str
    entry: int
    prompt: str
    references: tuple[Picture, ...] = ()
    model: str | None = None
    provider: str | None = None
    aspect: str | None = None
    resolution: str | None = None
    size: tuple[int, int] | None = None
    format: str | None = None
    quality: str | None = None
    channel: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    convert: bool = True
    max_width: int | None = None
    tag: bool = False

    @property
    def file_format(self) -> Format:
        """The format of its file, by the ending of its path."""
        return FORMATS[suffix(self.path)]

    @property
    def goes_on_from(self) -> tuple[str, ...]:
        """The paths of the assets that have to be made before it."""
        return tuple(picture.path for picture in self.references if isinstance(picture, AssetPicture))
