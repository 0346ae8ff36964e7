"""The Typer app and `main`, the only place that turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, NoReturn

from imgen import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from imgen.errors import ExitCode, Problem
    from imgen.screen.envelope import Form
    from imgen_providers.redaction import Redaction

_VERSION = (["--version"], ["-V"])
_FOLLOWING = ("generate", "edit", "again", "wait", "download")


def main() -> NoReturn:
    """Run the command line of this process."""
    _open_closed_streams()
    try:
        _handle_termination_signals()
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before a command had begun
        sys.exit(130)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every failure is told here, once."""
    code = _outcome(arguments)
    if arguments[:1] != ["_complete"] and list(arguments) not in _VERSION:  # a TAB says nothing of its own
        from imgen.commands.expiry_notice import remind

        remind(welcome=sys.stderr.isatty() and not _is_quiet(arguments))
    return code


def _outcome(arguments: Sequence[str]) -> int:
    from dataclasses import replace

    from imgen.errors import OutputLost

    try:
        return _answer(arguments)
    except OutputLost as error:  # also while something else was told; an envelope could not be written either
        back = "imgen status" if _command(arguments) in _FOLLOWING else None
        return _fail(replace(error.problem, hint=error.hint or back), error.exit_code, ())
    except Exception as error:  # noqa: BLE001 (the outermost edge: a bug must end in a sentence and an envelope too)
        return _bug(error, arguments)


def _answer(arguments: Sequence[str]) -> int:
    if list(arguments) in _VERSION:
        return _version()
    if arguments[:1] == ["_complete"]:  # a shell, at a TAB
        return _complete(*arguments[1:])

    from contextlib import redirect_stdout

    import typer

    from imgen.commands.latest import with_latest
    from imgen.errors import ExitCode, ImgenError, OutputLost
    from imgen.screen.console import Stdout, show_notices

    show_notices()
    try:
        # typer prints its help by itself, and would die of a reader that goes away or a full disk.
        with redirect_stdout(Stdout(sys.stdout)):
            # Without standalone mode, a command's own return value comes back, and 130 for Ctrl-C.
            code = app()(with_latest(arguments), prog_name="imgen", standalone_mode=False) or 0
    except OutputLost:
        raise
    except ImgenError as error:
        from imgen.commands.corrections import corrected

        return _fail(corrected(error, arguments), error.exit_code, arguments)
    except typer.TyperException as error:
        return _usage(error, arguments)
    if code == ExitCode.INTERRUPTED and not isinstance(code, ExitCode):  # typer's: no command has told of it
        return _fail(_interrupted(arguments), ExitCode.INTERRUPTED, arguments)
    return int(code)


