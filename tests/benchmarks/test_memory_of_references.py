"""Memory does not grow with the pictures that are sent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.memory_of_references import LARGE, SMALL, files, measure

if TYPE_CHECKING:
    from pathlib import Path

MOST = 25.0  # MB above an edit with one small reference


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of another process's memory is asked of a POSIX kernel")
def test_fourteen_large_references_take_little_more_memory_than_a_small_one(tmp_path: Path) -> None:
    small = measure(tmp_path, files(tmp_path, "JPEG", SMALL, 1))  # the decoder is loaded for it, too
    # JPEG is the format whose check decodes. Of WebP, which would take most if it did, one will do.
    pictures = files(tmp_path, "JPEG", LARGE, 13) + files(tmp_path, "WEBP", LARGE, 1)

    large = measure(tmp_path, pictures)

    assert large.counted == large.announced > 4 / 3 * sum(path.stat().st_size for path in pictures)
    assert large.megabytes - small.megabytes < MOST
