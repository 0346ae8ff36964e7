"""The two streams of this process, and what they are connected to."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TextIO

from imgen.errors import OutputLost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# How it shows that the reader has gone: a closed pipe (EINVAL on Windows), a terminal that hung up.
_READER_GONE = (errno.EPIPE, errno.EINVAL, errno.EIO)
_DRAWN = "✓✗━╍─⠋…"
_DRAWN_IN_ASCII = str.maketrans("│├└─…✓✗", "||`-~+x")  # each one column too


class Form(Enum):
    """How a command answers on standard output."""

    TEXT = "text"  # data for people and simple scripts: paths, ids, tables
    JSON = "json"  # one envelope
    EVENTS = "events"  # one object a line while it happens, the envelope last


class Streams(NamedTuple):
    """What this process is connected to.

    `color` is the person's wish, None where they said nothing. `width` is in columns, None where
    the terminal is to be asked. `unicode` says whether stderr can show bars and ticks, `has_display` whether a window
    could be opened.
    """

    stdin_is_terminal: bool
    stdout_is_terminal: bool
    stderr_is_terminal: bool
    color: bool | None
    ci: bool
    dumb: bool
    width: int | None
    unicode: bool
    has_display: bool = True

    @classmethod
    def of(cls, stdin: TextIO, stdout: TextIO, stderr: TextIO, environ: Mapping[str, str]) -> Streams:
        """Read them off the streams and NO_COLOR, FORCE_COLOR, TERM, COLUMNS and what build servers set."""
        from imgen.config.config import is_ci

        columns = environ.get("COLUMNS", "")
        return cls(
            stdin_is_terminal=stdin.isatty(),
            stdout_is_terminal=stdout.isatty(),
            stderr_is_terminal=stderr.isatty(),
            color=_wished_color(environ),
            ci=is_ci(environ),
            dumb=is_dumb(environ),
            width=int(columns) if columns.isdecimal() and int(columns) > 0 else None,
            unicode=_can_show(_DRAWN, stderr.encoding),
            has_display=_has_display(environ),
        )

    @property
    def stdout_color(self) -> bool:
        """Whether text on stdout may be coloured."""
        return self._color(terminal=self.stdout_is_terminal)

    @property
    def stderr_color(self) -> bool:
        """Whether text on stderr may be coloured."""
        return self._color(terminal=self.stderr_is_terminal)

    @property
    def stdout_width(self) -> int | None:
        """The columns of the terminal behind stdout; None when there is none, and lines stay whole."""
        if not self.stdout_is_terminal:
            return None
        return self.width or os.get_terminal_size(sys.stdout.fileno()).columns or 80

    @property
    def stderr_width(self) -> int | None:
        """The columns of the terminal behind stderr; None when there is none, and lines stay whole."""
        if not self.stderr_is_terminal:
            return None
        try:
            return self.width or os.get_terminal_size(sys.stderr.fileno()).columns or 80
        except OSError:  # it hung up
            return 80

    def _color(self, *, terminal: bool) -> bool:
        return terminal and not self.dumb if self.color is None else self.color


def _has_display(environ: Mapping[str, str]) -> bool:
    """Whether there are windows: always on macOS and Windows, also where Linux runs on Windows (WSL)."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))


def is_dumb(environ: Mapping[str, str]) -> bool:
    """Whether the terminal says that it can do nothing but write lines."""
    return environ.get("TERM", "").lower() in ("dumb", "unknown")


def _wished_color(environ: Mapping[str, str]) -> bool | None:
    if environ.get("NO_COLOR"):
        return False
    forced = environ.get("FORCE_COLOR")
    return forced != "0" if forced else None


def _can_show(text: str, encoding: str | None) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def out(text: str) -> None:
    """Write whole lines of data to stdout, never wrapped; a line end is added where it is missing."""
    _write(sys.stdout, text if text.endswith("\n") else f"{text}\n")


def out_path(path: Path) -> None:
    """Write a path to stdout: in a pipe as the bytes that it has on disk, whatever the encoding of the stream."""
    if sys.stdout.isatty() or os.name == "nt":  # where a person reads it, or the disk knows no bytes
        out(str(path))
    else:
        _write_bytes(sys.stdout, os.fsencode(path) + b"\n")


def out_bytes(data: bytes) -> None:
    """Write data to stdout as it is."""
    _write_bytes(sys.stdout, data)


def err(text: str) -> None:
    """Write whole lines for a person to stderr; a line end is added where it is missing. Never fails."""
    with suppress(OutputLost):
        _write(sys.stderr, text if text.endswith("\n") else f"{text}\n")


def err_sentence(text: str) -> None:
    """Write sentences for a person to stderr, broken between words where a terminal has no room. Never fails."""
    if sys.stderr.isatty():
        from imgen.screen.text import wrapped

        with suppress(OSError):  # it hung up
            width = os.get_terminal_size(sys.stderr.fileno()).columns or None
            text = "\n".join(line for each in text.splitlines() for line in wrapped(each, width))
    err(text)


def err_raw(text: str) -> None:
    """Write to stderr as it is, without a line end. Never fails."""
    with suppress(OutputLost):
        _write(sys.stderr, text)


def show_notices() -> None:
    """From now on, write what the configuration reports to stderr, whatever the flags of a command."""
    from imgen.config import listeners

    listeners[:] = [_show_notice]


def _show_notice(sentence: str) -> None:
    from imgen.screen.text import for_log

    err_sentence(for_log(sentence))


class Stdout(io.TextIOBase):
    """A stream to stdout as a file object for typer's help, with the manners of `out`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the real stream."""
        return self._stream.encoding

    @property
    def buffer(self) -> BinaryIO:
        """The bytes below the real stream."""
        return self._stream.buffer

    def write(self, text: str, /) -> int:
        """Write the text and flush it. Raises `OutputLost`."""
        _write(self._stream, text)
        return len(text)

    def fileno(self) -> int:
        """The file descriptor of the real stream."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether the real stream is a terminal."""
        return self._stream.isatty()


class Stderr(io.TextIOBase):
    """stderr as a file object for rich, with the manners of `err`."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the real stderr."""
        return sys.stderr.encoding

    def write(self, text: str, /) -> int:
        """Write the text and flush it."""
        with suppress(OutputLost):
            _write(sys.stderr, text)
        return len(text)

    def fileno(self) -> int:
        """The file descriptor of the real stderr."""
        return sys.stderr.fileno()

    def isatty(self) -> bool:
        """Whether the real stderr is a terminal."""
        return sys.stderr.isatty()


def _write(stream: TextIO, text: str) -> None:
    _write_bytes(stream, _encoded(text, stream.encoding))


def _encoded(text: str, encoding: str) -> bytes:
    try:
        # A file name that is not valid in this encoding goes out as the bytes it has on disk.
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return text.translate(_DRAWN_IN_ASCII).encode(encoding, "backslashreplace")


def _write_bytes(stream: TextIO, data: bytes) -> None:
    """Write and flush; when the reader has gone, go on quietly, because pictures are still to be saved."""
    try:
        stream.flush()
        rest = memoryview(data)
        while rest:  # an unbuffered stream (PYTHONUNBUFFERED) may take less than all of it
            rest = rest[stream.buffer.write(rest) :]
        stream.buffer.flush()
    except OSError as error:
        _discard_from_now_on(stream)
        if error.errno not in _READER_GONE:
            reason = (error.strerror or str(error)).lower()
            raise OutputLost(f"Standard output cannot be written: {reason}.") from error


def _discard_from_now_on(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    stream.flush()
