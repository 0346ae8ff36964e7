"""What the README and its pages show is what the program does.

The tables that come from the program are written anew by: python tests/test_readme.py
"""

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
import typer
from PIL import Image

from cli.program.program import Program
from imgen.commands.pages import page_of
from imgen.config.settings import SETTINGS, Place, Setting
from imgen.errors import ExitCode
from imgen.pictures.template import TEMPLATE_FIELDS
from imgen_providers.sandbox.faults import FAULTS as SANDBOX_FAULTS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / ".readme").glob("*.md"))]
BLOCK = re.compile(r"^ {4,}(.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")
EXIT_CODES_SHOWN = {"lost-reply": ExitCode.UNCERTAIN}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def shown(page: Path) -> list[str]:
    """The lines of a page that run imgen, as they are typed; a workflow has a test of its own."""
    text = re.sub(r"^```yaml$.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in BLOCK.findall(text) if re.search(r"(^|[ |])imgen ", line)]
    return [line for line in lines if "pip " not in line and not line.startswith("- run:")]


SHOWN = sorted({line for page in PAGES for line in shown(page)})


def settings_table() -> str:
    rows = "".join(map(settings_row, SETTINGS.values()))
    return f"| setting | variable | in a project's file | meaning |\n| --- | --- | --- | --- |\n{rows}"


def settings_row(setting: Setting) -> str:
    name = "" if setting.place is Place.NO_FILE else f"`{setting.name}`"
    text = setting.default if isinstance(setting.default, str) else json.dumps(setting.default)
    default = "" if setting.default is None else f"; else `{text}`"
    project = "yes" if setting.place is Place.ANY else ""
    return f"| {name} | `{setting.variable}` | {project} | {setting.help}{default} |\n"


def exit_codes_table() -> str:
    rows = "".join(f"| {code.value} | {code.meaning} |\n" for code in ExitCode)
    return f"| exit | meaning |\n| --- | --- |\n{rows}"


def faults_table() -> str:
    rows = "".join(f"| `{name}` | {kind.what} |\n" for name, kind in SANDBOX_FAULTS.items())
    return f"| fault | what happens |\n| --- | --- |\n{rows}"


def commands_table() -> str:
    from imgen.__main__ import app

    program = typer.main.get_command(app())
    context = typer.Context(program, info_name="imgen", **program.context_settings)
    assert isinstance(program, typer.core.TyperGroup)
    rows = "".join(
        f"| {'' if number else section.title} | `imgen {row.name}` | {row.text} |\n"
        for section in page_of(program, context).sections
        for number, row in enumerate(section.rows)
    )
    return f"| | command | what it does |\n| --- | --- | --- |\n{rows}"


def proof_tables() -> str:
    from reliability.tables import short_deaths, short_endings

    return (
        f"{short_deaths()}\nThe exit code as long as a fault lasts; afterwards `imgen wait` or `imgen download` saves "
        f"everything that was accepted:\n\n{short_endings()}"
    )


GENERATED = {
    "commands": commands_table,
    "exit codes": exit_codes_table,
    "faults": faults_table,
    "proof": proof_tables,
    "settings": settings_table,
}


def refreshed(text: str) -> str:
    """A page with its tables as the program has them now."""
    for name, table in GENERATED.items():
        if f"<!-- {name}: generated" in text:
            start, _, rest = text.partition(f"<!-- {name}: generated")
            mark, _, rest = rest.partition("-->\n")
            _, end, rest = rest.partition(f"<!-- end of {name} -->")
            text = f"{start}<!-- {name}: generated{mark}-->\n{table()}{end}{rest}"
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_those_of_the_program(page: Path) -> None:
    assert text_of(page) == refreshed(text_of(page))


def test_every_table_of_the_program_stands_on_a_page() -> None:
    every = "".join(map(text_of, PAGES))

    assert [name for name in GENERATED if every.count(f"<!-- {name}: generated") != 1] == []


def test_the_numbers_of_the_proof_are_those_of_the_tests() -> None:
    from reliability.faults import FAULTS, OWN_FAULTS
    from reliability.test_kills import AT_ONCE, SAMPLE, VICTIMS
    from reliability.test_kills_by_chance import KILLS

    reliability = text_of(ROOT / ".readme" / "reliability.md")

    assert f"kills imgen {AT_ONCE * SAMPLE + KILLS} times" in reliability
    assert f"ends {len(VICTIMS)} runs with SIGKILL" in reliability
    assert f"plays {len(FAULTS)} faults" in reliability
    assert f"and {len(OWN_FAULTS)} answers" in reliability


def test_every_field_of_a_file_name_is_explained() -> None:
    scripts = text_of(ROOT / ".readme" / "scripts.md")

    assert re.findall(r"^\| `\{(\w+)\}`", scripts, re.MULTILINE) == list(TEMPLATE_FIELDS)


def test_every_key_and_origin_is_named() -> None:
    from imgen_providers.catalog import SERVICES

    for entry in SERVICES.values():
        assert f"| {entry.title} | `{entry.name}` | `{entry.key_variable}` |" in text_of(README)
        assert f"`{entry.origin_variable}`" in text_of(ROOT / ".readme" / "settings.md")


def test_every_extra_is_explained() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    page = text_of(ROOT / ".readme" / "install.md")
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == set(project["optional-dependencies"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """tests/screenshots.py makes the pictures."""
    assert [link for link, _ in LINK.findall(text_of(page)) if not (page.parent / link).exists()] == []


def test_every_page_is_linked_and_every_picture_shown() -> None:
    linked = {
        (page.parent / link).resolve().relative_to(ROOT.resolve())
        for page in PAGES
        for link, _ in LINK.findall(text_of(page))
    }

    assert {path.relative_to(ROOT) for path in (ROOT / ".readme").iterdir()} <= linked


def test_the_readme_is_read_in_one_go() -> None:
    assert len(text_of(README).splitlines()) <= 135


def test_a_newcomer_installs_before_a_key_is_asked_for() -> None:
    readme = text_of(README)

    assert readme.index("uv tool install") < readme.index("## Your key") < readme.index("imgen keys set")
    assert "--faults" not in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_words_are_plain(page: Path) -> None:
    assert not re.search(r"\b(nobody|somebody|whoever|told|tells|dies|died|dead link)\b", text_of(page))


def test_the_first_two_commands_are_enough_by_themselves() -> None:
    commands = [line for line in BLOCK.findall(text_of(README)) if "uv run" in line]

    assert commands == [
        'pip install uv && uv run --no-dev imgen generate "a red fox in the snow" --sandbox',
        "pip install uv && uv run pytest",
    ]


@pytest.mark.parametrize("line", SHOWN)
def test_each_line_shown_runs_as_shown(line: str, tmp_path: Path) -> None:
    """In the sandbox, beside the pictures that are named, and after a job, where one is named."""
    command = line.split("  #")[0].strip()
    expected = next((code for fault, code in EXIT_CODES_SHOWN.items() if fault in line), ExitCode.DONE)
    imgen = Program(tmp_path / "home", tmp_path, {"IMGEN_SANDBOX": "1", "IMGEN_SANDBOX_SECONDS": "0.1"})
    for name in ("fox.jpg", "owl.png"):
        if f"-o {name}" in command:
            continue
        Image.new("RGB", (64, 48), "teal").save(tmp_path / name)
    if re.search(r"JOB|\blast\b|imgen again", command):
        assert imgen.run("generate", "a red fox", "-q").code == ExitCode.DONE
        command = command.replace("JOB", imgen.jobs()[0].id)
    if command == "imgen gallery":
        assert imgen.run("generate", "a red fox", "-q").code == ExitCode.DONE

    code, stderr = in_a_shell(command, imgen) if "|" in command else alone(command, imgen)

    assert code == expected, stderr


def alone(command: str, imgen: Program) -> tuple[int, str]:
    """Run a line that needs no more of a shell than its quotes and its variables."""
    words = shlex.split(command)
    start = words.index("imgen")
    variables = dict(word.split("=", 1) for word in words[:start])
    typed = b"a-key-that-is-typed-0123456789\n" if "keys set" in command else b""
    ended = replace(imgen, variables={**imgen.variables, **variables}).run(*words[start + 1 :], stdin=typed)
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
    assert len(SHOWN) >= 30
    assert 'imgen generate "a red fox in the snow"' in SHOWN


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(refreshed(text_of(each)), encoding="utf-8")
