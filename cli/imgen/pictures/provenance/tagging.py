"""Marking a picture as made by a model, in its own XMP, without touching a pixel or what it says already."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from imgen.pictures.formats import jpeg, png, webp
from imgen.pictures.provenance.claim import has_claim
from imgen.pictures.provenance.xmp import DUBLIN_CORE, IPTC, JPEG_MARK, PNG_KEYWORD, about, described, packet
from imgen.pictures.verify import Damaged

if TYPE_CHECKING:
    from imgen.pictures.verify import Format

MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""The IPTC's digital source type of what a trained model drew."""

_JOB = "imgen:job:"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_APP0, _APP1 = 0xE0, 0xE1
_MOST_SEGMENT = 65_533  # bytes of a JPEG segment beside its length
_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10  # of a WebP's header (RFC 9649, 2.7)
_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?RDF\s*>")


class CannotTag(Exception):
    """The picture cannot be marked; the message is half a sentence, as "it holds a C2PA claim"."""


def tagged(data: bytes, format: Format, job_id: str) -> bytes:
    """The same picture file with a note that a model made it, and by which job; itself where it says both already.

    What its XMP says stays; what is missing is added. Raises `CannotTag` where that cannot be, above all for a file
    with a C2PA claim, whose signature any change of a byte would break, and `Damaged` where it has no whole structure.
    """
    if has_claim(data, format):
        raise CannotTag("it holds a C2PA claim, which a change would break")
    before = packet(data, format)
    after = _packet(before, job_id)
    if after == before:
        return data
    match format:
        case "png":
            return _in_png(data, after)
        case "jpeg":
            return _in_jpeg(data, after)
        case "webp":
            return _in_webp(data, after)


def job_of(identifier: str | None) -> str | None:
    """The job that a tagged picture names."""
    return identifier.removeprefix(_JOB) if identifier and identifier.startswith(_JOB) else None


def _packet(before: bytes | None, job_id: str) -> bytes:
    """The packet with what it lacks, in a description of its own."""
    if before is None:
        description = _description("", MADE_BY_A_MODEL, job_id)
        text = (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
            f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n<rdf:RDF xmlns:rdf="{_RDF}">\n'
            f'{description}\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
        )
        return text.encode()
    said, subject = described(before), about(before)
    ends = list(_END.finditer(before))
    if said is None or subject is None or len(ends) != 1:
        raise CannotTag("its XMP cannot be read, so nothing can be added to it")
    if said.claim_link:
        raise CannotTag("its XMP names a C2PA claim elsewhere, which a change would break")
    source_type = None if said.source_type else MADE_BY_A_MODEL
    job = None if said.identifier else job_id
    if source_type is None and job is None:
        return before
    at = ends[0].start()
    return before[:at] + _description(subject, source_type, job).encode() + b"\n" + before[at:]


def _description(subject: str, source_type: str | None, job_id: str | None) -> str:
    names = f"xmlns:rdf={quoteattr(_RDF)} xmlns:Iptc4xmpExt={quoteattr(IPTC)} xmlns:dc={quoteattr(DUBLIN_CORE)}"
    lines = [f"<rdf:Description rdf:about={quoteattr(subject)} {names}>"]
    if source_type:
        lines.append(f"<Iptc4xmpExt:DigitalSourceType>{escape(source_type)}</Iptc4xmpExt:DigitalSourceType>")
    if job_id:
        lines.append(f"<dc:identifier>{escape(_JOB + job_id)}</dc:identifier>")
    return "\n".join([*lines, "</rdf:Description>"])


def _in_png(data: bytes, xmp: bytes) -> bytes:
    """In an uncompressed text chunk behind the header, or where the packet was."""
    body = b"iTXt" + PNG_KEYWORD + b"\0\0\0\0" + xmp
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    for kind, start, end in png.chunks(data):
        if kind == b"iTXt" and data.startswith(PNG_KEYWORD, start + 8):
            return data[:start] + chunk + data[end:]
    end = next(end for _, _, end in png.chunks(data))
    return data[:end] + chunk + data[end:]


def _in_jpeg(data: bytes, xmp: bytes) -> bytes:
    """In a segment behind the header, or where the packet was."""
    body = JPEG_MARK + xmp
    if len(body) > _MOST_SEGMENT:
        raise CannotTag("its XMP has no room for more")
    segment = bytes((0xFF, _APP1)) + (len(body) + 2).to_bytes(2) + body
    behind = 2
    for marker, start, end in jpeg.segments(data):
        if marker == _APP1 and data.startswith(JPEG_MARK, start + 4):
            return data[:start] + segment + data[end:]
        if marker == _APP0 and start == behind:
            behind = end
    return data[:behind] + segment + data[behind:]


def _in_webp(data: bytes, xmp: bytes) -> bytes:
    """In a chunk at the end, and announced in the header, which the simplest files do not have yet."""
    whole = 8 + int.from_bytes(data[4:8], "little")
    chunks = [(kind, data[start:end]) for kind, start, end in webp.chunks(data) if kind != b"XMP "]
    if not chunks:
        raise Damaged("it has a WebP header and no picture")
    kind, first = chunks[0]
    if kind == b"VP8X":
        header = first[:8] + bytes((first[8] | _XMP_FLAG,)) + first[9:]
        chunks[0] = kind, header
    else:
        clear = kind == b"VP8L" and first[12] & 0x10  # whether its alpha is used: bit 28 (RFC 9649, 3.4)
        width, height = webp.size(data)
        flags = _XMP_FLAG | (_ALPHA_FLAG if clear else 0)
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks.insert(0, (b"VP8X", struct.pack("<4sIB3x", b"VP8X", 10, flags) + size))
    padding = b"\0" * (len(xmp) % 2)
    body = b"".join(_even(chunk) for _, chunk in chunks) + struct.pack("<4sI", b"XMP ", len(xmp)) + xmp + padding
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WEBP") + body + data[whole:]


def _even(chunk: bytes) -> bytes:
    """A chunk with the padding that the last one of a file may lack."""
    return chunk + b"\0" * (len(chunk) % 2)
