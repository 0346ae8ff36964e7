"""The lock beside a manifest: what every asset's file is, and the recipe and the job it came from.

It is a text for git: a first line with its version, then one JSON object a line for each asset, sorted by path. Git
takes lines that touch for one change, so an empty line stands before each: two branches that made neighbouring assets
anew merge. Where two put new assets in one place, both sides are to be kept, which `merge_attribute` lets git do by
itself. So lines are read in any order, and of several for one asset the newest counts: deleting the marks of a conflict
is a way to resolve it. Writing puts all of it in order again.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn

from imgen import files
from imgen.batch.paths import BadPath, Folder, picture_name
from imgen.batch.reading.documents import read_text
from imgen.batch.reading.findings import BadManifest, Finding
from imgen.errors import UsageProblem
from imgen.installation import installation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pydantic import ValidationError

VERSION = 1
_HEADER = "imgen_lock"
_MOST_BYTES = 100_000_000
_SHA256 = re.compile("[0-9a-f]{64}")
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,12})?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CONFLICT = re.compile(r"<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|")
_CHECKOUT = "git checkout brings back what it was."
_RESOLVE = "Delete the lines with the marks and keep the others, then: imgen batch --check"


@dataclass(frozen=True, slots=True)
class Content:
    """A file by its bytes: `sha256` in hexadecimal, `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class LockedCost:
    """What a picture cost: a decimal text in "usd", or in the "credits" of its service."""

    amount: str
    unit: str


@dataclass(frozen=True, slots=True)
class Locked:
    """One asset as it was made. `time` is when, in UTC.

    `original` is the picture as the service sent it, where the file is another: converted, made smaller or tagged.
    `job`, `service` and `model` are None for a file that was adopted as it stood. `cost` None is unknown, never 0.
    """

    path: str
    recipe: str
    sha256: str
    size: int
    time: str
    original: Content | None = None
    job: str | None = None
    service: str | None = None
    model: str | None = None
    cost: LockedCost | None = None
    sandbox: bool = False
    max_width: int | None = None
    tag: bool = False

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}


def merge_attribute(lock_name: str) -> str:
    """The line of a `.gitattributes` beside the lock that lets git keep the new lines of both branches."""
    return f"{lock_name} merge=union eol=lf"


def lock_path(manifest: Path) -> Path:
    """Where the lock of a manifest is: beside it, with `.lock` in place of its ending."""
    return manifest.with_suffix(".lock")


def line(locked: Locked) -> str:
    """An asset as it stands in a lock; what is not known, or as usual, is left out."""
    written: dict[str, object] = {
        "path": locked.path,
        "recipe": locked.recipe,
        "sha256": locked.sha256,
        "size": locked.size,
        "time": locked.time,
        "original": {"sha256": locked.original.sha256, "size": locked.original.size} if locked.original else None,
        "job": locked.job,
        "service": locked.service,
        "model": locked.model,
        "cost": {"amount": locked.cost.amount, "unit": locked.cost.unit} if locked.cost else None,
        "sandbox": locked.sandbox or None,
        "max_width": locked.max_width,
        "tag": locked.tag or None,
    }
    return json.dumps({key: value for key, value in written.items() if value is not None}, ensure_ascii=False)


# Reading --------------------------------------------------------------------------------------------------------


def read(path: Path, name: str) -> dict[str, Locked]:
    """Every asset in the lock, by path; none where there is no lock. Raises `BadManifest` with the lines.

    A lock that cannot be read is never written either.
    """
    try:
        Folder(path.parent).check_target(path.name)
    except BadPath as error:
        _refuse(name, 0, error.message, error.hint)
    if not os.path.lexists(path):
        return {}
    lines = read_text(path, name, _MOST_BYTES).split("\n")
    _check_header(lines, name)
    numbered = [(number, text) for number, text in enumerate(lines[1:], start=2) if text.strip()]
    if conflict := next((number for number, text in numbered if _CONFLICT.match(text)), None):
        _refuse(name, conflict, "a merge left a conflict here.", _RESOLVE)
    return _by_path(numbered, _parsed(numbered, name), name)


def _check_header(lines: list[str], name: str) -> None:
    try:
        header = json.loads(lines[0])
        version = header[_HEADER]
    except (ValueError, KeyError, TypeError, RecursionError):
        if _CONFLICT.match(lines[0]):
            _refuse(name, 1, "a merge left a conflict here.", _RESOLVE)
        _refuse(name, 1, "it is no lock of imgen.", "git checkout brings back the one that was; it is not overwritten.")
    if version != VERSION:
        _refuse(name, 1, f"it has version {version!r}, which this imgen does not know.", installation().upgraded())


def _parsed(numbered: list[tuple[int, str]], name: str) -> list[Locked]:
    """The asset of each line. Raises `BadManifest` with every line that is broken."""
    from pydantic import TypeAdapter, ValidationError

    read_line = TypeAdapter(Locked).validate_json
    assets = []
    findings: list[Finding] = []
    for number, text in numbered:
        try:
            assets.append(read_line(text))
        except ValidationError as error:
            findings += _broken(error, number, name)
    if findings:
        raise BadManifest(findings)
    return assets


def _broken(error: ValidationError, number: int, name: str) -> Iterator[Finding]:
    """What is wrong in a line, once for each field."""
    for each in error.errors(include_url=False, include_input=False):
        field = str(each["loc"][0]) if each["loc"] else None
        wrong = "it is not valid JSON" if each["type"] == "json_invalid" else each["msg"].lower()
        yield Finding(name, number, field, f"the line is broken: {wrong}.", _CHECKOUT)


def _by_path(numbered: list[tuple[int, str]], assets: list[Locked], name: str) -> dict[str, Locked]:
    by_path: dict[str, Locked] = {}
    findings = []
    for (number, _), locked in zip(numbered, assets, strict=True):
        if (field := _wrong_field(locked)) is not None:
            message = "the line is broken: no such value was ever written."
            findings.append(Finding(name, number, field, message, _CHECKOUT))
        other = by_path.get(locked.path)
        if other is None or (locked.time, locked.sha256) > (other.time, other.sha256):
            by_path[locked.path] = locked
    if findings:
        raise BadManifest(findings)
    return by_path


def _wrong_field(locked: Locked) -> str | None:
    """The first field with a value that has its type and cannot be; a lock comes with a clone."""
    if _SHA256.fullmatch(locked.recipe) is None:
        return "recipe"
    if _SHA256.fullmatch(locked.sha256) is None or locked.size < 0:
        return "sha256" if locked.size >= 0 else "size"
    if locked.original and (_SHA256.fullmatch(locked.original.sha256) is None or locked.original.size < 0):
        return "original"
    if locked.cost and not (_AMOUNT.fullmatch(locked.cost.amount) and locked.cost.unit in ("usd", "credits")):
        return "cost"
    if _TIME.fullmatch(locked.time) is None:
        return "time"
    try:
        return None if picture_name(locked.path) == locked.path else "path"
    except BadPath:
        return "path"


def _refuse(name: str, number: int, message: str, hint: str | None = None) -> NoReturn:
    raise BadManifest([Finding(name, number, None, message, hint)])


# Writing --------------------------------------------------------------------------------------------------------


class LockFile:
    """A lock that is written while assets finish: the whole file at once each time, with what others wrote since."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._assets: dict[str, Locked] = {}
        self._lines: dict[str, str] = {}
        self._seen: tuple[int, int, int] | None = None
        self._refresh()

    @property
    def assets(self) -> Mapping[str, Locked]:
        """Every asset in it as of the last look, by path."""
        return self._assets

    def update(self, made: Iterable[Locked] = (), removed: Iterable[str] = ()) -> None:
        """Put assets in, take others out, and have it on disk when this returns.

        Raises `BadManifest` where the file was broken meanwhile, and `OSError` where it cannot be written.
        """
        self._refresh()
        for locked in made:
            self._assets[locked.path] = locked
            self._lines[locked.path] = line(locked)
        for path in removed:
            self._assets.pop(path, None)
            self._lines.pop(path, None)
        files.write(self._path, text(self._lines).encode(), mode=files.SHARED)
        self._seen = _fingerprint(self._path)

    def _refresh(self) -> None:
        """Read the file again where it is not the one that was last read or written here."""
        found = _fingerprint(self._path)
        if found is None or found != self._seen:
            self._assets = read(self._path, self._name)
            self._lines = {path: line(locked) for path, locked in self._assets.items()}
            self._seen = found


def text(lines: Mapping[str, str]) -> str:
    """A whole lock, of the line of each asset by its path."""
    return "\n\n".join([json.dumps({_HEADER: VERSION}), *(lines[path] for path in sorted(lines))]) + "\n"


def check_writable(path: Path, name: str) -> None:
    """Raises `UsageProblem` where a lock cannot be written, before anything is sent for it."""
    part = files.part_path(path)
    try:
        with files.new_part(part):
            pass
        part.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageProblem(
            f"{name} cannot be written: {reason}. Nothing was sent.",
            "imgen batch --check only reads; to make pictures, work in a folder that you may write.",
        ) from error


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    """What distinguishes a file from another of its name; None where there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
