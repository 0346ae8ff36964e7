"""What goes to standard output when a picture was about to be put in place, and was not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.states import JOB, bring_to
from imgen.commands.making import _to_stdout
from imgen.errors import ExitCode
from imgen.jobs.worker import Report
from imgen.ledger.ledger import Ledger
from imgen.records import State
from imgen.screen.console import Streams

if TYPE_CHECKING:
    import pytest

AROUND = Streams(False, False, False, color=None, ci=False, dumb=False, width=None, unicode=True)


def test_a_picture_that_is_not_saved_is_not_read(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    somebody_elses = tmp_path / "fox.png"
    somebody_elses.write_bytes(b"stood there before")
    ledger = Ledger(tmp_path / "ledger.sqlite3", lambda: 1_800_000_000.0)
    bring_to(ledger, State.READY)
    ledger.placing(JOB, 1, somebody_elses, "ab" * 32)
    ledger.placing(JOB, 2, Path(tmp_path / "never put there.png"), "cd" * 32)
    told = Report((ledger.job(JOB),), {}, ExitCode.NOT_SAVED)
    ledger.close()

    assert _to_stdout(told, AROUND, quiet=True) == ExitCode.NOT_SAVED

    assert capfdbinary.readouterr().out == b""
