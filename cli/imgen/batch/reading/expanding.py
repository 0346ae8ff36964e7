"""From the tables of a manifest to its assets: fields checked, defaults filled in, `for` and `count` multiplied out."""

from __future__ import annotations

import difflib
import itertools
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from imgen.batch.asset import Asset
from imgen.batch.paths import FORMATS, BadPath, Folder, check_names, normal, picture_name, suffix
from imgen.batch.reading.documents import read_text
from imgen.batch.reading.findings import BadManifest, Finding
from imgen.batch.reading.toml_lines import ASSET, DEFAULTS, TOP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pydantic import ValidationError

    from imgen.batch.reading.documents import Document
    from imgen.batch.reading.toml_lines import Scope

MOST_ASSETS = 100_000
"""How many assets a manifest may hold, those of its `for` and `count` included."""

INDEX = "index"
"""What `count` numbers its pictures by, in a path."""

_MOST_PROMPT_BYTES = 1_000_000
_NEEDED = frozenset({"path", "prompt", "prompt_file", "for", "count"})  # without which an asset is not known
_FIELD = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")  # {{name}} stands for {name} itself
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMAT_NAMES = {"jpg": "jpeg"}


@dataclass(slots=True)
class Findings:
    """Collects what is wrong in one document, each at its line."""

    document: Document
    found: list[Finding] = field(default_factory=list)

    def add(self, scope: Scope, field: str | None, message: str, hint: str | None = None) -> None:
        """Note one thing that is wrong in a field, or in a table as a whole."""
        self.found.append(Finding(self.document.name, self.document.line(scope, field), field, message, hint))


@dataclass(frozen=True, slots=True)
class Expanded:
    """An asset whose references are still the texts that were written."""

    asset: Asset
    references: tuple[str, ...]


def expand(document: Document, folder: Folder, findings: Findings) -> list[Expanded]:
    """Every asset of the document in the order it is written; what is wrong goes to `findings`."""
    from imgen.batch.reading import fields

    for name in document.top:
        findings.add(TOP, name, "there is no such table.", _nearest(name, (DEFAULTS, ASSET)))
    reader = _Reader(folder, findings)
    defaults = reader.validated(fields.Defaults, DEFAULTS, document.defaults) if document.defaults is not None else {}
    if not isinstance(document.assets, list) or not document.assets:
        kind = "it has no assets." if document.assets in (None, []) else "asset is no list of tables."
        findings.add(TOP, ASSET if document.assets is not None else None, kind, "Each begins with [[asset]].")
        return []
    expanded: list[Expanded] = []
    for number, table in enumerate(document.assets):
        entry = reader.validated(fields.Entry, number, table)
        if entry is not None and defaults is not None:
            expanded.extend(reader.assets(number, _merged(defaults, entry), MOST_ASSETS - len(expanded)))
    return expanded


