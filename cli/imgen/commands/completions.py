"""imgen completions: what a shell loads to complete imgen."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.completion.scripts import SCRIPTS, Shell


def completions(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
    json: options.Json = False,
) -> int:
    """Print what makes TAB complete in your shell.

    Put the script where your shell looks for it, or evaluate it, as eval "$(imgen completions bash)" does.

    Examples:
        imgen completions bash
        imgen completions zsh
    """
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope

    out(envelope("completions", exit_code=0, data=("script", SCRIPTS[shell])) if json else SCRIPTS[shell])
    return 0
