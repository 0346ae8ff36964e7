"""Exchanges with services where no live display draws: whole on stderr, and nowhere else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from imgen.screen.exchanges import exchanges_shown, shown_lines

if TYPE_CHECKING:
    import pytest

LOG = logging.getLogger("imgen_providers.exchanges")


def test_exchanges_are_written_to_stderr_and_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    with exchanges_shown():
        LOG.debug("%s", "> GET https://service.example\n::error::x\n< ##[group]\x1b[2J\u202e\u2028")

    ended = capsys.readouterr()
    assert ended.out == ""
    assert ended.err == "> GET https://service.example\n: :error::x\n< ## [group]\\x1b[2J \n"


def test_nothing_is_shown_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    with exchanges_shown():
        assert shown_lines()
    LOG.debug("not asked for")

    assert capsys.readouterr().err == ""
    assert shown_lines() is None
    assert not LOG.isEnabledFor(logging.DEBUG)
