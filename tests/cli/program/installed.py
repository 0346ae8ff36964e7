"""A new virtual environment with imgen and a package that adds a service, both built and installed by pip."""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cli.program.program import Ended

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "tests" / "fixtures" / "example_plugin"

_BUILD = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
_PATIENCE = 55.0  # seconds, after which a process that hangs is killed


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment in a folder; what imgen and its tests need beside them is that of this one."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def imgen(self) -> Path:
        """The program, as pip put it there."""
        return self.python.with_name("imgen")

    def install(self, *wheels: Path) -> None:
        """Install packages, and nothing that they need."""
        self._pip("install", "--no-deps", "--no-compile", *map(str, wheels))

    def uninstall(self, package: str) -> None:
        """Remove a package."""
        self._pip("uninstall", "-y", package)

    def _pip(self, *arguments: str) -> None:
        """Run the pip that comes with Python, without any index."""
        pip = self.folder.with_name("pip")
        if not pip.exists():  # from its wheel it would be compiled anew each time
            with zipfile.ZipFile(next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))) as wheel:
                wheel.extractall(pip)
        command = [sys.executable, "-m", "pip", "-q", "--python", str(self.python), *arguments]
        settings = {"PYTHONPATH": str(pip), "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        subprocess.run(command, env={**os.environ, **settings}, check=True, timeout=_PATIENCE)

    def files(self) -> set[str]:
        """Every file below it, but for compiled modules."""
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }


def environment(folder: Path, *wheels: Path) -> Environment:
    """A new environment with imgen and these packages in it."""
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder / "venv")
    made = Environment(folder / "venv")
    found = next(made.folder.rglob("site-packages"))
    (found / "what-imgen-needs.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    made.install(built(ROOT, folder), *wheels)
    return made


def built(source: Path, folder: Path) -> Path:
    """The wheel of a project, put into a folder."""
    command = [sys.executable, "-c", _BUILD, str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    return folder / done.stdout.split()[-1]


@dataclass(frozen=True, slots=True)
class Installed:
    """imgen of such an environment, with a home of its own."""

    environment: Environment
    home: Path
    cwd: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: bytes = b"", **variables: str) -> Ended:
        """Run one command to its end."""
        ended = subprocess.run(
            [str(self.environment.imgen), *arguments],
            input=stdin,
            capture_output=True,
            cwd=self.cwd,
            env={**os.environ, "IMGEN_HOME": str(self.home), "PYTHONUTF8": "1", **self.variables, **variables},
            timeout=_PATIENCE,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())
