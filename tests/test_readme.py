"""What the README shows is what the program does."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cli.program.program import Program
from imgen.config.settings import SETTINGS, Place, Setting
from imgen.errors import ExitCode

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^    (.+)$", re.MULTILINE)
SHOWN = [line for line in BLOCK.findall(README) if "imgen " in line and not line.startswith("pip ")]
NEEDS_A_KEY = 'imgen generate "a red fox in the snow"'
EXIT_CODES_SHOWN = {"lost-reply": ExitCode.UNCERTAIN}


def test_the_exit_codes_are_those_of_the_program() -> None:
    table = "".join(f"| {code.value} | {code.meaning} |\n" for code in ExitCode)

    assert f"| exit | meaning |\n| --- | --- |\n{table}<!-- end of exit codes -->" in README


def test_the_settings_are_those_of_the_program() -> None:
    assert f"-->\n{settings_table()}<!-- end of settings -->" in README


def settings_table() -> str:
    rows = "".join(map(settings_row, SETTINGS.values()))
    return f"| setting | variable | in a project's file | meaning |\n| --- | --- | --- | --- |\n{rows}"


def settings_row(setting: Setting) -> str:
    name = "" if setting.place is Place.NO_FILE else f"`{setting.name}`"
    text = setting.default if isinstance(setting.default, str) else json.dumps(setting.default)
    default = "" if setting.default is None else f"; else `{text}`"
    project = "yes" if setting.place is Place.ANY else ""
    return f"| {name} | `{setting.variable}` | {project} | {setting.help}{default} |\n"


def test_the_proof_is_told_as_its_tables_have_it() -> None:
    from reliability.faults import FAULTS
    from reliability.tables import short_deaths, short_endings
    from reliability.test_kills import AT_ONCE, BATCHES

    told = README.partition("<!-- proof")[2].partition("<!-- end of proof -->")[0]

    assert short_deaths() in told
    assert short_endings() in told
    assert f"ends {AT_ONCE * BATCHES} runs with SIGKILL" in README
    assert f"plays {len(FAULTS)} faults" in README


def test_every_command_is_listed() -> None:
    from imgen.__main__ import app

    names = {getattr(command.callback, "__name__", "") for command in app().registered_commands}
    names |= {group.name or "" for group in app().registered_groups}

    assert names == set(re.findall(r"^\| `imgen (\w+)", README, re.MULTILINE))


def test_every_key_and_origin_is_named() -> None:
    from imgen_providers.catalog import SERVICES

    for entry in SERVICES.values():
        assert f"| {entry.title} | `{entry.name}` | `{entry.key_variable}` |" in README
        assert f"`{entry.origin_variable}`" in README


def test_every_picture_shown_is_there() -> None:
    """tests/screenshots.py makes them."""
    shown = re.findall(r"^!\[.+\]\((.+)\)$", README, re.MULTILINE)

    assert len(shown) == 3
    assert {str(path.relative_to(ROOT)) for path in (ROOT / ".readme").iterdir() if path.suffix != ".md"} == set(shown)


def test_the_first_two_commands_are_enough_by_themselves() -> None:
    commands = BLOCK.findall(README)

    assert commands[0] == 'pip install uv && uv run --no-dev imgen generate "a red fox in the snow" --sandbox'
    assert commands[1] == "pip install uv && uv run pytest"


@pytest.mark.parametrize("line", [line for line in SHOWN if line != NEEDS_A_KEY])
def test_each_line_shown_runs_as_shown(line: str, tmp_path: Path) -> None:
    command = line.split("  #")[0]
    expected = next((code for fault, code in EXIT_CODES_SHOWN.items() if fault in line), ExitCode.DONE)
    imgen = Program(tmp_path / "home", tmp_path, {"IMGEN_SANDBOX_SECONDS": "0.1"})

    code, told = in_a_shell(command, imgen) if "|" in command else alone(command, imgen)

    assert code == expected, told


def alone(command: str, imgen: Program) -> tuple[int, str]:
    """Run a line that needs no more of a shell than its quotes and its variables."""
    words = shlex.split(command)
    start = words.index("imgen")
    variables = dict(word.split("=", 1) for word in words[:start])
    ended = replace(imgen, variables={**imgen.variables, **variables}).run(*words[start + 1 :])
    return ended.code, ended.stderr


def in_a_shell(command: str, imgen: Program) -> tuple[int, str]:
    """Run a line with pipes."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("the README's pipes are written for a POSIX shell")
    started = re.sub(r"(^|\| )imgen ", rf"\1{shlex.quote(sys.executable)} -m imgen ", command)
    run = subprocess.run(
        [bash, "-c", started], cwd=imgen.cwd, env=imgen.environ, capture_output=True, text=True, timeout=50
    )
    return run.returncode, run.stderr


def test_there_are_lines_to_run() -> None:
    assert len(SHOWN) >= 15
    assert NEEDS_A_KEY in SHOWN
