"""Text made harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen.screen.text import cells, for_log, one_line, padded, plain

TROUBLE = st.sampled_from("\x00\x07\x1b\x7f\x9b\n\r\t\u200b\u200c\u200d\u200e\u202e\u2066\u2028\ufeff\U000e0041\udc80")
ANY_TEXT = st.text(st.one_of(st.characters(), TROUBLE))
FORMAT_ALLOWED = set(
    "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)


@given(ANY_TEXT)
def test_plain_text_has_nothing_a_terminal_acts_on(text: str) -> None:
    shown = plain(text)
    forbidden = {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - FORMAT_ALLOWED
    assert forbidden == set()
    assert plain(shown) == shown


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Mn", "Mc", "Zs"))))
def test_ordinary_text_of_every_script_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("one\r\ntwo\nthree\tfour\u2028five\u0085six", "one two three four five six"),
        ("\x9b2J \x7f \x00", "\\x9b2J \\x7f \\x00"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("file\udcff.png", "file\\udcff.png"),
        ("pass\u200dword\ufeff\u200b", "password"),
        ("\u200dstart", "start"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian
        ("क्\u200dष", "क्\u200dष"),  # Devanagari
        ("👩\u200d🚀 ❤️\u200d🔥", "👩\u200d🚀 ❤️\u200d🔥"),
        ("é\u200d\u200d\u200d", "é\u200d"),
        ("[red]kept[/red]", "[red]kept[/red]"),
    ],
)
def test_what_becomes_of_special_characters(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        ("::error::paid twice", ": :error::paid twice"),
        ("  ::set-output name=a::b", "  : :set-output name=a::b"),
        ("\n::error::", " : :error::"),
        ("k3f9 ##[error]x", "k3f9 ## [error]x"),
        ("##vso[task.setvariable]x", "## vso[task.setvariable]x"),
        ("a::b ## title", "a::b ## title"),
    ],
)
def test_a_build_server_finds_no_commands_in_a_log_line(text: str, logged: str) -> None:
    assert for_log(text) == logged


@given(ANY_TEXT, st.integers(0, 40))
def test_a_cut_line_is_never_wider_than_asked(text: str, width: int) -> None:
    assert cells(one_line(text, width)) <= width


@pytest.mark.parametrize(
    ("text", "width", "line"),
    [
        ("a red fox", 9, "a red fox"),
        ("a red fox", 8, "a red f…"),
        ("a red fox", 7, "a red…"),
        ("a  red\n\n fox", 20, "a red fox"),
        ("日本語のキツネ", 8, "日本語…"),
        ("日本語", 6, "日本語"),
        ("fox", 0, ""),
    ],
)
def test_one_line_cuts_by_what_a_terminal_shows(text: str, width: int, line: str) -> None:
    assert one_line(text, width) == line


def test_padding_counts_wide_characters_twice() -> None:
    assert padded("日本", 6) == "日本  "
    assert padded("e\u0301", 3) == "e\u0301  "
