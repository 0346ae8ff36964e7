"""The answer to a paid submit on disk: written while it arrives, and found there when the process ended before it had.

One file an answer: a line of JSON with its headers, then the body as it came. It is kept beside the ledger; where that
disk is full, in the job's target folder, then in the temporary one. Light to import: every command looks for one.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from imgen.files import discard, is_own, make_private_folder, open_new, put_in_place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen.ledger.ledger import Ledger
    from imgen.records import JobRecord

_PART = ".part"
_UNREAD = ".unread"
_PIECE = 1024 * 1024  # bytes


class AnswerFile:
    """The answer to one submit, on disk while it arrives: a `Spool`. `places` are paths, the best first."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = list(places)
        self._head = b""
        self._expected: int | None = None
        self._size = 0
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self.whole: Path | None = None
        """Where all of it is, once that is so."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """A 2xx answer begins."""
        self._head = _head(headers)
        self._expected = _length(headers)
        self._open_next()

    def write(self, piece: bytes) -> None:
        """The next bytes of its body; each disk that fails is left for the next place."""
        while self._file:
            try:
                _write_all(self._file, piece)
            except OSError:
                self._open_next()
            else:
                break
        self._size += len(piece)

    def end(self) -> None:
        """All of it has come: it is on disk (fsync), under its final name, once this returns."""
        while self._file and self._path:
            try:
                os.fsync(self._file.fileno())
                self._file.close()
                whole = self._path.with_name(self._path.name.removesuffix(_PART))
                put_in_place(self._path, whole)
            except OSError:
                self._open_next()
            else:
                self._file, self.whole = None, whole

    def cut(self) -> str | None:
        """How much came of an answer that broke off, as a sentence; None where none began."""
        return _cut(self._size, self._expected) if self._head and not self.whole else None

    def set_aside(self) -> Path | None:
        """Keep a whole answer that cannot be understood, where no later command reads it once more."""
        if self.whole:
            self.whole = set_aside(self.whole)
        return self.whole

    def discard(self) -> None:
        """Remove it: what was in it is in the ledger and on disk."""
        if self._file:
            self._file.close()
        for path in (self._path, self.whole):
            if path:
                discard(path)

    def _open_next(self) -> None:
        """Go on in the next place that takes what came so far; none left means that it is kept nowhere."""
        before, source = self._file, self._path
        self._file = self._path = None
        while self._places:
            path = self._places.pop(0)
            part = path.with_name(path.name + _PART)
            try:
                make_private_folder(path.parent)
                self._file = open_new(part, buffering=0)
                self._path = part
                _write_all(self._file, self._head)
                if source:
                    _copy(source, len(self._head), self._size, self._file)
                break
            except OSError:
                if self._file:
                    self._file.close()
                    discard(part)
                self._file = self._path = None
        if before:
            before.close()
        if self._path is None:
            self._path = source  # to be removed in the end, and not written to any more
        elif source:
            discard(source)


class KeptAnswer(NamedTuple):
    """What is on disk of an answer."""

    path: Path
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_part(self) -> bool:
        """Whether the process ended before it had made sure that all of it is here."""
        return self.path.name.endswith(_PART)

    @property
    def cut(self) -> str | None:
        """That it broke off, as a sentence; None where it may be whole."""
        expected = _length(self.headers)
        return _cut(len(self.body), expected) if expected is not None and len(self.body) < expected else None


def places(ledger: Ledger, record: JobRecord) -> list[Path]:
    """Where the answer to a job's submit may be kept, the best place first."""
    name = f".imgen-{record.id}.answer"
    return [
        ledger.results.answer_path(record.id),
        record.target.folder / name,
        Path(tempfile.gettempdir()) / name,
    ]


def kept_path(ledger: Ledger, record: JobRecord) -> Path | None:
    """Where an ended process left something of the answer to a job's submit."""
    paths = places(ledger, record)
    if not (record.owner and ledger.is_alive(record.owner)):  # else it may still be arriving
        paths += [path.with_name(path.name + _PART) for path in paths]
    for path in paths:
        with suppress(OSError):
            if path.is_file() and not path.is_symlink() and is_own(path):
                return path
    return None


def read_file(path: Path) -> KeptAnswer:
    """An answer that was kept. Raises `OSError`."""
    head, _, body = path.read_bytes().partition(b"\n")
    try:
        found: Any = json.loads(head)
    except ValueError:
        found = {}
    headers = {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
    return KeptAnswer(path, headers, body)


def set_aside(path: Path) -> Path:
    """Rename an answer that cannot be understood, so that no later command reads it once more; its path then."""
    aside = path.with_name(path.name + _UNREAD)
    try:
        put_in_place(path, aside)
    except OSError:
        return path
    return aside


def _head(headers: Mapping[str, str]) -> bytes:
    return json.dumps(dict(headers)).encode() + b"\n"


def _length(headers: Mapping[str, str]) -> int | None:
    """The length of the body as it was kept; that of a packed one says nothing about it."""
    low = {name.lower(): value.strip() for name, value in headers.items()}
    length = low.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 13 and not low.get("content-encoding") else None


def _cut(size: int, expected: int | None) -> str:
    whole = f" of {expected:,}" if expected is not None else ""
    return f"The answer was cut at {size:,}{whole} bytes."


def _write_all(file: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _copy(source: Path, start: int, size: int, to: BinaryIO) -> None:
    with source.open("rb") as file:
        file.seek(start)
        while size:
            piece = file.read(min(size, _PIECE))
            if not piece:
                raise OSError("what came so far cannot be read back")
            _write_all(to, piece)
            size -= len(piece)
