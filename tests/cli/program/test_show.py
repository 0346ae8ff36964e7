"""Pictures drawn in the terminal, and never anywhere else."""

from __future__ import annotations

from cli.program.program import IMGEN, SMALL, Program
from cli.program.terminal import terminal

FOX = ("generate", "a red fox", "--sandbox", *SMALL, "--show")
HALF_BLOCK, SIXEL = "▀", b"\x1bP"


def test_the_picture_is_drawn_below_its_path(imgen: Program) -> None:
    with terminal(imgen, *IMGEN, *FOX, width=80) as shown:
        assert shown.rest() == 0

    path = next(index for index, line in enumerate(shown.lines) if line.strip().endswith(".png"))
    # This emulator prints the question whether it knows kitty's protocol; a terminal swallows it.
    drawn = [line for line in shown.lines[path + 1 :] if set(line.strip()) == {HALF_BLOCK}]
    assert len(drawn) > 5
    assert SIXEL not in shown.raw


def test_a_pipe_and_a_plain_terminal_get_the_path_only(imgen: Program) -> None:
    piped = imgen.run(*FOX, "-q")
    with terminal(imgen, *IMGEN, *FOX, "-q", TERM="dumb") as shown:
        assert shown.rest() == 0

    assert (piped.code, len(piped.lines), piped.stderr) == (0, 1, "")
    assert len(shown.lines) == 1


def test_a_picture_that_cannot_be_drawn_fails_nothing(imgen: Program) -> None:
    """The first picture is spoilt once it is saved: drawing it fails, saving the second one does not."""
    made = imgen.run("generate", "a red fox", "--sandbox", *SMALL, "-q", "-o", "fox.png")
    assert made.code == 0
    picture = imgen.cwd / "fox.png"
    picture.write_bytes(b"not a picture")
    (job,) = imgen.jobs()

    with terminal(imgen, *IMGEN, "download", job.id, "--show", width=80) as shown:
        assert shown.rest() == 0

    assert any("fox.png cannot be shown" in line for line in shown.lines), shown.lines
