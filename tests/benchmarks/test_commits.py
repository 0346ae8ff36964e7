"""How often one picture is committed: each commit waits for the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.ledger import commits

if TYPE_CHECKING:
    from pathlib import Path

MOST = 6
"""Planned, submitting, accepted; its link with who saves it; its place, and that it is there.

The first two are apart, so that a process that is killed before its submit leaves no job that may be charged.
"""


def test_a_picture_takes_no_more_commits_than_its_moments_that_must_survive(tmp_path: Path) -> None:
    assert commits(tmp_path) <= MOST
