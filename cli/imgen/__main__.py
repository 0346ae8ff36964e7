"""The Typer app and `main`, the only place that turns errors into exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from imgen import __version__
from imgen.commands import download, forget, generate, models, status, wait
from imgen.commands.sandbox import sandbox
from imgen.errors import ExitCode, ImgenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.jobs.records import Problem

app = typer.Typer(
    name="imgen",
    help="Make pictures with hosted image models; never pay twice, never lose one.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(generate.generate)
app.command()(wait.wait)
app.command()(status.status)
app.command()(download.download)
app.command()(models.models)
app.command()(forget.forget)
app.add_typer(sandbox, name="sandbox")


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every failure is told here, once."""
    if list(arguments) in (["--version"], ["-V"]):
        return _version()
    try:
        # Without standalone mode, a command's own return value comes back, and 130 for Ctrl-C.
        return int(app(list(arguments), standalone_mode=False) or 0)
    except ImgenError as error:
        return _fail(error.problem, error.exit_code, arguments)
    except typer.TyperException as error:
        return _usage(error, arguments)
    except typer.Abort:
        return ExitCode.INTERRUPTED


def _version() -> int:
    from imgen.screen.console import out

    out(f"imgen {__version__}")
    return 0


def _usage(error: typer.TyperException, arguments: Sequence[str]) -> int:
    from imgen.jobs.records import Problem
    from imgen.screen.console import err

    if not arguments or arguments[-1] == "sandbox":
        err(error.format_message())
        return ExitCode.USAGE
    command = _command(arguments)
    message = error.format_message()
    problem = Problem("usage", message if message.endswith(".") else f"{message}.", f"imgen {command} --help".replace("  ", " "))
    return _fail(problem, ExitCode.USAGE, arguments)


def _fail(problem: Problem, code: ExitCode, arguments: Sequence[str]) -> int:
    from imgen.commands.telling import surroundings
    from imgen.config import load
    from imgen.screen.console import err, out
    from imgen.screen.failure import failure_lines

    if "--json" in arguments:
        from imgen.screen.envelope import envelope

        out(envelope(_command(arguments), exit_code=code, problem=problem))
    else:
        err(failure_lines(problem, color=surroundings(load()).stderr_color))
    return code


def _command(arguments: Sequence[str]) -> str:
    """The command that was meant, as far as it can be told from a line that may be wrong."""
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return next((word for word in arguments if word in names), "")


if __name__ == "__main__":
    main()
