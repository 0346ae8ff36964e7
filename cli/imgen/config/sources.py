"""Where a setting's value comes from: flag, environment, project, profile, the user's own file, or imgen itself."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from imgen.config import listeners
from imgen.config.keys import without_keys
from imgen.config.settings import SETTINGS, Layer, Place, Setting, Value, from_text
from imgen.config.toml_file import PROFILES, PROJECT_FILE, SettingsFile, read, wrong
from imgen.errors import BadConfiguration
from imgen.files import is_own, require_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_BUDGET = "budget."


class Sourced(NamedTuple):
    """A value with where it comes from.

    `by` is the flag or the variable, else empty; `file` and `keys` are the place in a file.
    """

    setting: Setting
    value: Value | None
    layer: Layer
    by: str = ""
    file: SettingsFile | None = None
    keys: tuple[str, ...] = ()

    @property
    def line(self) -> int | None:
        """The line of the file."""
        return self.file.line(*self.keys) if self.file else None

    @property
    def where(self) -> str:
        """The flag, the variable, or the file with its line."""
        return f"{self.file.name}, line {self.line}" if self.file else self.by

    @property
    def named(self) -> str:
        """What to call the setting in a sentence about its value."""
        return f"{self.setting.name} in {self.where}" if self.file else self.by


class Sources:
    """Every source of settings, as seen from the folder `cwd`; each file is read once, when it first matters.

    `home` is the user's home folder, `settings_file` finds their own file, and `profile` is the one that `--profile`
    names. A file or repository of another user above `cwd` is ignored, as git does (safe.directory).
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        cwd: Path,
        home: Path | None,
        settings_file: Callable[[], Path],
        profile: str | None,
    ) -> None:
        self._environ = environ
        self._home = home
        self._settings_file = settings_file
        self._profile_flag = profile
        self._above = (cwd, *cwd.parents)
        self._noticed: set[str] = set()

    def setting(self, name: str) -> Sourced:
        """The value that counts. Raises `BadConfiguration`."""
        return next(self._values(SETTINGS[name]))

    def every_text(self, name: str) -> tuple[tuple[str, str], ...]:
        """Every value of a text that is set and its place, the one that counts first. Raises `BadConfiguration`."""
        found = [each for each in self._values(SETTINGS[name]) if each.layer is not Layer.DEFAULT]
        return tuple((str(each.value), each.where) for each in found)

    @property
    def project(self) -> Path | None:
        """The project's folder: of the outermost imgen.toml with a budget for it, so that no clone within lifts that;

        else of the nearest imgen.toml, else the git root; None outside of any. Raises `BadConfiguration`.
        """
        limits = [file for file in self._project_files if f"{_BUDGET}project" in file.values]
        if limits:
            return limits[-1].path.parent
        return self._nearest(PROJECT_FILE) or self._nearest(".git")

    def short(self, path: Path) -> str:
        """A path as people write it."""
        home = self._home
        return f"~{os.sep}{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)

    def notice(self, sentence: str) -> None:
        """Report once a setting that decides where keys or money go; it is printed on stderr, also with -q."""
        if sentence not in self._noticed:
            self._noticed.add(sentence)
            for listener in listeners:
                listener(sentence)

    def _values(self, setting: Setting) -> Iterator[Sourced]:
        if setting.name == "profile" and self._profile_flag:
            yield Sourced(setting, self._profile_flag, Layer.FLAG, "--profile")
        if text := self._environ.get(setting.variable, "").strip():
            try:
                yield Sourced(setting, from_text(setting, text), Layer.ENVIRONMENT, setting.variable)
            except ValueError:
                example = f"export {setting.variable}={setting.example_text}"
                raise wrong(setting, setting.variable, text, example) from None
        # imgen.toml is read only for settings it may hold, so a broken one cannot block `imgen wait`.
        if setting.place is Place.ANY:
            files = self._project_files if setting.name.startswith(_BUDGET) else self._nearest_project_file
            yield from (_in_file(file, setting, Layer.PROJECT) for file in files if setting.name in file.values)
        if setting.place is not Place.NO_FILE and (file := self._user_file):
            profile = self._profile
            if profile and setting.name in file.profiles[profile]:
                yield _in_file(file, setting, Layer.PROFILE, profile)
            if setting.name in file.values:
                yield _in_file(file, setting, Layer.USER)
        yield Sourced(setting, setting.default, Layer.DEFAULT, "default")

    @cached_property
    def _user_file(self) -> SettingsFile | None:
        path = self._settings_file()
        require_private(path.parent)
        require_private(path)
        name = self.short(path)
        found = read(path, name, project=False)
        profile = self._profile
        if profile and (found is None or profile not in found.profiles):
            has = f"It has: {', '.join(found.profiles)}" if found and found.profiles else None
            shown = without_keys(profile)
            raise BadConfiguration(
                f"There is no profile {shown!r} in {name}.",
                has or f"imgen config set model gemini-3-pro --profile {shown}",
            )
        return found

    @cached_property
    def _nearest_project_file(self) -> tuple[SettingsFile, ...]:
        folder = self._nearest(PROJECT_FILE)
        return (self._read(folder / PROJECT_FILE),) if folder else ()

    @cached_property
    def _project_files(self) -> tuple[SettingsFile, ...]:
        """Every imgen.toml of this user from here up to the home folder, the nearest first: for budgets only."""
        folders = [folder for folder in _up_to(self._above, self._home) if self._holds(folder, PROJECT_FILE)]
        nearest = self._nearest_project_file
        known = {file.path: file for file in nearest}
        return tuple(known.get(folder / PROJECT_FILE) or self._read(folder / PROJECT_FILE) for folder in folders)

    def _read(self, path: Path) -> SettingsFile:
        name = self.short(path)
        return read(path, name, project=True) or SettingsFile(path, name, "", {}, {})

    @property
    def _profile(self) -> str | None:
        name = self.setting("profile").value
        return str(name) if name else None

    def _nearest(self, name: str) -> Path | None:
        return next((folder for folder in self._project_folders if self._holds(folder, name)), None)

    @cached_property
    def _project_folders(self) -> tuple[Path, ...]:
        """The working folder and those above it, up to the git root or the home folder.

        Outside of both, the working folder alone.
        """
        tops = (
            number
            for number, folder in enumerate(self._above, start=1)
            if folder == self._home or self._holds(folder, ".git")
        )
        return self._above[: next(tops, 1)]

    def _holds(self, folder: Path, name: str) -> bool:
        path = folder / name
        with suppress(OSError):  # a folder above that may not be looked into
            if not path.exists():
                return False
            if is_own(path):
                return True
            self.notice(f"{self.short(path)} belongs to another user, so it does not count here.")
        return False


def _in_file(file: SettingsFile, setting: Setting, layer: Layer, profile: str | None = None) -> Sourced:
    """The value that is in the file, in a profile's table or outside of them."""
    values, above = (file.profiles[profile], (PROFILES, profile)) if profile else (file.values, ())
    return Sourced(setting, values[setting.name], layer, "", file, (*above, *setting.name.split(".")))


def _up_to(above: tuple[Path, ...], home: Path | None) -> list[Path]:
    """The folders up to the home folder, with it; all of them where that is not among them."""
    below = list(takewhile(lambda folder: folder != home, above))
    return [*below, home] if home and len(below) < len(above) else below
