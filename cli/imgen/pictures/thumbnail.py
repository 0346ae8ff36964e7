"""Small copies of pictures, to look at: made once, and kept in a folder of ours by the sha256 of the picture."""

from __future__ import annotations

import hashlib
import io
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.files import PRIVATE, make_private_folder, open_regular, replacement
from imgen.pictures.formats import (
    HEAD,
    HELD_LIMIT,
    Damaged,
    check_dimensions,
    decoding,
    jpeg,
    not_verified,
    sniff,
    webp,
)
from imgen.pictures.metadata import without_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SIDE = 1024  # pixels
_QUALITY = 82
_AT_ONCE = 4
_MOST_BYTES = 256 * 1024 * 1024
_LARGE = 24_000_000  # pixels; pictures of more are decoded one at a time


@dataclass(frozen=True, slots=True)
class Original:
    """A picture as the ledger has it: `size` in bytes."""

    path: Path
    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small copy as WebP; or the reason why there is none, half a sentence, and whether the file is `gone`."""

    data: bytes | None
    reason: str = ""
    gone: bool = False


def thumbnails(
    originals: Sequence[Original], folder: Path, on_done: Callable[[int, int], None]
) -> dict[Path, Thumbnail]:
    """A small copy of each picture, from `folder` where it was made before. Raises nothing for a bad file.

    `on_done(done, total)` is called in this thread after each.
    """
    from concurrent.futures import ThreadPoolExecutor

    found: dict[Path, Thumbnail] = {}
    with suppress(OSError):  # then each is made anew, and none is kept
        make_private_folder(folder)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for original, copy in zip(originals, threads.map(lambda one: _copy(one, folder), originals), strict=True):
            found[original.path] = copy
            on_done(len(found), len(originals))
    return found


def _copy(original: Original, folder: Path) -> Thumbnail:
    try:
        status = original.path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size > _MOST_BYTES:
            raise Damaged(f"it has {status.st_size / 1e6:,.0f} MB")
        if original.sha256 and status.st_size == original.size:
            kept = _kept(folder, original.sha256)
            with suppress(OSError):
                if kept.stat().st_mtime_ns > status.st_mtime_ns:  # else it may have been changed since
                    return Thumbnail(kept.read_bytes())
        with open_regular(original.path) as file:
            data = file.read(_MOST_BYTES)
        small = thumbnail(data)
    except FileNotFoundError:
        return Thumbnail(None, "it is not there any more", gone=True)
    except OSError as error:
        return Thumbnail(None, f"it cannot be read ({error.strerror or error})")
    except Damaged as error:
        return Thumbnail(None, str(error))
    with suppress(OSError), replacement(_kept(folder, hashlib.sha256(data).hexdigest()), mode=PRIVATE) as place:
        place.write(small)
    return Thumbnail(small)


def _kept(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}-{_SIDE}.webp"


def thumbnail(data: bytes) -> bytes:
    """The picture as WebP, at most `_SIDE` pixels wide and high. Raises `Damaged`."""
    from PIL import Image

    from imgen.pictures.fit import READERS, plain

    format = sniff(data[:12])
    if format is None:
        raise not_verified(data[:HEAD])
    try:
        # Pillow refuses a picture for a large text in it.
        if format == "webp":
            check_dimensions(*webp.size(data), HELD_LIMIT)  # before the decoder sees it, and takes its memory
        with READERS[format](io.BytesIO(b"".join(without_notes(data, format)))) as picture:
            width, height = picture.size
            check_dimensions(width, height)
            if format == "jpeg":
                jpeg.check_work(jpeg.count_scans(data), width, height)
            picture.draft("RGB", (_SIDE, _SIDE))  # of a JPEG, no more is decoded than is needed
            with decoding(width * height if width * height > _LARGE else 0):
                small = plain(picture, transparent=picture.has_transparency_data)
                small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            held = io.BytesIO()
            small.save(held, "WEBP", quality=_QUALITY)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Damaged(f"it cannot be decoded ({error})") from error
    return held.getvalue()
