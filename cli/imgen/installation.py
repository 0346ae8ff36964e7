"""How this imgen was installed, and the commands that add an extra to it or upgrade it.

Imports nothing of ours: any error may name such a command. Each works as it stands, from any folder.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_EXTRA = re.compile(r"([\w.-]+).*\bextra == ['\"]([\w-]+)['\"]")


class Installation(NamedTuple):
    """Where this program is installed, and from what.

    `source` is what an installer is to be given: a folder, a URL, or the name alone where it came from an index. `pip`
    is the program that installs into the environment at `prefix`. `extras` are those whose packages are all there.
    """

    prefix: Path
    source: str
    pip: str
    editable: bool = False
    extras: tuple[str, ...] = ()

    def with_extra(self, extra: str) -> str:
        """The command that installs one extra more; those that are there stay."""
        return self._install([*self.extras, *([] if extra in self.extras else [extra])], [extra])

    def upgraded(self) -> str:
        """The command that brings it up to date."""
        cloned = (Path(self.source) / ".git").exists()
        pull = f"git -C {quote(self.source)} pull && " if cloned else ""
        return pull + self._install(self.extras, self.extras, "--upgrade ")

    def package_upgraded(self, name: str) -> str:
        """The command that brings another package of this environment up to date."""
        return f"{self.pip} --upgrade {quote(name)}"

    def _install(self, all_extras: list[str] | tuple[str, ...], new: list[str] | tuple[str, ...], how: str = "") -> str:
        """The command; a tool that makes its environment anew has to be given every extra."""
        if (self.prefix / "uv-receipt.toml").is_file():
            return f"uv tool install --reinstall {quote(self._with(all_extras))}"
        if (self.prefix / "pipx_metadata.json").is_file():
            return f"pipx install --force {quote(self._with(all_extras))}"
        return f"{self.pip} {how}{'-e ' if self.editable else ''}{quote(self._with(new))}"

    def _with(self, extras: list[str] | tuple[str, ...]) -> str:
        named = f"[{','.join(extras)}]" if extras else ""
        return f"imgen{named} @ {self.source}" if "://" in self.source else f"{self.source}{named}"


def installation() -> Installation:
    """How the program that runs was installed, as its environment and its package's metadata (PEP 610) record it."""
    from importlib.metadata import PackageNotFoundError, distribution

    prefix = Path(sys.prefix)
    try:
        package = distribution("imgen")
    except PackageNotFoundError:  # run from its files
        return Installation(prefix, "imgen", _pip(prefix))
    direct = json.loads(package.read_text("direct_url.json") or "{}")
    editable = bool(direct.get("dir_info", {}).get("editable"))
    return Installation(prefix, _source(direct), _pip(prefix), editable, _extras(package))


def _source(direct: dict[str, object]) -> str:
    url = str(direct.get("url", ""))
    if url.startswith("file://"):
        return unquote(urlsplit(url).path)
    version_control = direct.get("vcs_info")
    kind = version_control.get("vcs", "git") if isinstance(version_control, dict) else None
    return f"{kind}+{url}" if kind else url or "imgen"


def _pip(prefix: Path) -> str:
    """An environment of uv's has no pip of its own."""
    settings = prefix / "pyvenv.cfg"
    if settings.is_file() and re.search(r"^uv\s*=", settings.read_text(errors="replace"), re.MULTILINE):
        return f"uv pip install --python {quote(str(prefix))}"
    return f"{quote(sys.executable)} -m pip install"


def _extras(package: Distribution) -> tuple[str, ...]:
    needed: dict[str, list[str]] = {}
    for line in package.requires or []:
        if found := _EXTRA.match(line):
            needed.setdefault(found[2], []).append(found[1])
    return tuple(extra for extra, names in needed.items() if all(map(_is_installed, names)))


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
