"""The user's own editor, for a prompt or the settings file."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.config.config import Config

_USUAL = ("nano", "vi", "notepad")


def edit(path: Path, config: Config) -> None:
    """Open a file in the editor that VISUAL or EDITOR names, and wait for its end. Raises `UsageProblem`."""
    usual = next((name for name in _USUAL if shutil.which(name)), None)
    command = config.editor or usual
    if command is None:
        raise UsageProblem("No editor is known.", "export EDITOR=nano")
    try:
        ended = subprocess.run([*shlex.split(command), str(path)])  # noqa: S603 (the user's own editor)
    except (OSError, ValueError) as error:
        raise UsageProblem(f"The editor {command!r} cannot be started.", "export EDITOR=nano") from error
    if ended.returncode:
        raise UsageProblem(f"The editor ended with {ended.returncode}: nothing was done.")


def edited_text(begun: str, config: Config) -> str:
    """The text as it leaves the editor. Raises `UsageProblem`."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="imgen-") as folder:
        path = Path(folder) / "prompt.txt"
        path.write_text(f"{begun}\n" if begun else "", encoding="utf-8")
        edit(path, config)
        return path.read_text(encoding="utf-8-sig").strip()
