"""What a person reads when something went wrong."""

from __future__ import annotations

from imgen.errors import Problem
from imgen.screen.failure import failure_lines

UNWRITABLE = Problem("folder", "The folder /x cannot be written: Permission denied.", "imgen generate -o ~/Pictures/")


def test_what_happened_and_what_to_type_next() -> None:
    assert failure_lines(UNWRITABLE, color=False) == (
        "imgen: The folder /x cannot be written: Permission denied.\n  try: imgen generate -o ~/Pictures/"
    )


def test_without_a_hint_there_is_no_second_line() -> None:
    assert failure_lines(Problem("bug", "It broke."), color=False) == "imgen: It broke."


def test_only_the_name_is_red() -> None:
    assert failure_lines(Problem("bug", "It broke."), color=True) == "\x1b[31mimgen:\x1b[0m It broke."


def test_a_services_words_cannot_act() -> None:
    nasty = Problem("x", "bad\x1b[31m\n::error::##[error]", "do\nthis")
    assert failure_lines(nasty, color=False) == "imgen: bad\\x1b[31m ::error::## [error]\n  try: do\n       this"
