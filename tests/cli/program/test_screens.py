"""What a person sees from start to end: on narrow, usual and wide terminals, without colour, without Unicode."""

from __future__ import annotations

import re

import pytest

from cli.program.program import IMGEN, SMALL, Program
from cli.program.terminal import Terminal, terminal
from imgen.errors import ExitCode

WIDTHS = pytest.mark.parametrize("width", [40, 80, 200])
PROMPT = "a red fox in the deep snow of the north"
GENERATE = (*IMGEN, "generate", PROMPT, "--sandbox")
FOX = (*GENERATE, *SMALL)
COLOR = re.compile(rb"\x1b\[[0-9;]*3[0-7][0-9;]*m")


def row(shown: Terminal) -> str:
    """The line that moves; nothing reaches the last column. Below it, a narrow one says what an estimate rests on."""
    line, *legend = below_price(shown)
    assert all(re.match(r"  ~ estimate: typical$", each) for each in legend)
    assert len(line) < shown.screen.columns
    return line


def below_price(shown: Terminal) -> list[str]:
    """The lines below the one with the price, which may have gone on in indented ones."""
    price, *lines = shown.lines
    assert price.startswith("3D AI Studio: ")
    while lines and re.match("  [a-z(]+", lines[0]) and "estimate" not in lines[0]:
        lines = lines[1:]
    return lines


def joined(shown: Terminal) -> str:
    """What stands there as one text, however the terminal wrapped it."""
    return "".join(line.ljust(shown.screen.columns) for line in shown.screen.display)


@WIDTHS
def test_the_start_the_middle_and_the_end(imgen: Program, width: int) -> None:
    with terminal(imgen, *FOX, "-o", "fox.png", width=width, IMGEN_SANDBOX_SECONDS="3") as shown:
        shown.until(r"queued")
        start = row(shown)
        shown.until(r"\d+ ?%")
        middle = row(shown)
        assert shown.rest() == ExitCode.DONE

    (job,) = imgen.jobs()
    assert re.match(rf"· {job.id}  a r(?:ed)?.* +queued", start)
    assert re.match(rf"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] {job.id}  a r(?:ed)?.* +(running +━*─* +)?\d+ ?%", middle)
    assert ("━" in middle or "─" in middle) == (width >= 80)
    assert ("(service)" in middle) == (width == 200)
    ended = below_price(shown)[0]
    assert re.match(rf"✓ {job.id}  saved in \d s +512x512", ended)
    assert (PROMPT in ended) == (width == 200)
    assert joined(shown).replace(" ", "").endswith(f"{imgen.cwd / 'fox.png'}")
    assert not re.search(r"running|queued|%", joined(shown))  # nothing of the row is left


@WIDTHS
def test_after_ctrl_c_the_way_back_can_be_copied(imgen: Program, width: int) -> None:
    with terminal(imgen, *GENERATE, "-n", "2", "-p", "gmicloud", width=width, IMGEN_SANDBOX_SECONDS="5") as shown:
        # Both: one that is still being submitted may be lost on the way, and then other words are right.
        shown.until(r"queued|running", lines=2)
        shown.type(b"\x03")
        assert shown.rest() == ExitCode.INTERRUPTED

    first, second = (job.id for job in imgen.jobs())
    rows = [line for line in shown.lines if re.match(r"· \w{8}  ", line)]
    assert [re.match(r"· \w+  still \w+ after", row) is not None for row in rows] == [True, True]
    assert shown.lines[-2:] == ["imgen: Stopped waiting; 2 jobs go on.", f"  try: imgen wait {first} {second}"]


def test_a_terminal_without_colour_and_unicode_gets_plain_letters(imgen: Program) -> None:
    plain = {"NO_COLOR": "1", "PYTHONIOENCODING": "cp1252", "IMGEN_SANDBOX_SECONDS": "2"}
    nasty = "[red] \x1b[31m 日本語"
    with terminal(imgen, *IMGEN, "generate", nasty, "--sandbox", *SMALL, "-o", "fox.png", width=80, **plain) as shown:
        shown.until(r"\d+ ?%")
        middle = row(shown)
        assert shown.rest() == ExitCode.DONE

    assert middle.isascii()
    assert middle[0] in "|/-\\"
    ended = below_price(shown)[0]
    assert re.match(r"\+ \w{8}  saved in", ended)
    assert "[red]" in ended
    assert not COLOR.search(shown.raw)
    assert imgen.jobs()[0].request.prompt == nasty


def test_a_terminal_made_narrower_and_wider_meanwhile_is_followed(imgen: Program) -> None:
    with terminal(imgen, *FOX, "-o", "fox.png", width=200, IMGEN_SANDBOX_SECONDS="1.5") as shown:
        shown.until(r"queued|running")
        shown.resize(60)
        shown.until(r"\d+ ?%")
        assert len(shown.lines[-1]) < 60
        shown.resize(120)
        assert shown.rest() == ExitCode.DONE

    assert [line for line in shown.lines if line.startswith("✓")] != []
    assert COLOR.search(shown.raw)


def test_the_help_names_the_version_and_draws_nothing_on_a_dumb_terminal(imgen: Program) -> None:
    whole, version = imgen.run_lines(
        [(("--help",), {"TERM": "dumb"}, b""), (("--version", "models"), {"TERM": "dumb"}, b"")]
    )

    assert "--version" in whole.stdout.decode()
    assert whole.stdout.isascii()
    assert (version.code, version.lines[0].split()[0]) == (0, "imgen")
