"""imgen completions: what a shell loads to complete imgen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.completion.scripts import FILE_NAMES, SCRIPTS, Shell
from imgen.config.config import Config, load
from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from pathlib import Path


_WITHOUT_PACKAGE = (
    "If TAB does nothing there, bash-completion is missing or not loaded. Then put this line into ~/.bashrc: "
    'eval "$(imgen completions bash)"'
)


def completions(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
    install: Annotated[bool, typer.Option("--install", help="Put it where that shell looks for it.")] = False,
    json: options.Json = False,
) -> int:
    """Print what makes TAB complete in your shell.

    With --install the script goes where your shell looks for it. To try it in this shell only:
    eval "$(imgen completions bash)"

    Examples:
        imgen completions bash --install
        imgen completions zsh
    """
    from imgen.screen.console import err, err_sentence, out
    from imgen.screen.envelope import envelope

    if install:
        where, once = install_script(shell, load())
        if not json:
            err(f"Completion for {shell} is installed: {where}")
            err_sentence(once)
            return 0
    out(envelope("completions", exit_code=0, data=("script", SCRIPTS[shell])) if json else SCRIPTS[shell])
    return 0


def install_script(shell: Shell, config: Config) -> tuple[Path, str]:
    """Write the script where the shell reads it at its start; returns its place and what is still to do."""
    from imgen.files import SHARED, replacement

    data, settings = config.shell_folders
    if data is None or settings is None:
        raise UsageProblem("There is no home folder to install it in.", f"imgen completions {shell}")
    new_shells = "Open a new terminal to use it."
    zsh = data / "zsh" / "site-functions"
    places = {
        Shell.BASH: (
            data / "bash-completion" / "completions" / "imgen",
            f"{new_shells} {_WITHOUT_PACKAGE}",
        ),
        Shell.ZSH: (zsh / FILE_NAMES[shell], f"In ~/.zshrc, before compinit, must stand: fpath=({zsh} $fpath)"),
        Shell.FISH: (settings / "fish" / "completions" / FILE_NAMES[shell], new_shells),
        Shell.POWERSHELL: (data / "imgen" / FILE_NAMES[shell], "Load that file in the one that $PROFILE names."),
    }
    path, once = places[shell]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacement(path, mode=SHARED) as file:
            file.write(SCRIPTS[shell].encode())
    except OSError as error:
        raise UsageProblem(
            f"{path} cannot be written: {error.strerror or error}.", f"imgen completions {shell}"
        ) from error
    return path, once
