"""From pictures a person names to references a service takes: checked, and changed only where that is asked for.

Nothing here is sent. What is found wrong is a `UsageProblem` with the limit and what to do about it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem
from imgen.files import open_regular
from imgen.pictures.examine import Examined, examine
from imgen.pictures.formats import EXTENSIONS, Damaged, Format, OtherFormat, TooManyPixels, known_format
from imgen.pictures.formats.foreign import NotReadHere
from imgen.pictures.metadata import without_notes
from imgen.pictures.prepared import Copy, keep
from imgen_providers.base import PictureFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imgen_providers.catalog import Model, ServiceEntry

MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
"""What each format is called on the wire."""

HEIF_HINT = "Convert it to JPEG first. GMI Cloud takes it behind a public URL."
"""What to do with a picture of a telephone."""

_UPRIGHT = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What one model takes of one picture; `most` is in bytes, None where no document says."""

    model: str
    formats: tuple[Format, ...]
    most: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What may be done to a picture on its way: made to `fit`, and its private notes left in."""

    fit: bool = False
    keep_metadata: bool = False


def limits(entry: ServiceEntry, model: Model) -> Limits:
    """What a model takes of a file from this disk, by the catalogue."""
    named = tuple(known for name in model.reference_formats if (known := known_format(name)))
    if entry.reference_route == "upload":
        named = tuple(known for name in entry.upload_formats if (known := known_format(name)))
    return Limits(f"{model.family} at {entry.title}", named or tuple(EXTENSIONS), model.reference_bytes)


def checked(path: Path, name: str) -> Examined:
    """The picture a person named, if it is one. Raises `UsageProblem`."""
    with sendable(name):
        return examine(path)


@contextmanager
def sendable(name: str, hint: str = "Name a whole PNG, JPEG or WebP file.") -> Iterator[None]:
    """Say what is wrong with the picture of that name as a `UsageProblem`; `hint` is the way out of a damaged one."""
    try:
        yield
    except TooManyPixels as error:
        millions = error.width * error.height / 1e6
        raise UsageProblem(
            f"{name} has {millions:.0f} megapixels ({error.width}x{error.height});"
            f" at most {error.limit / 1e6:.0f} can be sent.",
            "Scale it down first.",
        ) from error
    except NotReadHere as error:
        otherwise = f"Convert it to JPEG, or install what reads it:\n{error.missing}"
        raise UsageProblem(f"{name} cannot be sent: {error}.", otherwise) from error
    except Damaged as error:
        raise UsageProblem(f"{name} cannot be sent: {error}.", hint) from error
    except OSError as error:
        raise UsageProblem(f"{name} cannot be read: {error.strerror or error}.") from error


def reference(
    found: Examined, name: str, limits: Limits, changes: Changes, folder: Path, say: Callable[[str], None]
) -> PictureFile:
    """The picture as it will be sent: the file itself, or a copy of it below `folder` without its private notes.

    A picture that is not upright by its own notes is turned, since it would lie on its side without them. `say` gets a
    sentence for every change a person may see. Raises `UsageProblem` for what does not fit, `OSError` from the disk.
    """
    if isinstance(found.format, OtherFormat):
        if not changes.fit:
            raise _not_taken(name, found.format, limits)
        return _encoded_anew(found, name, limits, changes, folder, say)
    turned = found.orientation != _UPRIGHT and not changes.keep_metadata
    wrong_format = found.format not in limits.formats
    if turned or (changes.fit and wrong_format):
        return _encoded_anew(found, name, limits, changes, folder, say)
    sent = _without_notes(found.path, found.format, folder) if found.has_notes and not changes.keep_metadata else None
    if wrong_format:
        raise UsageProblem(
            f"{name} is a {found.format.upper()}; {limits.model} takes {_listed(limits.formats)} from this disk.",
            "--fit converts it.",
        )
    size = sent.size if sent else found.size
    if limits.most is not None and size > limits.most:
        if changes.fit:
            return _encoded_anew(found, name, limits, changes, folder, say)
        raise _too_large(name, size, limits)
    if sent:
        return PictureFile(sent.path, MEDIA_TYPES[found.format], sent.size, sent.sha256)
    return PictureFile(found.path.absolute(), MEDIA_TYPES[found.format], found.size, found.sha256)


def _encoded_anew(
    found: Examined, name: str, limits: Limits, changes: Changes, folder: Path, say: Callable[[str], None]
) -> PictureFile:
    from imgen.pictures.fit import fitted

    # A picture that only has to be turned keeps its format where the model takes it.
    same = tuple(one for one in limits.formats if one == found.format)
    formats = same if same and not changes.fit else limits.formats
    most, shrink = limits.most, changes.fit
    with sendable(name, "Scale it down, or save it as JPEG, first."):
        anew = fitted(
            found.path,
            found.format,
            found.orientation,
            formats=formats,
            most=most,
            shrink=shrink,
            keep_exif=changes.keep_metadata,
        )
    if limits.most is not None and len(anew.data) > limits.most:
        raise _too_large(name, len(anew.data), limits)
    copy = keep([anew.data], folder, EXTENSIONS[anew.format])
    upright = (found.height, found.width) if found.orientation >= 5 else (found.width, found.height)
    done = []
    if found.orientation != _UPRIGHT:
        done.append("turned upright")
    if (anew.width, anew.height) != upright:
        done.append(f"scaled from {upright[0]}x{upright[1]} to {anew.width}x{anew.height}")
    if anew.format != found.format:
        done.append(f"converted from {_name(found.format)} to {anew.format.upper()}")
    done += anew.lost
    if changes.keep_metadata and found.has_notes:
        done.append("with its EXIF and no other notes" if anew.has_exif else "without its notes")
    say(f"{name}: {', '.join(done) or 'saved again'}, now {_megabytes(copy.size)}.")
    return PictureFile(copy.path, MEDIA_TYPES[anew.format], copy.size, copy.sha256)


def _without_notes(path: Path, format: Format, folder: Path) -> Copy:
    with open_regular(path) as file:
        return keep(without_notes(file.read(), format), folder, EXTENSIONS[format])


def _not_taken(name: str, format: OtherFormat, limits: Limits) -> UsageProblem:
    link = " GMI Cloud takes it behind a public URL." if format.name in ("HEIC", "HEIF") else ""
    article = "an" if format.name == "AVIF" else "a"
    return UsageProblem(
        f"{name} cannot be sent: it is {article} {format.name} picture, and {limits.model} takes"
        f" {_listed(limits.formats)} from this disk.",
        f"--fit converts it.{link}",
    )


def _name(format: Format | OtherFormat) -> str:
    return format.name if isinstance(format, OtherFormat) else format.upper()


def _too_large(name: str, size: int, limits: Limits) -> UsageProblem:
    assert limits.most is not None
    return UsageProblem(
        f"{name} has {_megabytes(size)}; {limits.model} takes {_megabytes(limits.most)} a picture.",
        "--fit makes it smaller, just enough.",
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def _listed(formats: tuple[Format, ...]) -> str:
    *most, last = (format.upper() for format in formats)
    return f"{', '.join(most)} and {last}" if most else last
