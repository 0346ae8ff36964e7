"""The user's settings file and a project's: TOML read into values with their lines, and one value written back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from imgen.config.keys import without_keys
from imgen.config.settings import SETTINGS, Place, Setting, Value, from_file, shown
from imgen.errors import BadConfiguration, UsageProblem
from imgen.files import PRIVATE, SHARED, make_private_folder, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROJECT_FILE = "imgen.toml"
PROFILES = "profiles"

_OPEN_TEXT = "Illegal character '\\n'"  # as tomllib has it, where a line ends inside of quotes
LONG_KEY = re.compile(r"""(?:^|[\[{,])[ \t]*(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){16}""", re.MULTILINE)
"""The start of a key of more than 16 parts in a TOML text.

Each part of a dotted key costs tomllib as much as all before it: one of 8,000 takes seconds, of a million hours.
"""

_MOST_BYTES = 16 * 1024  # all settings take 2 KB; the time that a parser takes may grow with the square of this
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_NAME = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_NAMES = re.compile(rf"\s*(\[{{0,2}})\s*(?:{_NAME.pattern})(?:\s*\.\s*(?:{_NAME.pattern}))*\s*[=\]]")
_LINE_BEGINS = 200  # characters of a line, more than any names of settings take
_SHOWN = 60  # characters of what is quoted
_SECRET = ("key", "token", "secret", "password", "credential")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """One file that was read and checked. `name` is what to call it; `profiles` are its values by profile."""

    path: Path
    name: str
    text: str = field(repr=False)
    values: Mapping[str, Value] = field(repr=False)
    profiles: Mapping[str, Mapping[str, Value]] = field(repr=False)

    def line(self, *keys: str) -> int:
        """The line on which these keys stand."""
        return _line(self.text, keys)


def read(path: Path, name: str, *, project: bool) -> SettingsFile | None:
    """The file, checked; None where there is none. Raises `BadConfiguration` with the line.

    A project's file comes with a clone, so a setting that only the user may set is an error there.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadConfiguration(f"{name} cannot be read: {error.strerror or error}.") from error
    if len(data) > _MOST_BYTES:
        raise BadConfiguration(f"{name} is larger than {_MOST_BYTES // 1024} KB, which no settings are.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadConfiguration(f"{name} is not valid UTF-8.", "Save it as UTF-8.") from None
    return parse(text, path, name, project=project)


def parse(text: str, path: Path, name: str, *, project: bool) -> SettingsFile:
    """The text of a settings file, checked. Raises `BadConfiguration` with the line."""
    import tomllib

    if found := LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise BadConfiguration(f"{name}, line {line}: a key has more than 16 parts, and no setting has.")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _broken(str(error), name, text) from None
    except ValueError:
        raise BadConfiguration(f"{name} holds a number of too many digits.") from None
    except RecursionError:
        raise BadConfiguration(f"{name} is nested too deeply for settings.") from None
    reader = _Reader(text, name, project=project)
    tables = document.pop(PROFILES, {})
    values = dict(reader.values(document, ()))
    if tables and project:
        reader.refuse((PROFILES,), "profiles are your own, and a project's file comes with whatever you cloned")
    if not (isinstance(tables, dict) and all(isinstance(table, dict) for table in tables.values())):
        raise BadConfiguration(f"{reader.at((PROFILES,))}: profiles are tables.", f"[{PROFILES}.work]")
    profiles = {profile: dict(reader.values(table, (PROFILES, profile))) for profile, table in tables.items()}
    return SettingsFile(path, name, text, values, profiles)


class _Reader:
    """Reads the tables of one document, and knows where in the text everything is."""

    def __init__(self, text: str, name: str, *, project: bool) -> None:
        self._text = text
        self._name = name
        self._project = project

    def at(self, keys: tuple[str, ...]) -> str:
        """Where in the file something is."""
        return f"{self._name}, line {_line(self._text, keys)}"

    def values(
        self, table: Mapping[str, object], above: tuple[str, ...], prefix: str = ""
    ) -> Iterator[tuple[str, Value]]:
        """The settings in a table, which lies under the keys `above`. Raises `BadConfiguration`."""
        for key, value in table.items():
            keys, name = (*above, key), prefix + key
            if isinstance(value, dict) and any(known.startswith(f"{name}.") for known in SETTINGS):
                yield from self.values(value, keys, f"{name}.")
            else:
                yield name, self._value(name, keys, value)

    def refuse(self, keys: tuple[str, ...], why: str) -> NoReturn:
        """Raises `BadConfiguration` for a setting in a project's file that only the user may set."""
        raise BadConfiguration(
            f"{self.at(keys)}: a project must not set {'.'.join(keys)}: {why}.",
            "Remove the line. If it is yours, write it in your own file; where that is:\nimgen config path",
        )

    def _value(self, name: str, keys: tuple[str, ...], value: object) -> Value:
        setting = SETTINGS.get(name)
        if setting is None:
            raise unknown(name, self.at(keys))
        if setting.place is Place.NO_FILE:
            raise BadConfiguration(f"{self.at(keys)}: {name} stands in no file.", f"export {setting.variable}=...")
        if self._project and setting.place is Place.USER:
            self.refuse(keys, setting.why)
        try:
            return from_file(setting, value)
        except ValueError:
            example = f"{keys[-1]} = {_toml(setting.example)}"
            raise wrong(setting, f"{name} in {self.at(keys)},", value, example) from None


def wrong(setting: Setting, named: str, value: object, example: str) -> BadConfiguration:
    """The error for a value that a setting cannot have; `named` is the setting with its place."""
    if isinstance(value, str) and not value.strip():
        return BadConfiguration(f"{named} is empty.", f"To take the value out:\nimgen config unset {setting.name}")
    try:
        text = repr(shown(setting, value) if isinstance(value, str) else value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        text = "a very long number"
    text = without_keys(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
    from difflib import get_close_matches

    given = [value] if isinstance(value, str) else value
    if setting.choices and isinstance(given, list) and all(isinstance(each, str) for each in given):
        near = next((m for each in given for m in get_close_matches(each.lower(), setting.choices, n=1)), None)
        hint = f"It takes: {', '.join(setting.choices)}"
        return BadConfiguration(
            f"{named} is {text}, which it does not take.", f"Did you mean {near}? {hint}" if near else hint
        )
    return BadConfiguration(f"{named} is {text}, which is not {setting.wanted}.", example)


def unknown(name: str, place: str | None = None) -> BadConfiguration:
    """The error for a setting that does not exist, with the one that may have been meant."""
    said = f"{place}: " if place else ""
    if any(word in name.lower() for word in _SECRET):
        return BadConfiguration(
            f"{said}{name} does not stand with the settings, where others would come to read it.",
            "Keys are kept apart, where they are safe:\nimgen keys list",
        )
    if name.lower() in ("proxy", "proxies", "https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        return BadConfiguration(
            f"{said}a proxy stands with the settings of no program: the environment names it for all.",
            "export HTTPS_PROXY=http://proxy.example.com:3128",
        )
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), SETTINGS, n=1)
    name = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    message = f"{said}there is no setting {name!r}." if place else f"There is no setting {name!r}."
    return BadConfiguration(message, f"Did you mean {near[0]}?" if near else "All there are:\nimgen config")


# Writing --------------------------------------------------------------------------------------------------------


def change(
    path: Path, name: str, file: SettingsFile | None, keys: tuple[str, ...], value: Value | None, *, project: bool
) -> SettingsFile:
    """Set one value in a file, or take it out where `value` is None; comments and order stay as they are.

    Raises `BadConfiguration` for what may not stand there, and `UsageProblem` where it cannot be written.
    """
    import tomlkit

    document = tomlkit.parse(file.text if file else "")
    *above, key = keys
    table: tomlkit.TOMLDocument | tomlkit.items.Table = document
    for step in above:
        if step not in table:
            table[step] = tomlkit.table(is_super_table=step != above[-1])
        table = table[step]
    if value is not None:
        table[key] = list(value) if isinstance(value, tuple) else value
    else:
        table.pop(key, None)
    text = tomlkit.dumps(document)
    changed = parse(text, path, name, project=project)
    if project and path.is_symlink():
        raise UsageProblem(f"{name} is a link, which may have come with a clone: it is not written through.")
    target = path.resolve()  # the user's own file may be a link, which then stays one
    try:
        make_private_folder(target.parent)
        mode = target.stat().st_mode & 0o777 if target.exists() else SHARED if project else PRIVATE
        write(target, text.encode(), mode=mode)
    except OSError as error:
        raise UsageProblem(f"{name} cannot be written: {error.strerror or error}.") from error
    return changed


# Places in the text ---------------------------------------------------------------------------------------------


def _line(text: str, keys: tuple[str, ...]) -> int:
    """The line on which the keys stand, or the table that holds them: tomllib does not report it.

    The text is a valid document, so a line that begins as a table's heading or as a key is one, but for those inside
    a text of several lines: then an error names a wrong line.
    """
    table: tuple[str, ...] = ()
    best = 0, 1
    for number, line in enumerate(text.splitlines(), start=1):
        found = _NAMES.match(line[:_LINE_BEGINS])
        if not found:
            continue
        names = tuple(name.strip("\"'") for name in _NAME.findall(found[0]))
        here = names if found[1] else (*table, *names)
        table = here if found[1] else table
        if here[: len(keys)] == keys:
            return number
        if keys[: len(here)] == here:
            best = max(best, (len(here), number))
    return best[1]


def _broken(reason: str, name: str, text: str) -> BadConfiguration:
    place = _PLACE.search(reason)
    said = _PLACE.sub("", reason)
    if said == _OPEN_TEXT:
        said = "a quote is missing at the end of the text"
    end = text.count("\n") + 1, len(text) - text.rfind("\n")
    line, column = (place[1], place[2]) if place and place[1] else end
    return BadConfiguration(f"{name}:{line}:{column}: {said[:1].lower()}{said[1:]}.", "https://toml.io shows the form.")


def _toml(value: Value) -> str:
    import json

    return json.dumps(value)  # of our few kinds, the same in TOML
