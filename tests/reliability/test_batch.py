"""A project's pictures through deaths and faults: each is bought once, whatever happens, and the report is true."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, Ended, Program
from imgen.batch.report import Outcome
from imgen.errors import ExitCode
from imgen.records import JobRecord, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliability.far_side import FarSide

KILLS = 3
WHOLE = 200
PATIENCE = 240.0  # seconds that one run may take on a busy machine
LOST, SLOWED, DEAD = ("reset after read", "submit"), ("429 with seconds", "submit"), ("404", "picture")
IN_EVERY_RUN = {("3daistudio", LOST), ("gmicloud", LOST), ("reapi", SLOWED), ("gptproto", DEAD)}
MADE = {outcome.value for outcome in (Outcome.CURRENT, Outcome.MADE, Outcome.FOUND)}

FOUR = ("3daistudio", "gmicloud", "reapi", "gptproto")
"""The services whose jobs go on without us: what is lost of the others is held by test_kills and test_faults."""


def project(here: Program, service: str, prompts: Sequence[str], *, at_once: int = 16) -> tuple[str, ...]:
    """Write a manifest with these prompts, and return the command that makes it."""
    *several, last = prompts
    values = ", ".join(f'"{number}"' for number in range(len(several)))
    first = several[0].removesuffix("0")
    assert several == [f"{first}{number}" for number in range(len(several))]
    (here.cwd / "assets.toml").write_text(
        f'[defaults]\nprovider = "{service}"\n'
        f'[[asset]]\npath = "art/{{n}}.png"\nprompt = "{first}{{n}}"\nfor = {{n = [{values}]}}\n'
        f'[[asset]]\npath = "last.png"\nprompt = "{last}"\n'
    )
    return ("batch", "--jobs", str(at_once), *OFTEN)


def charged(far_side: FarSide, prompts: Sequence[str]) -> dict[str, list[str]]:
    """The ids of the jobs that the far side charged for, by prompt."""
    found: dict[str, list[str]] = {prompt: [] for prompt in prompts}
    path = far_side.folder / "charges"
    written = path.read_bytes() if path.exists() else b""
    for line in written[: written.rfind(b"\n") + 1].splitlines():  # the last one may be half written
        prompt, remote_id, _ = json.loads(line)  # and when
        if prompt in found:
            found[prompt].append(remote_id)
    return found


def bought(far_side: FarSide, prompts: Sequence[str]) -> int:
    """How many submits the far side charged for."""
    return sum(map(len, charged(far_side, prompts).values()))


def resolve(here: Program, far_side: FarSide, prompts: Sequence[str]) -> list[JobRecord]:
    """Say of each uncertain job what a look at the service's own pages shows; returns those jobs."""
    seen = charged(far_side, prompts)
    uncertain = [job for job in here.jobs() if job.state is State.UNCERTAIN and job.forgotten_at is None]
    known = {job.remote_id for job in here.jobs()}
    for job in uncertain:
        there = [remote_id for remote_id in seen[job.request.prompt] if remote_id not in known]
        word = ("wait", job.id, "--remote", there[0], *OFTEN) if there else ("forget", job.id)
        assert here.run(*word).code == ExitCode.DONE
    return uncertain


def to_the_end(here: Program, *command: str) -> Ended:
    """Run a command that takes longer than others."""
    with here.start(*command, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, out, err.decode())


def outcomes(ended: Ended) -> dict[str, int]:
    """How many assets ended in each way, as the report says."""
    counts = ended.json["batch"]["counts"]
    assert isinstance(counts, dict)
    return counts


