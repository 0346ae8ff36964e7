"""Text from people and services, made harmless for a terminal and a log."""

from __future__ import annotations

import re
import unicodedata

# An Arabic number sign or end of ayah is a format character only in name: it is drawn, and text needs it.
_DRAWN_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_LINE_BREAK = "\r\n|[\n\r\t\u0085\u2028\u2029]"
# Persian, Indic scripts and emoji need the joiners, and only after one of their own characters;
# anywhere else a joiner is an invisible difference between two texts that look the same.
_STRAY_JOINER = f"(?<![^\x00-\x7f{_ZWNJ}{_ZWJ}])[{_ZWNJ}{_ZWJ}]"
# GitHub reads "::" at the start of a line and "##[" anywhere in it as commands; "##vso[" and "##teamcity["
# are their cousins on other build servers.
_COMMAND_START = re.compile(r"^(\s*):(?=:)")
_COMMAND_MARK = re.compile(r"##(?=\w*\[)")


def plain(text: str) -> str:
    """The text on one line, without anything a terminal would act on.

    Line breaks and tabs become spaces; other control characters and lone surrogates are shown as `\\x1b` or
    `\\udc80`; bidi controls and other invisible format characters go; joiners stay where a script needs them.
    """
    if text.isprintable():
        return text
    shown = "".join(map(_shown, re.sub(_LINE_BREAK, " ", text)))
    return re.sub(_STRAY_JOINER, "", shown)


def _shown(character: str) -> str:
    match unicodedata.category(character):
        case "Cc":
            return f"\\x{ord(character):02x}"
        case "Cs":
            return f"\\u{ord(character):04x}"
        case "Cf" if character not in _DRAWN_FORMAT and character not in (_ZWNJ, _ZWJ):
            return ""
        case _:
            return character


def for_log(text: str) -> str:
    """`plain` text that no build server takes for a command of its own."""
    return _COMMAND_MARK.sub("## ", _COMMAND_START.sub(r"\1: ", plain(text)))


def cells(text: str) -> int:
    """The columns of a terminal the text takes, near enough to align; joined emoji count as their parts."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def one_line(text: str, width: int, ellipsis: str = "…") -> str:
    """The text as `for_log` has it with its spaces collapsed, cut to `width` columns.

    What was cut shows as the ellipsis.
    """
    line = " ".join(for_log(text).split())
    if cells(line) <= width:
        return line
    room = width - cells(ellipsis)
    end = 0
    for character in line:
        room -= _cells(character)
        if room < 0:
            break
        end += 1
    return line[:end].rstrip() + ellipsis[: max(width, 0)]


def wrapped(text: str, width: int | None, indent: int = 2) -> list[str]:
    """The text in lines of at most `width` columns, broken between words; a longer word stays whole.

    Lines after the first are indented. `width` None keeps one line, for a pipe.
    """
    return _filled(re.split("(?<=\\S) ", text), width, indent, "")


def wrapped_command(text: str, width: int | None, indent: int = 2) -> list[str]:
    """A command in lines that a shell joins again, broken between its words and never inside quotes."""
    return _filled(re.findall(r"""\s*(?:"[^"]*"|'[^']*'|[^\s"'])+""", text), width, indent, " \\", joint="")


def _filled(words: list[str], width: int | None, indent: int, end: str, joint: str = " ") -> list[str]:
    lines = [words[0]] if words else [""]
    for word in words[1:]:
        if width is None or cells(lines[-1] + joint + word) <= width - len(end):
            lines[-1] += joint + word
        else:
            lines[-1] += end
            lines.append(" " * indent + word.strip())
    return lines


def padded(text: str, width: int) -> str:
    """The text with spaces behind it up to `width` columns."""
    return text + " " * (width - cells(text))
