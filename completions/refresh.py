"""Make anew what is generated from the commands: the scripts for TAB, the tree that they read, and the manual page.

uv run python completions/refresh.py            writes what is stale
uv run python completions/refresh.py --check    only says what is stale, and exits 1
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer
from man_page import man_page

from imgen.__main__ import app
from imgen.completion.scripts import FILE_NAMES, SCRIPTS
from imgen.completion.tree import Argument, Command, Option

HERE = Path(__file__).resolve().parent
TREE = HERE.parent / "cli" / "imgen" / "completion" / "tree.json"


def main() -> int:
    """Compare, write, say; the exit code."""
    wanted = {HERE / name: SCRIPTS[shell] for shell, name in FILE_NAMES.items()}
    wanted[TREE] = lines_of(tree_of(app())) + "\n"
    wanted[HERE / "imgen.1"] = man_page(app())
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_bytes() != text.encode()]
    for path in stale:
        print(path.relative_to(HERE.parent))
    if "--check" in sys.argv[1:]:
        return 1 if stale else 0
    for path in stale:
        path.write_bytes(wanted[path].encode())
    return 0


def tree_of(program: typer.Typer) -> Command:
    """The whole program as TAB needs it."""
    group = typer.main.get_command(program)
    assert isinstance(group, typer.core.TyperGroup)
    return command_of(group)


def command_of(
    command: typer.core.TyperCommand | typer.core.TyperGroup, parent: typer.Context | None = None
) -> Command:
    """One command and those below it; what the help hides is left out."""
    context = typer.Context(command, parent=parent, **command.context_settings)
    shown = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    commands = getattr(command, "commands", {})
    return Command(
        help=" ".join((command.help or "").split("\n\n")[0].split()),
        options=[option_of(each) for each in shown if isinstance(each, typer.core.TyperOption)],
        arguments=[argument_of(each) for each in shown if isinstance(each, typer.core.TyperArgument)],
        commands={name: command_of(each, context) for name, each in commands.items() if not each.hidden},
    )


def option_of(option: typer.core.TyperOption) -> Option:
    """An option; `--no-` forms are names of it too."""
    takes_value = not (option.is_flag or option.count)
    return Option(
        names=sorted((*option.opts, *option.secondary_opts), key=len),  # those of --help come out of a set
        help=(option.help or "").replace("\n", " "),
        noun=noun_of(option) if takes_value else None,
        words=words_of(option),
        many=option.multiple,
    )


def argument_of(argument: typer.core.TyperArgument) -> Argument:
    """An argument; the brackets and dots of its name in the help say what `many` says."""
    return Argument(noun=noun_of(argument), words=words_of(argument), many=argument.nargs == -1)


def noun_of(parameter: typer.core.TyperOption | typer.core.TyperArgument) -> str:
    return (parameter.metavar or (parameter.name or "").upper()).strip("[].")


def words_of(parameter: typer.core.TyperOption | typer.core.TyperArgument) -> list[str]:
    """All that the value may be, where the type says it."""
    choices = getattr(parameter.type, "choices", ())
    return [str(getattr(choice, "value", choice)) for choice in choices]


def lines_of(command: Command, indent: str = "") -> str:
    """JSON with a line for each option, so that a change of one is a change of one line."""
    inner = indent + "  "

    def listed(items: list[Option] | list[Argument]) -> str:
        rows = ",\n".join(f"{inner}  {json.dumps(item, ensure_ascii=True)}" for item in items)
        return f"[\n{rows}\n{inner}]" if items else "[]"

    commands = ",\n".join(
        f"{inner}  {json.dumps(name)}: {lines_of(each, inner + '  ')}" for name, each in command["commands"].items()
    )
    fields = {
        "help": json.dumps(command["help"]),
        "options": listed(command["options"]),
        "arguments": listed(command["arguments"]),
        "commands": f"{{\n{commands}\n{inner}}}" if commands else "{}",
    }
    body = ",\n".join(f'{inner}"{name}": {text}' for name, text in fields.items())
    return f"{{\n{body}\n{indent}}}"


if __name__ == "__main__":
    sys.exit(main())
