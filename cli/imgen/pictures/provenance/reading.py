"""What a picture file says of itself: how it came to be, who signed that, and with which program."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.files import open_regular
from imgen.pictures.formats import jpeg, png, webp
from imgen.pictures.provenance.claim import Claim, Verdict, claim_in, verified
from imgen.pictures.provenance.tagging import job_of
from imgen.pictures.provenance.xmp import described, packet
from imgen.pictures.verify import Damaged, Picture, inspect, sniff

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 256 * 1024 * 1024
"""The largest file that is looked at."""

_EXIF = {"jpeg": jpeg.exif, "png": png.exif, "webp": webp.exif}
_SOFTWARE_TAG = 0x0131  # EXIF 2.32, 4.6.4
_ASCII = 2


@dataclass(frozen=True, slots=True)
class Provenance:
    """A whole picture file and what it says of itself; None where it says nothing of the kind.

    `claim` is a C2PA claim, `verdict` whether it holds (None without c2pa-python). `source_type` is the IPTC digital
    source type in its XMP, `job_id` the job that imgen tagged it with, `software` what its EXIF names.
    """

    picture: Picture
    claim: Claim | None
    verdict: Verdict | None
    source_type: str | None
    job_id: str | None
    has_exif: bool
    software: str | None


def provenance(path: Path) -> Provenance:
    """Check a picture file and read what it says. Raises `Damaged`, or `OSError` where it cannot be read."""
    with open_regular(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Damaged(f"it is larger than {MOST_BYTES // 1024 // 1024} MB")
    picture = inspect(path)
    format = sniff(data)
    if format is None or hashlib.sha256(data).hexdigest() != picture.sha256:
        raise Damaged("it changes while it is read")
    claim = claim_in(data, format)
    xmp = packet(data, format)
    said = described(xmp) if xmp else None
    exif = next(_EXIF[format](data), None)
    return Provenance(
        picture=picture,
        claim=claim,
        verdict=verified(data, format) if claim else None,
        source_type=said.source_type if said else None,
        job_id=job_of(said.identifier) if said else None,
        has_exif=exif is not None,
        software=_software(exif) if exif else None,
    )


def _software(exif: bytes) -> str | None:
    """The program that the EXIF names; None where it names none, or is broken."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, first)
        for entry in range(first + 2, first + 2 + 12 * entries, 12):
            tag, kind, length, place = struct.unpack_from(f"{order}HHII", exif, entry)
            if tag == _SOFTWARE_TAG and kind == _ASCII:
                start = entry + 8 if length <= 4 else place
                return exif[start : start + length].partition(b"\0")[0].decode(errors="replace").strip() or None
    except struct.error:
        return None
    return None
