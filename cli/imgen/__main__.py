"""The Typer app and `main`, the only place that turns errors into exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import time
from contextlib import suppress
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING, NoReturn

from imgen import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from imgen.errors import ExitCode, Problem
    from imgen.screen.console import Form

COMMANDS = (
    "generate",
    "edit",
    "again",
    "wait",
    "status",
    "download",
    "batch",
    "work",
    "fleet",
    "show",
    "open",
    "models",
    "history",
    "gallery",
    "inspect",
    "costs",
    "cancel",
    "forget",
    "schema",
    "completions",
    "doctor",
    "config",
    "keys",
    "sandbox",
)
"""Every command in the order of the help; each is the function, or the group, of that name in `commands/NAME.py`."""

GROUPS = ("fleet", "config", "keys", "sandbox")
"""Those of them that hold commands of their own."""

_VERSION = (["--version"], ["-V"])
_COMPLETES = ["_complete"]
"""How a shell's line begins at a TAB."""
_GARBAGE = 100_000  # objects between two collections; one order makes 60,000
_DAY = 86_400  # seconds
_FOLLOWING = ("generate", "edit", "again", "wait", "download")


def command() -> NoReturn:
    """Run the installed command: as `main`, but its process ends at once.

    To take the interpreter apart, object by object, would be a fifth of a short run.
    """
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, int) or _has_threads_to_wait_for():
            raise
        atexit._run_exitfuncs()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):  # the interpreter reports it
            raise end from None
        os._exit(end.code)


def main() -> NoReturn:
    """Run the command line of this process."""
    # What is imported lives as long as the process: looking through it for garbage would take a tenth of a short run.
    gc.set_threshold(_GARBAGE)
    _open_closed_streams()
    _use_a_real_time_zone()
    try:
        if sys.argv[1:2] != _COMPLETES:  # there is nothing to come back to
            _handle_termination_signals()
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before a command had begun
        sys.exit(130)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every failure is printed here, once."""
    if arguments[:1] == ["help"]:
        arguments = [*dropwhile(lambda word: word == "help", arguments), "--help"]
    code = _outcome(arguments)
    if arguments[:1] != _COMPLETES and list(arguments) not in _VERSION:  # a TAB says nothing of its own
        from imgen.commands.expiry_notice import remind

        remind(welcome=sys.stderr.isatty() and not _is_quiet(arguments))
    return code


def _outcome(arguments: Sequence[str]) -> int:
    try:
        return _answer(arguments)
    except Exception as error:  # noqa: BLE001 (the outermost edge: a bug must end in a sentence and an envelope too)
        from imgen.errors import OutputLost

        if not isinstance(error, OutputLost):
            return _bug(error, arguments)
        # Also while something else was printed; an envelope could not be written either.
        back = "imgen status" if _command(arguments) in _FOLLOWING else None
        return _fail(error.problem._replace(hint=error.hint or back), error.exit_code, ())


def _answer(arguments: Sequence[str]) -> int:
    if list(arguments) in _VERSION:
        return _version()
    from imgen.config.service_cache import remember_services

    completes = arguments[:1] == _COMPLETES
    remember_services(asks=not completes)
    if completes:
        return _complete(*arguments[1:])

    from contextlib import redirect_stdout

    import typer

    from imgen.commands.hyphens import check_hyphens
    from imgen.commands.latest import with_latest
    from imgen.commands.several_files import with_files
    from imgen.errors import ExitCode, ImgenError, OutputLost
    from imgen.screen.console import Stdout, show_notices

    show_notices()
    try:
        # typer prints its help by itself, and would die of a reader that goes away or a full disk.
        with redirect_stdout(Stdout(sys.stdout)):
            check_hyphens(arguments)
            # Without standalone mode, a command's own return value comes back, and 130 for Ctrl-C.
            code = app(arguments)(with_files(with_latest(arguments)), prog_name="imgen", standalone_mode=False) or 0
    except OutputLost:
        raise
    except ImgenError as error:
        from imgen.commands.corrections import corrected

        return _fail(corrected(error, arguments), error.exit_code, arguments)
    except typer.TyperException as error:
        return _usage(error, arguments)
    if code == ExitCode.INTERRUPTED and not isinstance(code, ExitCode):  # typer's: no command has reported it
        return _fail(_interrupted(arguments), ExitCode.INTERRUPTED, arguments)
    return int(code)


def app(words: Sequence[str] | None = None) -> typer.Typer:
    """The commands; of a line with these `words` only the one that it names is imported, the others show their help."""
    import typer

    from imgen.commands.program import program, use_pages

    group = typer.Typer(
        name="imgen",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.callback()(program)
    if words is None or (words[:1] and words[0] in COMMANDS):
        for name in COMMANDS if words is None else words[:1]:
            _add(group, name)
        return use_pages(group)

    from imgen.completion.tree import tree

    for name, command in tree()["commands"].items():
        if name in words:
            _add(group, name)
        else:
            group.command(name, help=command["help"])(_not_imported)
    return use_pages(group)


def _add(group: typer.Typer, name: str) -> None:
    """Import one command and register it."""
    from importlib import import_module

    import typer

    command = getattr(import_module(f"imgen.commands.{name}"), name)
    if isinstance(command, typer.Typer):
        group.add_typer(command, name=name)
    else:
        group.command(name)(command)


def _not_imported() -> NoReturn:
    """What stands for a command that the line does not name: its help is listed, and it is never run."""
    raise AssertionError("the line names another command")


def _has_threads_to_wait_for() -> bool:
    threading = sys.modules.get("threading")
    return threading is not None and any(
        not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()
    )


def _open_closed_streams() -> None:
    """A stream that the parent closed (`>&-`, some schedulers) is None: nothing can be read or written."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _use_a_real_time_zone() -> None:
    """No date can be given in a zone a day or more away from UTC, such as `TZ=XXX+25`."""
    if abs(time.localtime().tm_gmtoff) >= _DAY:
        from imgen.config.time_zone import use_utc

        use_utc()


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

    if words and (text := answer(shell, words, ascii_only=sys.stdout.encoding.lower() != "utf-8")):
        with suppress(OSError):  # the shell reads all of it, or has gone
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
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
    from imgen.commands.program import own_streams
    from imgen.errors import Problem
    from imgen.redact_arguments import without_keys
    from imgen.screen.console import Form, err, out
    from imgen.screen.failure import failure_lines

    typed = _typed_settings()

    def hidden(text: str) -> str:
        return without_keys(without_keys(_without_known_keys(text), arguments), typed)

    problem = Problem(problem.code, hidden(problem.message), problem.hint and hidden(problem.hint))
    form = _form(arguments)
    if form is Form.TEXT:
        streams = own_streams()
        err(failure_lines(problem, color=streams.stderr_color, width=streams.stderr_width))
    else:
        from imgen.screen.envelope import PROGRAM, envelope

        out(envelope(_command(arguments) or PROGRAM, exit_code=code, problem=problem, form=form))
    return code


