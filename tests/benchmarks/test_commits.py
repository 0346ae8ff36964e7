"""How often one picture is committed, and how often that waits for the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.ledger import commits, waits

if TYPE_CHECKING:
    from pathlib import Path

MOST = 6
"""Planned, submitting, accepted; its link with who saves it; its place, and that it is there.

The first two are apart, so that a process that is killed before its submit leaves no job that may be charged.
"""
MOST_WAITS = 3
"""Submitting, accepted, its place: what the next process could not find out again after a power failure."""


def test_a_picture_takes_no_more_commits_than_its_moments_that_must_survive(tmp_path: Path) -> None:
    assert commits(tmp_path) <= MOST


def test_a_picture_waits_for_the_disk_where_a_power_failure_could_cost_money(tmp_path: Path) -> None:
    assert 0 < waits(tmp_path) <= MOST_WAITS
