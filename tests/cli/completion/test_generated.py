"""What is generated from the commands is what the program is today, is shipped where it is looked for, and is sound."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgen.completion.scripts import FILE_NAMES, SCRIPTS, Shell
from imgen.completion.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.completion.tree import Command

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
        "completions/imgen.1": "share/man/man1/imgen.1",
    }


@pytest.mark.parametrize("shell", [shell for shell in Shell if shell is not Shell.POWERSHELL])
def test_each_script_is_sound_to_its_shell(shell: Shell) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here; .ci/run installs it")
    checked = subprocess.run(
        [shell, "-n", ROOT / "completions" / FILE_NAMES[shell]], capture_output=True, text=True, timeout=30
    )

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed here; .ci/run installs it")
def test_the_manual_page_is_rendered_without_a_warning_and_explains_every_option() -> None:
    source = str(ROOT / "completions" / "imgen.1")
    groff = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=80n", "-K", "utf-8", source]
    rendered = subprocess.run(groff, capture_output=True, text=True, timeout=30)
    options = {name for command in commands_of(tree()) for option in command["options"] for name in option["names"]}

    assert (rendered.returncode, rendered.stderr) == (0, "")
    assert {option for option in options if option not in rendered.stdout} == set()
    assert 'imgen generate "a red fox in the snow"' in rendered.stdout


def commands_of(command: Command) -> Iterator[Command]:
    yield command
    for below in command["commands"].values():
        yield from commands_of(below)


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