def app() -> typer.Typer:
    """The commands; imported here and not above, because `--version` needs none of them (10 ms against 70)."""
    import typer

    from imgen.commands import (
        again,
        batch,
        completions,
        config,
        costs,
        doctor,
        download,
        edit,
        forget,
        gallery,
        generate,
        history,
        inspect,
        keys,
        models,
        program,
        sandbox,
        schema,
        show,
        status,
        view,
        wait,
    )

    commands = typer.Typer(
        name="imgen",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    commands.callback()(program.program)
    commands.command()(generate.generate)
    commands.command()(edit.edit)
    commands.command()(again.again)
    commands.command()(wait.wait)
    commands.command()(status.status)
    commands.command()(download.download)
    commands.command()(batch.batch)
    commands.command()(show.show)
    commands.command()(view.open)
    commands.command()(models.models)
    commands.command()(history.history)
    commands.command()(gallery.gallery)
    commands.command()(inspect.inspect)
    commands.command()(costs.costs)
    commands.command()(forget.forget)
    commands.command()(schema.schema)
    commands.command()(completions.completions)
    commands.command()(doctor.doctor)
    commands.add_typer(config.config, name="config")
    commands.add_typer(keys.keys, name="keys")
    commands.add_typer(sandbox.sandbox, name="sandbox")
    return program.use_pages(commands)


def _open_closed_streams() -> None:
    """A stream that the parent closed (`>&-`, some schedulers) is None in Python; then nobody reads or writes it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _handle_termination_signals() -> None:
    """SIGTERM and SIGHUP end a command as Ctrl-C does: what is under way is recorded, the way back printed."""
    import signal

    for name in ("SIGTERM", "SIGHUP"):  # there is no SIGHUP on Windows
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores it: so do we
            signal.signal(number, signal.default_int_handler)


def _version() -> int:
    from imgen.screen.console import out

    out(f"imgen {__version__}")
    return 0


def _complete(shell: str = "", *words: str) -> int:
    from imgen.completion.answer import answer
    from imgen.screen.console import out

    if words and (text := answer(shell, words, ascii_only=sys.stdout.encoding.lower() != "utf-8")):
        out(text)
    return 0


def _interrupted(arguments: Sequence[str]) -> Problem:
    """Ctrl-C before or after the jobs were followed."""
    from imgen.errors import Problem

    back = "What was sent, if anything:\nimgen status" if _command(arguments) in _FOLLOWING else None
    return Problem("interrupted", "Stopped.", back)


def _usage(error: typer.TyperException, arguments: Sequence[str]) -> int:
    from imgen.commands.corrections import misread
    from imgen.errors import ExitCode

    return _fail(misread(error, arguments), ExitCode.USAGE, arguments)


def _fail(problem: Problem, code: ExitCode, arguments: Sequence[str]) -> int:
    from imgen.commands.reporting import standard_streams
    from imgen.config.config import load
    from imgen.errors import Problem
    from imgen.redact_arguments import without_keys
    from imgen.screen.console import err, out
    from imgen.screen.envelope import PROGRAM, Form, envelope
    from imgen.screen.failure import failure_lines

    known, typed = _known_keys(), _typed_settings()

    def hidden(text: str) -> str:
        return without_keys(without_keys(known.text(text), arguments), typed)

    problem = Problem(problem.code, hidden(problem.message), problem.hint and hidden(problem.hint))
    form = _form(arguments)
    if form is not Form.TEXT:
        out(envelope(_command(arguments) or PROGRAM, exit_code=code, problem=problem, form=form))
    else:
        streams = standard_streams(load())
        err(failure_lines(problem, color=streams.stderr_color, width=streams.stderr_width))
    return code


def _known_keys() -> Redaction:
    """What hides the keys of the environment and of our files, which may have been typed into another setting too."""
    from imgen.config.config import load
    from imgen.errors import ImgenError
    from imgen_providers.redaction import Redaction

    try:
        return Redaction(load().accounts.known_keys())
    except ImgenError:
        return Redaction()


def _typed_settings() -> tuple[str, ...]:
    """What stands in variables of ours, any of which may hold a key that was meant for another."""
    from imgen.config.config import load
    from imgen.errors import ImgenError

    try:
        return load().typed
    except ImgenError:
        return ()


def _bug(error: Exception, arguments: Sequence[str]) -> int:
    from imgen.config.config import load
    from imgen.crash import crash_problem, place_of
    from imgen.errors import ExitCode, ImgenError, Problem

    try:
        config = load()
        problem = crash_problem(error, config.folders.state, config.accounts.known_keys())
    except (ImgenError, OSError):
        where = f"{type(error).__name__} at {place_of(error)}"
        problem = Problem("bug", f"imgen met a bug of its own: {where}; please report it.")
    return _fail(problem, ExitCode.BUG, arguments)


def _form(arguments: Sequence[str]) -> Form:
    """How the answer is wanted, also where the line is wrong in just that (`--json=yes`)."""
    from imgen.screen.envelope import Form

    options = list(takewhile(lambda argument: argument != "--", arguments))
    for form in (Form.EVENTS, Form.JSON):
        if any(option.startswith(f"--{form.value}") for option in options):
            return form
    return Form.TEXT


def _is_quiet(arguments: Sequence[str]) -> bool:
    """Whether no line is wanted that nobody asked for: for a program, or with `--quiet`."""
    options = takewhile(lambda argument: argument != "--", arguments)
    return any(each == "--quiet" or each.startswith(("-q", "--json", "--events")) for each in options)


def _command(arguments: Sequence[str]) -> str:
    """The command that was meant, such as "keys list", as far as it can be told from a line that may be wrong."""
    from imgen.completion.line import place
    from imgen.completion.tree import tree

    return place(tree(), arguments, "").name


if __name__ == "__main__":
    main()
