"""Who says a setting: flag, environment, project, profile, the person's own file, and imgen itself, in this order."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from imgen.config.settings import SETTINGS, Layer, Place, Setting, Sourced, from_text
from imgen.config.toml_file import PROJECT_FILE, SettingsFile, read, wrong
from imgen.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Layers:
    """What each of them says, as seen from the folder `cwd`; each file is read once, when it first matters.

    `home` is the person's home folder, `user_path` their own file, and `profile` the one that `--profile` names.
    """

    def __init__(
        self, environ: Mapping[str, str], cwd: Path, home: Path | None, user_path: Path, profile: str | None
    ) -> None:
        self._environ = environ
        self._home = home
        self._user_path = user_path
        self._wished_profile = profile
        self._folders = _project_folders(cwd, home)

    def setting(self, name: str) -> Sourced:
        """The value that counts. Raises `BadConfiguration`."""
        return next(self._said(SETTINGS[name]))

    def every(self, name: str) -> tuple[Sourced, ...]:
        """Every value that somebody set, the one that counts first. Raises `BadConfiguration`."""
        return tuple(found for found in self._said(SETTINGS[name]) if found.layer is not Layer.DEFAULT)

    @property
    def project(self) -> Path | None:
        """The folder of the nearest imgen.toml, else the git root; None outside of any."""
        return self._nearest(PROJECT_FILE) or self._nearest(".git")

    def short(self, path: Path) -> str:
        """A path as people write it."""
        home = self._home
        return f"~{os.sep}{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)

    def _said(self, setting: Setting) -> Iterator[Sourced]:
        if setting.name == "profile" and self._wished_profile:
            yield Sourced(setting, self._wished_profile, Layer.FLAG, "--profile")
        if text := self._environ.get(setting.variable, "").strip():
            try:
                yield Sourced(setting, from_text(setting, text), Layer.ENVIRONMENT, setting.variable)
            except ValueError:
                example = f"export {setting.variable}={setting.example_text}"
                raise wrong(setting, setting.variable, text, example) from None
        # Only what a project may say makes us look for one: no clone is in the way of coming back to a job.
        if setting.place is Place.ANY and (file := self._project_file) and setting.name in file.values:
            yield file.sourced(setting, Layer.PROJECT)
        if setting.place is not Place.NO_FILE and (file := self._user_file):
            profile = self._profile
            if profile and setting.name in file.profiles[profile]:
                yield file.sourced(setting, Layer.PROFILE, profile)
            if setting.name in file.values:
                yield file.sourced(setting, Layer.USER)
        yield Sourced(setting, setting.default, Layer.DEFAULT, "default")

    @cached_property
    def _user_file(self) -> SettingsFile | None:
        name = self.short(self._user_path)
        found = read(self._user_path, name, project=False)
        profile = self._profile
        if profile and (found is None or profile not in found.profiles):
            has = f"It has: {', '.join(found.profiles)}" if found and found.profiles else None
            raise BadConfiguration(
                f"There is no profile {profile!r} in {name}.",
                has or f"imgen config set model gemini-3-pro --profile {profile}",
            )
        return found

    @cached_property
    def _project_file(self) -> SettingsFile | None:
        folder = self._nearest(PROJECT_FILE)
        return read(folder / PROJECT_FILE, self.short(folder / PROJECT_FILE), project=True) if folder else None

    @property
    def _profile(self) -> str | None:
        name = self.setting("profile").value
        return str(name) if name else None

    def _nearest(self, name: str) -> Path | None:
        return next((folder for folder in self._folders if _holds(folder, name)), None)


def _project_folders(cwd: Path, home: Path | None) -> tuple[Path, ...]:
    """The working folder and those above it, up to the git root or the home folder.

    Outside of both, the working folder alone: what lies above it may be anybody's.
    """
    above = (cwd, *cwd.parents)
    tops = (number for number, folder in enumerate(above, start=1) if folder == home or _holds(folder, ".git"))
    return above[: next(tops, 1)]


def _holds(folder: Path, name: str) -> bool:
    with suppress(OSError):  # a folder above that may not be looked into
        return (folder / name).exists()
    return False