def _without_known_keys(text: str) -> str:
    """The text without the keys of the environment and of our files, which may have been typed into another setting."""
    from imgen.config.config import load
    from imgen.errors import ImgenError

    try:
        keys = load().key_store.known()
    except ImgenError:
        return text
    if not keys:
        return text
    from imgen_providers.redaction import Redaction

    return Redaction(keys).text(text)


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
        problem = crash_problem(error, config.folders.state, config.key_store.known())
    except (ImgenError, OSError):
        where = f"{type(error).__name__} at {place_of(error)}"
        problem = Problem("bug", f"imgen met a bug of its own: {where}; please report it.")
    return _fail(problem, ExitCode.BUG, arguments)


def _form(arguments: Sequence[str]) -> Form:
    """How the answer is wanted, also where the line is wrong in just that (`--json=yes`)."""
    from imgen.screen.console import Form

    options = list(takewhile(lambda argument: argument != "--", arguments))
    for form in (Form.EVENTS, Form.JSON):
        if any(option.startswith(f"--{form.value}") for option in options):
            return form
    return Form.TEXT


def _is_quiet(arguments: Sequence[str]) -> bool:
    """Whether only what was asked for is wanted: for a program, or with `--quiet`."""
    options = takewhile(lambda argument: argument != "--", arguments)
    return any(each == "--quiet" or each.startswith(("-q", "--json", "--events")) for each in options)


def _command(arguments: Sequence[str]) -> str:
    """The command that was meant, such as "keys list", as far as it can be read from a line that may be wrong."""
    if arguments and arguments[0] in COMMANDS and arguments[0] not in GROUPS:
        return arguments[0]
    from imgen.completion.line import place
    from imgen.completion.tree import tree

    return place(tree(), arguments, "").name


if __name__ == "__main__":
    main()
