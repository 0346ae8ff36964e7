"""Where the pictures of a job go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """Where a job's pictures go, as decided when it was recorded; `folder` is absolute.

    `template` is a file name pattern below the folder; `first_index` numbers this job's first picture
    within its run, `pictures_in_run` all of them. `to_stdout` pictures are kept in the folder as well.
    `overwrite` is consent to replace `replaces`: the files that stood there then, each with its fingerprint.
    Consent may be used days later, so it does not hold for a file that came after it. `tag` marks the pictures as made
    by a model.
    """

    folder: Path
    template: str
    overwrite: bool = False
    to_stdout: bool = False
    first_index: int = 1
    pictures_in_run: int = 1
    replaces: Mapping[str, str] = field(default_factory=dict)
    tag: bool = False


class Stored(NamedTuple):
    """A picture that is in an object storage already, at a URL; `sha256` is that of its bytes, in hexadecimal."""

    url: str
    sha256: str
