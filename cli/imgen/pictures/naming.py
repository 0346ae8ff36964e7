"""What a picture's file is called and where it goes, known as far as possible before anything is sent."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgen.files import part_path
from imgen.pictures.target import Target
from imgen.pictures.template import (
    DEFAULT_TEMPLATE,
    NAME_BYTES,
    TEMPLATE_FIELDS,
    BadTarget,
    check,
    fields,
    fill,
    is_plain,
    split_suffix,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen.pictures.verify import Format

__all__ = [
    "DEFAULT_TEMPLATE",
    "STDOUT",
    "TEMPLATE_FIELDS",
    "BadTarget",
    "Certain",
    "asked_format",
    "certain",
    "check_no_stream",
    "existing",
    "file_name",
    "parse_output",
    "prepare",
    "slug",
]

STDOUT = "-"
"""What -o says for standard output."""

_FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
_SUFFIXES = tuple(_FORMATS)
_OTHER_PICTURES = frozenset(
    (".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".ico", ".psd", ".pdf")
)
_DESCRIPTOR = re.compile(r"/dev/(std(in|out|err)|fd/\d+)|/proc/(self|thread-self|\d+)/fd/\d+")
_PATH_BYTES, _FILE_NAME_BYTES = 4095, 255  # on Linux; asked of the system where it answers
_SAMPLE_ID = "7f3a2c9d"  # as long as any
_SECOND_NAME = len("-99")  # what a name gets where it is taken
# What is not seen: marks, and the colours that text copied from a terminal brings along.
_UNSEEN = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]|\x1b\\[[0-?]*[ -/]*[@-~]")


def slug(prompt: str, limit_bytes: int = 60) -> str:
    """A prompt as part of a file name: the letters and digits of every script, in lower case, and hyphens.

    At most `limit_bytes` of UTF-8, cut between words unless that would lose more than half; never between a
    letter and its marks. "picture" when nothing is left.
    """
    letters: list[str] = []  # each with its combining marks
    for character in unicodedata.normalize("NFC", _UNSEEN.sub("", prompt).lower()):
        category = unicodedata.category(character)[0]
        after_letter = bool(letters) and letters[-1] != "-"
        if category in "LN":
            letters.append(character)
        elif category == "M" and after_letter:
            letters[-1] += character
        elif after_letter:
            letters.append("-")
    return _cut(letters, limit_bytes).strip("-") or "picture"


def _cut(letters: list[str], limit_bytes: int) -> str:
    text = ""
    for letter in letters:
        if len((text + letter).encode()) > limit_bytes:
            whole_words = text if letter == "-" else text.rpartition("-")[0]
            return whole_words if 2 * len(whole_words.encode()) >= limit_bytes else text
        text += letter
    return text


def asked_format(output: str | None) -> Format | None:
    """The format that a file name or template given with -o asks for by its suffix, if it does."""
    return _FORMATS.get(split_suffix(output or "", _SUFFIXES)[1].lower())


def parse_output(
    output: str | None,
    *,
    cwd: Path,
    pictures: int,
    overwrite: bool,
    format: Format | None,
    kept: Path,
    stem: str | None = None,
) -> Target:
    """Where the `pictures` of one run go, from what -o says: a file, a folder, a template, "-", or nothing.

    `format` is the one asked for in words, `kept` the folder for copies of what goes to stdout, `stem` the
    name of the picture that is edited: it is filled in here, because the copy that is sent has another. Looks at the
    disk and changes nothing there. Raises `BadTarget`.
    """
    if output is None:
        return _target(cwd, DEFAULT_TEMPLATE, pictures, overwrite=overwrite)
    if output == STDOUT:
        if pictures > 1:
            raise BadTarget(f"-o - writes one picture, and {pictures} were ordered.", "Name a folder with -o.")
        return Target(kept, DEFAULT_TEMPLATE, to_stdout=True)
    if "{stem}" in output:
        output = output.replace("{stem}", _literal(stem) if stem else "{slug}")
    path = cwd / _readable(output)
    check_no_stream(path, output)
    names_folder = output.endswith(("/", os.sep))
    if _is_folder(path) or (names_folder and "{" not in output):
        return _target(path, DEFAULT_TEMPLATE, pictures, overwrite=overwrite)
    if (suffix := os.path.splitext(output)[1].lower()) in _OTHER_PICTURES:  # noqa: PTH122 (a template is no path)
        raise BadTarget(f"imgen saves no {suffix} pictures.", "Use .png, .jpg or .webp.")
    asked = asked_format(output)
    if format is not None and asked not in (None, format):
        raise BadTarget(f"-o asks for a {asked} file, and --format for {format}.", "Leave one of the two out.")
    if "{" not in output:
        return _target(path.parent, path.name.replace("}", "}}"), pictures, overwrite=overwrite)
    parts = Path(_readable(output)).parts
    literal = next(at for at, part in enumerate(parts) if "{" in part)
    names = [*parts[literal:], *([DEFAULT_TEMPLATE] if names_folder else [])]
    return _target(cwd.joinpath(*parts[:literal]), "/".join(names), pictures, overwrite=overwrite)


def _literal(stem: str) -> str:
    """A name as part of a template: no field, and no folder."""
    from pathvalidate import sanitize_filename

    shown = "".join(filter(str.isprintable, stem))
    return sanitize_filename(shown, "-", platform="universal").replace("{", "{{").replace("}", "}}") or "{slug}"


def check_no_stream(path: Path, output: str) -> None:
    """Raises `BadTarget` for a pipe, a device or a socket, which can hold no file.

    "/dev/stdout" is one also where it leads to a file: that file is already being written by the shell.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (as `_is_folder`)
    except (OSError, ValueError):
        mode = stat.S_IFREG
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or _DESCRIPTOR.fullmatch(str(path)):
        raise BadTarget(
            f"{output} is a pipe or a device, and holds no file.", "-o - writes to standard output: -o - > FILE"
        )


