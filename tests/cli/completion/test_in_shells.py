"""TAB pressed in the real shells: what they show, what they put in, and that nothing they are shown is run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.program.terminal import Terminal, terminal
from imgen.errors import Problem
from imgen.ledger.ledger import Ledger
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.program.program import Program

COMPLETIONS = Path(__file__).parents[3] / "completions"
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
EVIL = '$(touch made) `touch made` [/x] "hi" don\'t %F{red}\n;touch made\t夜の赤い狐 ${HOME}\\'
HARMLESS = "touch made touch made /x hi dont F red ,touch made 夜の赤い狐 HOME"
OPEN, CLOSED = "op3nxx", "ev1lxx"
PROMPT = "here>"

BASH = f"""
PS1='{PROMPT} '
bind 'set show-all-if-ambiguous on'
bind 'set bell-style none'
bind 'set enable-bracketed-paste off'
"""


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell: how it starts, what it reads then, whether it shows what its offers mean."""

    name: str
    arguments: tuple[str, ...]
    file: str
    setup: str
    shows_help: bool = True


SHELLS = {
    "bash": Shell(
        "bash",
        ("--noprofile", "--rcfile", "{}", "-i"),
        "bashrc",
        f"{BASH}\nsource {shlex.quote(str(COMPLETIONS / 'imgen.bash'))}",
        shows_help=False,
    ),
    # Found by its place in $fpath.
    "zsh": Shell(
        "zsh",
        ("-d", "-i"),
        ".zshrc",
        f"fpath=({shlex.quote(str(COMPLETIONS))} $fpath)\nautoload -Uz compinit\ncompinit -u -D\nPS1='{PROMPT} '",
    ),
    "fish": Shell(
        "fish",
        ("--no-config", "-i", "-C", "source {}"),
        "config.fish",
        f"function fish_prompt; echo '{PROMPT} '; end\nset -g fish_autosuggestion_enabled 0\n"
        f"source {shlex.quote(str(COMPLETIONS / 'imgen.fish'))}",
    ),
}


@contextmanager
def running(shell: Shell, imgen: Program, **variables: str) -> Iterator[Terminal]:
    """The shell at its prompt, in a folder with one picture, and a ledger with an open job and a closed one."""
    found = shutil.which(shell.name)
    if found is None:
        pytest.skip(f"{shell.name} is not installed here; .ci/run installs it")
    fill(imgen.home)
    (imgen.cwd / "fox.png").touch()
    setup = imgen.home / shell.file
    setup.write_text(shell.setup, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    standard_streams = {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": str(imgen.home), "ZDOTDIR": str(imgen.home)}
    arguments = [argument.format(setup) for argument in shell.arguments]
    at_home = replace(imgen, variables={**imgen.variables, **standard_streams, **variables})
    with terminal(at_home, found, *arguments) as shown:
        shown.until_only(PROMPT)
        yield shown
        assert {each.name for each in imgen.cwd.iterdir()} == {"fox.png"}, "something that was shown was run"


def fill(home: Path) -> None:
    """One job that the service has, and a later one, closed, whose prompt means harm to a shell."""
    home.mkdir()
    ledger = Ledger(home / "ledger.sqlite3", time.time)
    ledger.jobs.plan([draft(OPEN), draft(CLOSED, prompt=EVIL)], "unknown", resubmit=False)
    for job_id in (OPEN, CLOSED):
        ledger.jobs.submitting(job_id)
        ledger.jobs.accepted(job_id, taken(f"remote-{job_id}"))
    ledger.jobs.ended(CLOSED, State.FAILED, Problem("failed", "It failed.", None))
    ledger.close()


def tab(shown: Terminal, typed: str, *expected: str) -> list[str]:
    """What stands on the screen after the TAB, once all that is expected does."""
    shown.type(b"\x15\x0c")
    shown.until_only(PROMPT)
    shown.type(f"{typed}\t".encode())
    for pattern in expected:
        shown.until(pattern)
    return shown.lines


def completed(line: str) -> str:
    return rf"^{PROMPT} {re.escape(line)}$"


@pytest.mark.parametrize("name", SHELLS)
def test_commands_options_values_and_jobs_are_completed(name: str, imgen: Program) -> None:
    shell = SHELLS[name]
    with running(shell, imgen) as shown:
        tab(shown, "imgen mod", completed("imgen models"))
        tab(shown, "imgen generate --no-w", completed("imgen generate --no-wait"))
        tab(shown, "imgen generate 'a fox' -p 3d", completed("imgen generate 'a fox' -p 3daistudio"))
        tab(shown, "imgen generate -m gemini-3-pro -a 21", completed("imgen generate -m gemini-3-pro -a 21:9"))
        tab(shown, "imgen generate --aspect=16:", completed("imgen generate --aspect=16:9"))
        tab(shown, "imgen edit x -i fo", completed("imgen edit x -i fox.png"))
        tab(shown, "imgen edit x --output=fo", completed("imgen edit x --output=fox.png"))

        aspects = tab(shown, "imgen generate -p gmicloud -m gemini-3-pro -a ", r"\b4:5\b", r"\b21:9\b")
        assert not any(re.search(r"\b2:3\b", line) for line in aspects)

        of_these = [OPEN, CLOSED] if not shell.shows_help else [f"{OPEN}.*queued: a red fox", f"{CLOSED}.*{HARMLESS}"]
        tab(shown, "imgen wait ", completed(f"imgen wait {OPEN}"))
        listed = "\n".join(tab(shown, "imgen edit x --from ", *of_these))
        assert listed.index(CLOSED) < listed.index(OPEN)


def test_bash_finds_the_script_by_itself_where_bash_completion_is_installed(imgen: Program, tmp_path: Path) -> None:
    if not BASH_COMPLETION.exists():
        pytest.skip("bash-completion is not installed here; .ci/run installs it")
    (tmp_path / "completions").mkdir()
    (tmp_path / "completions" / "imgen").symlink_to(COMPLETIONS / "imgen.bash")
    shell = Shell("bash", SHELLS["bash"].arguments, "bashrc", f"{BASH}\nsource {BASH_COMPLETION}", shows_help=False)

    with running(shell, imgen, BASH_COMPLETION_USER_DIR=str(tmp_path)) as shown:
        tab(shown, "imgen generate -a 16:", completed("imgen generate -a 16:9"))


def test_zsh_takes_the_script_evaluated_too(imgen: Program) -> None:
    script = shlex.quote(str(COMPLETIONS / "_imgen"))
    setup = f'autoload -Uz compinit\ncompinit -u -D\neval "$(<{script})"\nPS1="{PROMPT} "'

    with running(Shell("zsh", SHELLS["zsh"].arguments, ".zshrc", setup), imgen) as shown:
        tab(shown, "imgen generate -a 16:", completed("imgen generate -a 16:9"))


@pytest.mark.parametrize("name", SHELLS)
def test_where_the_program_is_gone_a_tab_says_nothing(name: str, imgen: Program) -> None:
    with running(SHELLS[name], imgen, PATH="/usr/bin:/bin") as shown:
        shown.type(b"imgen gen\t x")
        shown.until_only(f"{PROMPT} imgen gen x")

        assert shutil.which("imgen", path="/usr/bin:/bin") is None
