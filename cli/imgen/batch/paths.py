"""Which files a manifest may name: those below its own folder, by names that every system takes.

A manifest comes with a clone. So no name leaves the folder, by itself or through a symbolic link, and none holds what a
terminal or a shell would act on.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.pictures.template import NAME_BYTES

if TYPE_CHECKING:
    from imgen.pictures.verify import Format

FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
"""The format that a path's ending stands for."""

# Names that need no closer look: of ten thousand, one by one, that takes longer than all else.
_PLAIN = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)\b)[a-z0-9][a-z0-9_.-]{,100}[a-z0-9]", re.ASCII | re.IGNORECASE)
_ENDINGS = "It takes .png, .jpg, .jpeg and .webp."
# What a terminal or a shell acts on, or what hides how a name runs: controls, line ends, lone surrogates, bidi marks.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class BadPath(Exception):
    """A path that may not be named; `message` is a sentence that follows the field's name."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def normal(text: str) -> str:
    """A relative path as every system spells it: `/` between its names, no `.` among them. Raises `BadPath`."""
    if _CONTROL.search(text):
        raise BadPath(f"{_shown(text)} has a control character in it.")
    if "\\" in text:
        raise BadPath(f"{_shown(text)} has a backslash in it.", "Write / between folders, on Windows too.")
    if text.startswith("/") or (len(text) > 1 and text[1] == ":"):
        raise BadPath(f"{_shown(text)} is an absolute path.", "Paths start at the manifest's folder.")
    if text.startswith("~"):
        raise BadPath(f"{_shown(text)} starts at a home folder.", "Paths start at the manifest's folder.")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadPath(
            f"{_shown(text)} leaves the project.", "Nothing outside the manifest's folder is read or written."
        )
    return "/".join(parts)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


def picture_name(text: str) -> str:
    """The path of an asset, in its normal spelling. Raises `BadPath` where no picture can be written under it."""
    path = normal(text)
    if not path or text.endswith("/"):
        raise BadPath(f"{text!r} is a folder.", "Name a file, such as art/cat.png.")
    ending = suffix(path)
    if ending not in FORMATS:
        kind = f"ends in {ending}, which cannot be written" if ending else "has no ending"
        raise BadPath(f"{path!r} {kind}.", _ENDINGS)
    return path


def suffix(path: str) -> str:
    """The ending of a normal path in lower case, with its dot; "" where it has none."""
    stem, dot, ending = path.rpartition("/")[2].rpartition(".")
    return dot + ending.lower() if stem else ""


def check_names(path: str, known: set[str]) -> None:
    """Raises `BadPath` where a name of the path is none on some system; `known` are names that were checked before."""
    names = [name for name in path.split("/") if name not in known and not _PLAIN.fullmatch(name)]
    if not names:
        return
    from pathvalidate import ValidationError, validate_filename

    for name in names:
        try:
            validate_filename(name, platform="universal", max_len=NAME_BYTES)
        except ValidationError as error:
            reason = error.reason.name.replace("_", " ").lower()
            raise BadPath(f"{name!r} is no file name on every system ({reason}).", "Choose another name.") from error
        known.add(name)


def folded(path: str) -> str:
    """What two paths share that are one file on a system that ignores case or spells accents in one way."""
    return path if path.isascii() and path == path.lower() else unicodedata.normalize("NFC", path).casefold()


class Folder:
    """The folder of a manifest, and what lies in it; links are followed and must end in it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._folders: dict[str, bool] = {}

    def path(self, name: str) -> Path:
        """The absolute path of a normal one."""
        return self.root / name

    def check_target(self, name: str) -> None:
        """Raises `BadPath` where no picture can be put under a normal path: a folder, or a way out of this one."""
        try:
            mode = os.lstat(os.path.join(self.root, name)).st_mode  # noqa: PTH118 (half the time, for thousands)
        except (OSError, ValueError):
            mode = 0
        if not self._holds(name, is_link=stat.S_ISLNK(mode)):
            raise BadPath(f"{name!r} leads out of the project by a link.", "Nothing outside is read or written.")
        if stat.S_ISDIR(mode):
            raise BadPath(f"{name!r} is a folder.", "Name a file in it.")

    def check_file(self, name: str, most: int) -> None:
        """Raises `BadPath` unless a normal path is a readable file of at most `most` bytes in the folder."""
        if not self._holds(name, is_link=True):
            raise BadPath(f"{name!r} leads out of the project by a link.", "Nothing outside is read or written.")
        try:
            status = self.path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise BadPath(f"there is no file {name!r}.") from None
        except OSError as error:
            raise BadPath(f"{name!r} cannot be read: {error.strerror}.") from error
        if stat.S_ISDIR(status.st_mode):
            raise BadPath(f"{name!r} is a folder.")
        if not stat.S_ISREG(status.st_mode):
            raise BadPath(f"{name!r} is a pipe or a device, not a file.")
        if status.st_size > most:
            raise BadPath(f"{name!r} is larger than {most / 1e6:g} MB.")
        if not os.access(self.path(name), os.R_OK):
            raise BadPath(f"{name!r} cannot be read: permission denied.")

    def _holds(self, name: str, *, is_link: bool) -> bool:
        """Whether a normal path stays in the folder, wherever links lead; it need not exist."""
        head = name.rpartition("/")[0]
        if head not in self._folders:
            self._folders[head] = self._is_within(head)
        return self._folders[head] and (not is_link or self._is_within(name))

    def _is_within(self, name: str) -> bool:
        real = os.path.realpath(os.path.join(self.root, name))  # noqa: PTH118
        return real == str(self.root) or real.startswith(str(self.root).rstrip(os.sep) + os.sep)