def _readable(output: str) -> Path:
    if not output or "\0" in output:
        raise BadTarget("-o needs a file, a folder, a template, or -.")
    try:
        return Path(output).expanduser()
    except RuntimeError as error:
        raise BadTarget(f"No home folder is known for {output}.") from error


def _target(folder: Path, template: str, pictures: int, *, overwrite: bool) -> Target:
    try:
        template.encode()  # a folder may have any bytes in its name
    except UnicodeEncodeError as error:
        raise BadTarget("-o has bytes in it that are not UTF-8.", "Give it a name in UTF-8.") from error
    for component in template.split("/"):
        check(component)
    stem, suffix = split_suffix(template, _SUFFIXES)
    if pictures > 1 and "index" not in fields(template):
        stem += "-{index}"
    absolute = _resolved(folder) if ".." in folder.parts else folder
    return Target(absolute, stem + (suffix or ".{ext}"), overwrite, pictures_in_run=pictures)


def file_name(
    target: Target,
    *,
    slug: str,
    id: str,
    index: int,
    ext: str,
    provider: str,
    model: str,
    date: str,
    aspect: str | None = None,
) -> Path:
    """The absolute path of one picture, below the target's folder; `ext` is what its bytes are.

    `index` counts from 1 within the run. `aspect` None is the service's own, "auto" in a name. What fields bring is
    made fit for the file names of every system, and no name is over 200 bytes long. Raises `BadTarget` when a link
    below the folder leads out of it.
    """
    every = {
        "slug": slug,
        "id": id,
        "ext": ext,
        "provider": provider,
        "model": model,
        "aspect": (aspect or "auto").replace(":", "x"),
        "date": date,
    }
    values = {field: _clean(every[field]) for field in fields(target.template) & every.keys()}
    *folders, last = target.template.split("/")
    name, suffix = split_suffix(last, _SUFFIXES)
    if _FORMATS.get(suffix.lower()) != _FORMATS[f".{ext}"]:
        suffix = f".{ext}"
    parent = _below(target.folder, folders, values, index)
    return parent / (fill(name, values, index, NAME_BYTES - len(suffix)) + suffix)


@lru_cache(maxsize=256)  # the jobs of one order share most of their fields
def _clean(text: str) -> str:
    """A field's text, fit for the file names of every system."""
    if is_plain(text):
        return text
    from pathvalidate import sanitize_filename

    # Control, C1 and bidi characters too: `pathvalidate` knows only what file systems refuse.
    return sanitize_filename("".join(filter(str.isprintable, text)), "-", platform="universal")


