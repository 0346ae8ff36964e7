"""How the help is divided: options in panels, commands in groups; and the kinds of commands that show it.

Every line imports this, so that the pages themselves are built in `pages.py`, which only a help needs.
"""

from __future__ import annotations

import typer

from imgen.errors import ExitCode

MOST_USED = "Most used"
PICTURE = "Picture"
PROMPT = "Prompt"
COST = "Cost"
WAITING = "Waiting"
OUTPUT = "Output"
OTHER = "Other"
PANELS = (MOST_USED, PROMPT, PICTURE, COST, WAITING, OUTPUT, OTHER)

GROUPS = {
    "Make": ("generate", "edit", "again", "batch"),
    "Look": ("wait", "status", "download", "show", "open", "history", "gallery", "models", "costs", "forget"),
    "Set up": ("keys", "config", "doctor", "completions", "schema", "sandbox"),
}
_FULL = "imgen.help.full"  # in the context: whether every option is shown


# The parameters are narrower than typer's own, whose class of contexts is private.
class Command(typer.core.TyperCommand):
    """A command: `-h` shows the most used options, `--help` all of them."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        ctx.meta[_FULL] = "--help" in args
        return super().parse_args(ctx, args)

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        from imgen.commands.pages import written

        return written(self, ctx, whole=bool(ctx.meta.get(_FULL)))


class Group(typer.core.TyperGroup):
    """A command with commands below it; the program itself is one too."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if not args and self.no_args_is_help:
            typer.echo(self.get_help(ctx))
            ctx.exit(ExitCode.USAGE)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        from imgen.commands.pages import written

        return written(self, ctx, whole=True)


def use_pages(program: typer.Typer) -> typer.Typer:
    """Give every command of the program, and of the groups below it, its page."""
    program.info.cls = Group
    for command in program.registered_commands:
        command.cls = Command
    for group in program.registered_groups:
        if group.typer_instance:
            use_pages(group.typer_instance)
    return program
