"""Many processes that wait for the same jobs share the work, and never a picture."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, Program
from imgen.errors import ExitCode
from reliability.evidence import check_ledger

if TYPE_CHECKING:
    from reliability.far_side import FarSide

JOBS = 100
EACH = 10  # of one order
WAITS = 10


@pytest.mark.whole
@pytest.mark.timeout(180)
def test_ten_waits_at_once_fetch_each_of_a_hundred_pictures_once(imgen: Program, far_side: FarSide) -> None:
    here = imgen.at(far_side.origin)
    far_side.play(None, None)
    for _ in range(JOBS // EACH):
        here.run("generate", "many foxes", "-p", "gptproto", "-n", str(EACH), "--no-wait")
    assert far_side.charges("many foxes") == JOBS

    with ExitStack() as stack:
        waits = [stack.enter_context(here.start("wait", *OFTEN, stderr=subprocess.PIPE)) for _ in range(WAITS)]
        said = [wait.communicate(timeout=150)[1].decode() for wait in waits]

    failed = [text for wait, text in zip(waits, said, strict=True) if wait.returncode != ExitCode.DONE]
    assert not failed, failed[0]
    assert not any("lock" in text for text in said)
    assert far_side.counts()["picture"] == JOBS
    assert len(check_ledger(here)) == JOBS
    assert far_side.charges("many foxes") == JOBS
