"""Colour profiles, without what is no part of them (ICC.1:2022, 7.2). Standard library only."""

from __future__ import annotations

_HEADER = 128  # bytes
_SIGNATURE = 36  # where it is in the header


def profile_in(data: bytes) -> bytes | None:
    """The profile that begins these bytes, as long as it says itself; None where they are none."""
    size = int.from_bytes(data[:4])
    if not _HEADER <= size <= len(data) or data[_SIGNATURE : _SIGNATURE + 4] != b"acsp":
        return None
    return data[:size]