@pytest.mark.parametrize(
    ("service", "assets"),
    [
        ("gmicloud", 16),
        *(pytest.param(service, WHOLE, marks=(pytest.mark.whole, pytest.mark.timeout(600))) for service in FOUR),
    ],
)
def test_a_run_killed_three_times_buys_each_picture_once(
    imgen: Program, far_side: FarSide, service: str, assets: int
) -> None:
    here = imgen.at(far_side.origin)
    prompts = [f"asset of {service} and {assets}, {number}" for number in range(assets)]
    command = project(here, service, prompts)
    far_side.play(None, None)

    for kill in range(1, KILLS + 1):
        with here.start(*command) as process:
            end = time.monotonic() + PATIENCE
            # A run ends by itself where every asset that is left is uncertain: a kill met its submit.
            while bought(far_side, prompts) < kill * assets // 4 and process.poll() is None:
                assert time.monotonic() < end
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
    finished = to_the_end(here, *command, "--json")
    if resolve(here, far_side, prompts):
        assert finished.code == ExitCode.UNCERTAIN
        finished = to_the_end(here, *command, "--json")

    assert finished.code == ExitCode.DONE, finished.stderr
    assert set(outcomes(finished)) <= MADE
    assert {prompt: len(ids) for prompt, ids in charged(far_side, prompts).items()} == dict.fromkeys(prompts, 1)

    far_side.play(None, None)
    checked = here.run("batch", "--check")
    (here.cwd / "assets.lock").unlink()
    again = to_the_end(here, *command, "--json")
    bought_again = far_side.counts().get("submit", 0)
    manifest = here.cwd / "assets.toml"
    manifest.write_text(manifest.read_text().replace(prompts[-1], f"{prompts[-1]} anew"))
    changed = here.run(*command, "--json")
    (here.cwd / "art/1.png").write_bytes(b"mine")
    edited = here.run("batch", "--check")

    assert checked.code == ExitCode.DONE, checked.stderr
    assert (again.code, outcomes(again)) == (ExitCode.DONE, {"found": assets})
    assert bought_again == 0
    assert (changed.code, outcomes(changed)) == (ExitCode.DONE, {"current": assets - 1, "made": 1}), changed.stderr
    assert far_side.counts().get("submit", 0) == 1
    assert edited.code == ExitCode.DIFFERENT
    assert "edited    art/1.png: was changed by hand since it was made" in edited.lines


def cells() -> Sequence[object]:
    """Every fault at every service; those out of the sample only with --all."""
    return [
        pytest.param(
            service,
            *fault,
            id=f"{service}-{fault[0]}",
            marks=[] if (service, fault) in IN_EVERY_RUN else [pytest.mark.whole],
        )
        for service in FOUR
        for fault in (LOST, SLOWED, DEAD)
    ]


@pytest.mark.parametrize(("service", "fault", "place"), cells())
def test_a_fault_costs_nothing_twice_and_the_rest_is_done(
    imgen: Program, far_side: FarSide, service: str, fault: str, place: str
) -> None:
    here = imgen.at(far_side.origin)
    prompts = [f"asset under {fault} of {service} {number}" for number in range(3)]
    command = project(here, service, prompts)

    far_side.play(fault, place)
    met = here.run(*command, "--json", "--timeout", "4")
    paid = bought(far_side, prompts)
    far_side.play(None, None)
    second = here.run(*command, "--json")
    resolved = resolve(here, far_side, prompts)
    last = here.run(*command, "--json")

    assert sum(outcomes(met).values()) == 3, met.stderr
    assert "Traceback" not in met.stderr
    assert last.code == ExitCode.DONE, last.stderr
    assert {prompt: len(ids) for prompt, ids in charged(far_side, prompts).items()} == dict.fromkeys(prompts, 1)
    assert here.run("batch", "--check").code == ExitCode.DONE
    match fault, service:
        case "reset after read", "gmicloud":
            assert (met.code, paid) == (ExitCode.DONE, 3)  # found in its own list
        case "reset after read", _:
            assert (met.code, second.code, paid, len(resolved)) == (ExitCode.UNCERTAIN, ExitCode.UNCERTAIN, 3, 3)
            assert outcomes(met) == outcomes(second) == {"uncertain": 3}
        case "429 with seconds", _:
            assert (met.code, second.code, paid) == (ExitCode.UNREACHABLE, ExitCode.DONE, 0), met.stderr
        case _:
            assert paid == 3
            assert met.code in (ExitCode.EXPIRED, ExitCode.NOT_SAVED)
            assert (second.code, outcomes(second)) == (ExitCode.DONE, {"found": 3})