def _merged(defaults: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with what the defaults add; its options stand beside theirs."""
    options = {**(defaults.get("options") or {}), **(entry.get("options") or {})}
    return {**defaults, **entry, "options": options}


@dataclass(slots=True)
class _Reader:
    """Reads one entry after the other; what was read or checked once is kept."""

    folder: Folder
    findings: Findings
    prompts: dict[str, str | None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def validated(self, model: type[Any], scope: Scope, table: object) -> dict[str, Any] | None:
        """The fields of a table that are written, each of its type; None where one is not."""
        from pydantic import ValidationError

        try:
            found = model.model_validate(table)
        except ValidationError as error:
            wrong = self._refuse(error, model, scope, table)
            if not isinstance(table, dict) or wrong & _NEEDED:
                return None
            # Without the fields that are wrong, the others are still checked.
            return self.validated(model, scope, {name: table[name] for name in table if name not in wrong})
        return {name.rstrip("_"): getattr(found, name) for name in found.model_fields_set}

    def _refuse(self, error: ValidationError, model: type[Any], scope: Scope, table: object) -> set[str]:
        """Note every field that is wrong, and return them, with those that unknown ones may have been meant to be."""
        from imgen.batch.reading.fields import WANTED, names

        if not isinstance(table, dict):
            self.findings.add(scope, None, f"it is {_shown(table)}, which is not a table.")
            return set()
        wrong = {str(each["loc"][0]) for each in error.errors(include_url=False)}
        meant: set[str] = set()
        for at in wrong:
            if at not in table:
                self.findings.add(scope, at, "it is missing.", 'path = "art/cat.png"')
            elif at in WANTED and at in names(model):
                self.findings.add(scope, at, f"it is {_shown(table[at])}, which is not {WANTED[at]}.")
            else:
                self.findings.add(scope, at, "there is no such field.", _nearest(at, names(model)))
                meant.update(difflib.get_close_matches(at.lower(), names(model), n=1))
        return wrong | meant

    def assets(self, number: int, entry: Mapping[str, Any], room: int) -> Iterator[Expanded]:
        """The assets of one entry, at most `room` of them."""
        matrix = entry.get("for") or {}
        count = entry.get("count")
        size = math.prod(len(values) for values in matrix.values()) * (count or 1)
        if size > room:
            made = f"it makes {size:,} assets" if size > MOST_ASSETS else f"the assets up to here are {MOST_ASSETS:,}"
            self.findings.add(number, "for" if matrix else None, f"{made}; a manifest holds at most {MOST_ASSETS:,}.")
            return
        if not self._fits(number, entry, matrix):
            return
        prompt = self._prompt_text(number, entry, matrix)
        for values in itertools.product(*matrix.values()):
            named = {name: str(value) for name, value in zip(matrix, values, strict=True)}
            yield from self._combination(number, entry, prompt, named, count)

    def _fits(self, number: int, entry: Mapping[str, Any], matrix: Mapping[str, Sequence[object]]) -> bool:
        """Whether the fields of an entry go together; what does not is noted."""
        before = len(self.findings.found)
        known = {*matrix, INDEX}
        for name in matrix:
            if not _NAME.fullmatch(name) or name == INDEX:
                self.findings.add(number, "for", f"{name!r} cannot be the name of values.", "Letters, digits and _.")
        written = _fields_in(entry["path"])
        for name in written - known:
            hint = f"{_nearest(name, known) or ''} {{{{{name}}}}} stands for the braces themselves.".strip()
            self.findings.add(number, "path", f"it has {{{name}}} in it, and for has no values of that name.", hint)
        if INDEX in written and entry.get("count") is None:
            self.findings.add(number, "path", "it has {index} in it, and there is no count.", "count = 2")
        for name, values in matrix.items():
            if name not in written and len(values) > 1:
                message = f"it does not have {{{name}}} in it, so {len(values):,} assets would be one file."
                self.findings.add(number, "path", message)
        self._check_texts(number, entry, matrix)
        self._check_conversion(number, entry)
        if entry["options"] and not _is_json(entry["options"]):
            self.findings.add(number, "options", "a number in it has too many digits.")
        return len(self.findings.found) == before

    def _check_texts(self, number: int, entry: Mapping[str, Any], matrix: Mapping[str, Sequence[object]]) -> None:
        """A prompt stands in one place, and names only values that there are."""
        given = [name for name in ("prompt", "prompt_file") if entry.get(name) is not None]
        if len(given) != 1:
            said = "it has both prompt and prompt_file." if given else "it has neither prompt nor prompt_file."
            self.findings.add(number, given[-1] if given else "prompt", said, "It takes one of them.")
        if not matrix:
            return
        for name in ("prompt", "prompt_file", "references"):
            texts = [entry[name]] if isinstance(entry.get(name), str) else entry.get(name) or []
            for unknown in {each for text in texts for each in _fields_in(text)} - set(matrix):
                hint = f"{_nearest(unknown, matrix) or ''} {{{{{unknown}}}}} stands for the braces themselves.".strip()
                self.findings.add(
                    number, name, f"it has {{{unknown}}} in it, and for has no values of that name.", hint
                )

    def _check_conversion(self, number: int, entry: Mapping[str, Any]) -> None:
        convert = entry.get("convert")
        if isinstance(convert, str):
            wanted = FORMATS.get(suffix(entry["path"]))
            if wanted and _FORMAT_NAMES.get(convert, convert) != wanted:
                self.findings.add(number, "convert", f"it is {convert!r}, and the path is a {wanted} file.")
        elif convert is False and entry.get("max_width") is not None:
            self.findings.add(number, "max_width", "it re-encodes the picture, which convert = false rules out.")

    def _prompt_text(self, number: int, entry: Mapping[str, Any], matrix: Mapping[str, object]) -> str | None:
        """The prompt before its names are filled in; None where a file of the prompt has names in its own name."""
        if entry.get("prompt") is not None:
            return cast(str, entry["prompt"])
        if matrix and _fields_in(entry["prompt_file"]):
            return None
        return self._prompt_file(number, entry["prompt_file"])

    def _prompt_file(self, number: int, written: str) -> str:
        """The text of a prompt's file, with `\\n` at the end of its lines; "" where it is refused."""
        if written not in self.prompts:
            self.prompts[written] = None
            try:
                name = normal(written)
                self.folder.check_file(name, _MOST_PROMPT_BYTES)
                text = read_text(self.folder.path(name), name, _MOST_PROMPT_BYTES)
                self.prompts[written] = text.replace("\r\n", "\n").strip("\n")
            except BadPath as error:
                self.findings.add(number, "prompt_file", error.message, error.hint)
            except BadManifest as error:
                self.findings.add(number, "prompt_file", f"{written}: {error.findings[0].message}")
            else:
                if not text.strip():
                    self.findings.add(number, "prompt_file", f"{written!r} is empty.")
        return self.prompts[written] or ""

    def _combination(
        self, number: int, entry: Mapping[str, Any], prompt: str | None, named: Mapping[str, str], count: int | None
    ) -> Iterator[Expanded]:
        """The assets of one combination of values: one, or `count`."""
        if prompt is None:
            prompt = self._prompt_file(number, _filled(entry["prompt_file"], named))
        text = _filled(prompt, named) if named else prompt
        if not text.strip() and entry.get("prompt") is not None:
            self.findings.add(number, "prompt", "it is empty.")
        references = tuple(_filled(each, named) if named else each for each in entry.get("references") or ())
        for index in range(1, (count or 1) + 1):
            path = _numbered(_filled(entry["path"], {**named, INDEX: str(index)}), entry["path"], index, count)
            try:
                path = picture_name(path)
                check_names(path, self.names)
                self.folder.check_target(path)
            except BadPath as error:
                self.findings.add(number, "path", error.message, error.hint)
                continue
            yield Expanded(_asset(path, number, text, entry), references)


def _asset(path: str, number: int, prompt: str, entry: Mapping[str, Any]) -> Asset:
    format = entry.get("format")
    return Asset(
        path=path,
        entry=number,
        prompt=prompt,
        model=entry.get("model"),
        provider=entry.get("provider"),
        aspect=entry.get("aspect"),
        resolution=entry.get("resolution"),
        size=_size(entry.get("size")),
        format=_FORMAT_NAMES.get(format, format) if format else None,
        quality=entry.get("quality"),
        channel=entry.get("channel"),
        options=entry["options"],
        convert=entry.get("convert") is not False,
        max_width=entry.get("max_width"),
        tag=entry.get("tag") is True,
    )


def _is_json(options: object) -> bool:
    try:
        json.dumps(options)
    except ValueError:
        return False
    return True


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.lower().replace("×", "x").partition("x")
    return int(width), int(height)


def _fields_in(text: str) -> set[str]:
    return {found[2] for found in _FIELD.finditer(text) if found[2]}


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each {name} replaced by its value, once: what a value brings is not looked at again."""
    return _FIELD.sub(lambda found: f"{{{found[1]}}}" if found[1] else values[found[2]], text)


def _numbered(path: str, written: str, index: int, count: int | None) -> str:
    if count in (None, 1) or INDEX in _fields_in(written):
        return path
    stem, dot, ending = path.rpartition(".")
    return f"{stem}-{index}{dot}{ending}" if dot else f"{path}-{index}"


def _nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that a word may have meant, as a hint."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}." if names else None


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:
        return "a number with thousands of digits"
    return text if len(text) <= 60 else f"{text[:60]}..."
