"""Every fault at every kind of request of every service: never a traceback, a second charge, or a hang."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.program import KEY, OFTEN, Program, until
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.catalog import SERVICES
from reliability.channels import CHANNELS
from reliability.faults import FINE, NOT_REACHED, PERHAPS, absent, cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.program.program import Ended
    from reliability.channels import Channel
    from reliability.conftest import Tell
    from reliability.far_side import FarSide
    from reliability.faults import Ending, Fault, OwnFault, Place

PATIENCE = 4.0  # seconds that a run waits whose fault does not end
CUT_OFF = ("reset mid-body", "truncate")
GRACE = 3.0  # seconds that imgen gives a submit under way beyond that
START = 20.0  # seconds that two busy cores may need to start and to end it

# One row of each class in every run of the tests, at one place and one channel; everything with --all.
SAMPLE = {
    ("refuse", "submit", "reapi"),
    ("reset after read", "submit", "gptproto"),
    ("reset mid-body", "submit", "3daistudio"),
    ("hang", "submit", "3daistudio"),
    ("garbage", "submit", "gptproto"),
    ("401", "poll", "reapi"),
    ("402", "submit", "3daistudio"),
    ("403", "picture", "gptproto"),
    ("408", "submit", "reapi"),
    ("422", "submit", "gmicloud"),
    ("429 with seconds", "poll", "gmicloud"),
    ("503", "submit", "gptproto"),
    ("redirect other host", "picture", "reapi"),
    ("unknown state", "submit", "gmicloud"),
    ("wrong types", "submit", "gptproto"),
    ("reset after read", "submit", "openai"),
    ("reset mid-body", "submit", "gemini"),
    ("truncate", "submit", "openrouter"),
    ("HTML 200", "submit", "gemini"),
    ("422", "submit", "openai"),
    ("Google's 503", "submit", "gemini"),
    ("another format", "submit", "openrouter"),
    ("linked", "poll", "gemini-batch"),
    ("reset after read", "submit", "gemini-batch"),
    ("reset after read", "submit", "fal"),
    ("HTML 200", "result", "fal"),
    ("id in a link", "submit", "3daistudio"),
    ("no links", "poll", "reapi"),
    ("another format", "picture", "gmicloud"),
}


def parameters() -> Sequence[object]:
    """Every cell; those out of the sample only with --all."""
    found = []
    for fault, place, channel, expected in cells():
        key = (fault.name, place, channel.name)
        marks = [] if key in SAMPLE else [pytest.mark.whole]
        found.append(pytest.param(fault, place, channel, expected, id="-".join(key), marks=marks))
    return found


def test_every_service_is_in_the_matrix() -> None:
    assert {channel.service for channel in CHANNELS.values()} == set(SERVICES)
    assert {name for _, _, name in SAMPLE} == set(CHANNELS)
    assert all(len(reason.split()) > 4 for reason in absent())
    for channel in CHANNELS.values():
        batch = "batch" in channel.options
        model = next(row for row in SERVICES[channel.service].models if (row.channel == "batch") == batch)
        assert channel.once == (not model.comes_back)
        assert channel.link_lives == (model.link_seconds is not None)


def is_plain(ended: Ended) -> bool:
    """No traceback, no bug, no key."""
    said = ended.stdout.decode() + ended.stderr
    return not any(word in said for word in ("Traceback", "met a bug", KEY))


@pytest.mark.parametrize(("fault", "place", "channel", "expected"), parameters())
def test_a_fault_ends_as_the_table_says(
    imgen: Program,
    far_side: FarSide,
    fault: Fault | OwnFault,
    place: Place,
    channel: Channel,
    expected: Ending,
    print_report: Tell,
) -> None:
    here = imgen.at(far_side.origin)
    prompt = f"fox {fault.name} {place} {channel.name}"
    patience = PATIENCE if expected.lasts else START

    far_side.play(fault.name, place)
    began = time.monotonic()
    ended = here.run("generate", prompt, *channel.order, *OFTEN, "--timeout", str(patience))
    took = time.monotonic() - began
    [job] = here.jobs()
    counts = far_side.counts()

    charges = far_side.charges(prompt)
    print_report("ending", [fault.name, place, channel.name, charges, ended.code, job.state.value])
    assert is_plain(ended), ended
    assert took < patience + GRACE + START
    if expected is PERHAPS and job.state is State.CANCELLED:
        expected = NOT_REACHED  # the reset may come before anything has left
    if channel.lists == "what has ended" and expected.state is State.UNCERTAIN and job.state is State.SAVED:
        expected = FINE  # it may have ended before it was looked for
    assert (ended.code, unhurried(job.state)) == (expected.code, expected.state), ended.stderr
    assert charges == expected.charged
    assert counts.get(place, 0) <= expected.most
    assert counts.get("submit", 0) <= (expected.most if place == "submit" else 1)
    assert counts.get("elsewhere with a key", 0) == 0
    if fault.name in CUT_OFF and place == "submit" and channel.once:
        assert re.search(r"The answer was cut at [\d,]+ of [\d,]+ bytes\.", ended.stderr)

    far_side.play(None, None)
    if channel.lists == "what has ended":
        until(lambda: far_side.ended(prompt))
    back = ["download", job.id] if place == "picture" else ["wait", "--timeout", "20", *OFTEN]
    returned = here.run(*back)
    [job] = here.jobs()

    assert is_plain(returned), returned
    assert job.state is expected.afterwards, returned.stderr
    open_still = {State.UNCERTAIN: ExitCode.UNCERTAIN, State.READY: ExitCode.NOT_SAVED}
    assert returned.code == open_still.get(job.state, ExitCode.DONE), returned.stderr
    assert far_side.charges(prompt) == expected.charged
    assert far_side.counts().get("submit", 0) == 0
    unverified = [path for path in here.cwd.iterdir() if ".unverified." in path.name]
    assert len(unverified) == expected.unverified
    there = [path.name for path in here.cwd.iterdir() if path not in unverified]
    assert there == [result.path.name for result in job.results if result.path]
    assert KEY.encode() not in (here.home / "ledger.sqlite3").read_bytes()


@pytest.mark.whole
def test_an_upload_cut_half_way_is_not_sent_and_goes_again(imgen: Program, far_side: FarSide) -> None:
    here = imgen.at(far_side.origin)
    prompt = "fox with a large picture"
    large = here.cwd.parent / "large.png"
    Image.effect_noise((1600, 1600), 100).save(large)  # noise packs badly: 2 MB
    far_side.play("reset mid-upload", "submit")

    ended = here.run("edit", prompt, "-p", "3daistudio", "-i", str(large), *OFTEN)

    [job] = here.jobs()
    assert is_plain(ended)
    assert (ended.code, job.state) == (ExitCode.UNREACHABLE, State.CANCELLED), ended.stderr
    assert far_side.charges(prompt) == 0

    far_side.play(None, None)
    again = here.run("edit", prompt, "-p", "3daistudio", "-i", str(large), *OFTEN)

    assert again.code == ExitCode.DONE, again.stderr
    assert far_side.charges(prompt) == 1


def unhurried(state: State) -> State:
    """Whether a job waits or is at work is chance."""
    return State.QUEUED if state is State.RUNNING else state
