"""A help page: what stands on it, and its lines. The same text on every terminal; colour is all that is added."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import TextWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOLD, _CYAN, _DIM, _OFF = "\x1b[1m", "\x1b[36m", "\x1b[2m", "\x1b[0m"
_WIDEST = 100  # columns: longer lines are hard to read
_NARROW = 60  # columns, below which a text stands under its name instead of beside it
_NAMES = 26  # columns for names at most; a longer name has its text on the next line


@dataclass(frozen=True, slots=True)
class Row:
    """An option, an argument or a command, and what it does."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together; of a `brief` one, the first page shows the names only."""

    title: str
    rows: tuple[Row, ...]
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The help of one command. `more` says where the rest is, on a page that shows the most used options only."""

    usage: str
    summary: str
    text: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    examples: tuple[str, ...] = ()
    more: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """What a page is written on: `width` in columns, and whether in colour."""

    width: int
    color: bool

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_OFF}" if self.color else text

    def cyan(self, text: str) -> str:
        return f"{_CYAN}{text}{_OFF}" if self.color else text

    def dim(self, text: str) -> str:
        return f"{_DIM}{text}{_OFF}" if self.color else text

    def wrapped(self, text: str, *, indent: int = 0, hanging: int | None = None) -> list[str]:
        """The text between the margins, broken between words only."""
        later = indent if hanging is None else hanging
        wrapper = TextWrapper(
            min(self.width, _WIDEST),
            initial_indent=" " * indent,
            subsequent_indent=" " * later,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return wrapper.wrap(text)


def page_lines(page: Page, paper: Paper) -> Iterator[str]:
    """A page of one command: usage, text, sections, examples."""
    usage, *rest = paper.wrapped(f"Usage: {page.usage}", hanging=4)
    yield usage.replace("Usage:", paper.bold("Usage:"), 1)
    yield from rest
    for paragraph in (page.summary, *page.text):
        yield ""
        yield from paper.wrapped(paragraph)
    names = min(_NAMES, max((len(row.name) for section in page.sections for row in section.rows), default=0))
    for section in page.sections:
        yield ""
        yield paper.bold(section.title)
        for row in section.rows:
            yield from _row(row, names, paper)
    if page.examples:
        yield ""
        yield paper.bold("Examples")
        yield from (f"  {example}" for example in page.examples)
    if page.more:
        yield ""
        yield from map(paper.dim, paper.wrapped(page.more))


def index_lines(page: Page, paper: Paper) -> Iterator[str]:
    """The first page: a line a command, with the name of its group at the left; a brief group is one line of names."""
    if paper.width < _NARROW:
        yield from page_lines(page, paper)
        return
    yield from paper.wrapped(page.summary)
    titles = 2 + max(len(section.title) for section in page.sections)
    names = max(len(row.name) for section in page.sections for row in section.rows)
    for section in page.sections:
        if section.brief:
            title = paper.bold(section.title) + " " * (titles - len(section.title))
            yield title + paper.cyan(", ".join(row.name for row in section.rows))
            continue
        for number, row in enumerate(section.rows):
            title = "" if number else section.title
            yield f"{paper.bold(title)}{' ' * (titles - len(title))}{paper.cyan(f'{row.name:{names}}')}  {row.text}"
    yield from map(paper.dim, paper.wrapped(page.more))


def _row(row: Row, names: int, paper: Paper) -> Iterator[str]:
    if paper.width < _NARROW or len(row.name) > names:
        yield f"  {paper.cyan(row.name.strip())}"
        yield from paper.wrapped(row.text, indent=6 if paper.width < _NARROW else names + 4)
        return
    first, *rest = paper.wrapped(row.text, indent=names + 4) or [""]
    yield f"  {paper.cyan(f'{row.name:{names}}')}{first[names + 2 :]}".rstrip()
    yield from rest
