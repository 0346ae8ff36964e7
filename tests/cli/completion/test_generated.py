"""What is generated for TAB is what the program is today, is shipped where shells look, and is shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from imgen.completion.scripts import FILE_NAMES, SCRIPTS, Shell

ROOT = Path(__file__).parents[3]
REFRESH = "completions/refresh.py"


def test_the_files_and_the_tree_of_commands_are_fresh() -> None:
    run = subprocess.run([sys.executable, REFRESH, "--check"], cwd=ROOT, capture_output=True, text=True, timeout=30)

    assert run.returncode == 0, f"stale:\n{run.stdout}{run.stderr}\nrefresh with: uv run python {REFRESH}"


def test_the_wheel_has_them() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    shipped = build["targets"]["wheel"]["shared-data"]

    assert shipped == {
        "completions/imgen.bash": "share/bash-completion/completions/imgen",
        "completions/_imgen": "share/zsh/site-functions/_imgen",
        "completions/imgen.fish": "share/fish/vendor_completions.d/imgen.fish",
    }


@pytest.mark.parametrize("shell", [shell for shell in Shell if shell is not Shell.POWERSHELL])
def test_each_script_is_sound_to_its_shell(shell: Shell) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here; .ci/run installs it")
    checked = subprocess.run(
        [shell, "-n", ROOT / "completions" / FILE_NAMES[shell]], capture_output=True, text=True, timeout=30
    )

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell is not installed here, nor in Debian")
def test_the_script_for_powershell_is_sound_to_it() -> None:
    script = ROOT / "completions" / FILE_NAMES[Shell.POWERSHELL]
    parser = "[System.Management.Automation.Language.Parser]"
    parse = f"$wrong = $null; {parser}::ParseFile('{script}', [ref]$null, [ref]$wrong) | Out-Null; exit $wrong.Count"

    assert subprocess.run(["pwsh", "-NoProfile", "-Command", parse], timeout=60).returncode == 0


@pytest.mark.parametrize("shell", Shell)
def test_the_command_prints_the_script(shell: Shell, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    from imgen.__main__ import run

    assert run(["completions", shell]) == 0
    assert capsysbinary.readouterr().out.decode() == SCRIPTS[shell]
