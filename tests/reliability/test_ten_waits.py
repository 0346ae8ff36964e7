"""A sample of the race; the whole is `python -m reliability.ten_waits`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliability.ten_waits import race

if TYPE_CHECKING:
    from pathlib import Path


def test_several_waits_fetch_every_picture_once_and_meet_no_lock(tmp_path: Path) -> None:
    assert race(tmp_path, waits=4, jobs=16).problems(16) == []