def _below(folder: Path, components: Sequence[str], values: Mapping[str, str], index: int) -> Path:
    parent = folder.joinpath(*(fill(component, values, index) for component in components))
    if components and not _resolved(parent).is_relative_to(_resolved(folder)):
        raise BadTarget(f"{parent} is a link that leads out of {folder}.", "Name another folder with -o.")
    return parent


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 (`Path.is_dir` raises for a name too long or a folder closed to us)


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))  # `Path.resolve` raises where links go in a circle


class Certain(NamedTuple):
    """What is known of a run's pictures before its jobs have ids: where each lies, or at least in which folders."""

    files: tuple[Path, ...]
    folders: tuple[Path, ...]


def certain(
    target: Target,
    *,
    slug: str,
    ext: str,
    provider: str,
    model: str,
    date: str,
    aspect: str | None = None,
) -> Certain:
    """The files and folders that a run is certain to need; a name with {id} in it is never certain.

    `ext` is what the bytes are ordered to be. Raises `BadTarget` when a link below the folder leads out of it.
    """
    known = {"slug": slug, "ext": ext, "provider": provider, "model": model, "date": date, "aspect": aspect or "auto"}
    *components, _ = target.template.split("/")
    outer = list(takewhile(lambda component: "id" not in fields(component), components))
    indices = range(target.first_index, target.pictures_in_run + 1)
    clean = {field: _clean(text) for field, text in known.items()}
    folders = dict.fromkeys(_below(target.folder, outer, clean, index) for index in indices)
    nameless = "id" in fields(target.template)
    files = () if nameless else tuple(file_name(target, **known, id="", index=index) for index in indices)
    _check_lengths([file_name(target, **known, id=_SAMPLE_ID, index=index) for index in indices])
    return Certain(files, tuple(folders))


def _check_lengths(files: Sequence[Path]) -> None:
    """Raises `BadTarget` for a path that the file system cannot hold: an order must not be paid for in vain."""
    for path in files:
        most_path, most_name = _system_limits(path.parent)
        part = len(os.fsencode(part_path(path).name))
        name = len(os.fsencode(path.name)) + _SECOND_NAME
        if max(name, part) > most_name:
            raise BadTarget(
                f"A file system takes names of {most_name} bytes here, and {path.name} is too long for it.",
                "Give it a shorter name with -o.",
            )
        if len(os.fsencode(path.parent)) + 1 + max(name, part) > most_path:
            raise BadTarget(
                f"The path of {path.name} has more than {most_path:,} bytes, and this system takes no longer one.",
                "Name a folder that is not as deep with -o.",
            )


def _system_limits(folder: Path) -> tuple[int, int]:
    """The most bytes of a path, without the zero at its end, and of one name in it."""
    for existing_folder in (folder, *folder.parents):
        try:
            most_path = os.pathconf(existing_folder, "PC_PATH_MAX") - 1
            most_name = os.pathconf(existing_folder, "PC_NAME_MAX")
        except (AttributeError, OSError, ValueError):  # Windows, a folder that is not there yet, a limit not known
            continue
        return most_path if most_path > 0 else _PATH_BYTES, most_name if most_name > 0 else _FILE_NAME_BYTES
    return _PATH_BYTES, _FILE_NAME_BYTES


def existing(files: Sequence[Path], *, overwrite: bool) -> Path | None:
    """The first file that stands where a picture is to go, and may not be overwritten; a folder never may."""
    return next((path for path in files if _is_folder(path) or (os.path.lexists(path) and not overwrite)), None)


def prepare(folder: Path, *, private: bool = False) -> None:
    """Make a folder where it is missing, and prove that a file can be written in it. Raises `BadTarget`.

    A `private` one is a folder of ours: then it raises `LedgerUnusable`.
    """
    if private:
        from imgen.pictures.prepared import usable

        with usable(folder):
            _prove_writable(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _prove_writable(folder)
    except (FileExistsError, NotADirectoryError) as error:
        reason = "a file stands where a folder should be"
        raise BadTarget(f"{folder} cannot hold pictures: {reason}.", "Name another folder with -o.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadTarget(f"No picture can be saved in {folder}: {reason}.", "Name another folder with -o.") from error


def _prove_writable(folder: Path) -> None:
    import tempfile

    with tempfile.TemporaryFile(dir=folder) as file:  # nameless where that can be: a kill leaves nothing behind
        file.write(bytes(4096))  # an empty file fits on a full disk
        file.flush()
        os.fsync(file.fileno())
