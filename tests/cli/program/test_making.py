"""What goes to standard output when a picture was about to be put in place, and was not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.states import JOB, bring_to
from imgen.commands.making import write_picture
from imgen.commands.reporting import Reporter
from imgen.errors import ExitCode
from imgen.jobs.report import Goal, report
from imgen.ledger.ledger import Ledger
from imgen.pictures.verify import Picture
from imgen.records import State
from imgen.screen.console import Streams

if TYPE_CHECKING:
    import pytest

AROUND = Streams(False, False, False, color=None, ci=False, dumb=False, width=None, unicode=True)


def test_a_picture_that_is_not_saved_is_not_read(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    of_another = tmp_path / "fox.png"
    of_another.write_bytes(b"stood there before")
    ledger = Ledger(tmp_path / "ledger.sqlite3", lambda: 1_800_000_000.0)
    bring_to(ledger, State.READY)
    ledger.results.placing(JOB, 1, of_another, "ab" * 32)
    ledger.results.placing(JOB, 2, Path(tmp_path / "never put there.png"), "cd" * 32)
    left = report([ledger.jobs.get(JOB)], {}, Goal.PICTURES)
    ledger.close()

    assert write_picture(left, Reporter("generate", AROUND, quiet=True)) == ExitCode.NOT_SAVED

    assert capfdbinary.readouterr().out == b""


def test_one_picture_goes_to_stdout_and_one_more_is_kept_and_named(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite3", lambda: 1_800_000_000.0)
    bring_to(ledger, State.READY)
    first, second = tmp_path / "fox.png", tmp_path / "fox-2.png"
    for number, path in enumerate((first, second), start=1):
        path.write_bytes(b"picture %d" % number)
        ledger.results.saved(JOB, number, path, Picture("png", 1, 1, 9, "ab" * 32), [])
    left = report([ledger.jobs.get(JOB)], {}, Goal.PICTURES)
    ledger.close()

    assert write_picture(left, Reporter("generate", AROUND)) == ExitCode.DONE

    written = capfdbinary.readouterr()
    assert written.out == b"picture 1"
    assert str(second).encode() in written.err
    assert str(first).encode() not in written.err
