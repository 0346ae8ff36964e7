"""The command that adds an extra: one that works for the way in which imgen was installed."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.program.installed import environment
from imgen.installation import Installation, installation

if TYPE_CHECKING:
    from pathlib import Path

CLONE = "/home/ada/my clones/imgen"


def installed(prefix: Path, marker: str | None = None, source: str = CLONE, editable: bool = False) -> Installation:
    if marker:
        (prefix / marker).touch()
    return Installation(prefix, source, "python -m pip install", editable, ("preview", "keyring"))


@pytest.mark.parametrize(
    ("marker", "command"),
    [
        ("uv-receipt.toml", f"uv tool install --reinstall '{CLONE}[preview,keyring,fleet-local]'"),
        ("pipx_metadata.json", f"pipx install --force '{CLONE}[preview,keyring,fleet-local]'"),
        (None, f"python -m pip install '{CLONE}[fleet-local]'"),
    ],
)
def test_an_extra_is_added_and_the_others_stay(tmp_path: Path, marker: str | None, command: str) -> None:
    assert installed(tmp_path, marker).with_extra("fleet-local") == command


def test_each_source_is_named_as_pip_reads_it(tmp_path: Path) -> None:
    git = "git+https://example.com/ada/imgen"

    assert installed(tmp_path, editable=True).with_extra("tls") == f"python -m pip install -e '{CLONE}[tls]'"
    assert installed(tmp_path, source=git).with_extra("tls") == f"python -m pip install 'imgen[tls] @ {git}'"
    assert installed(tmp_path, source="imgen").with_extra("tls") == "python -m pip install 'imgen[tls]'"


def test_a_clone_is_pulled_before_it_is_installed_anew(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    here = installed(tmp_path, "uv-receipt.toml", source=str(tmp_path))

    assert here.upgraded() == (f"git -C {tmp_path} pull && uv tool install --reinstall '{tmp_path}[preview,keyring]'")


def test_this_one_is_found() -> None:
    here = installation()

    assert here.source.endswith(str(__file__).partition("/tests/")[0].rpartition("/")[2])
    assert {"keyring", "preview", "fleet-local"} <= set(here.extras)
    assert shlex.split(here.with_extra("tls"))[-1] == f"{here.source}[tls]"


def test_an_environment_of_pips_is_installed_into_by_its_own_python(tmp_path: Path) -> None:
    made = environment(tmp_path)
    script = "from imgen.installation import installation; print(installation().with_extra('no-such-extra'))"

    ended = subprocess.run([made.python, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    [python, dash_m, pip, install, what] = shlex.split(ended.stdout)

    assert (python, dash_m, pip, install) == (str(made.python), "-m", "pip", "install")
    assert what.startswith(str(tmp_path))
    assert what.endswith(".whl[no-such-extra]")
