"""imgen inspect: what is known of a picture file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import Config, load
from imgen.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from imgen.ledger.ledger import Ledger
    from imgen.screen.inspected import InspectedEntry


def inspect(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="PNG, JPEG or WebP files.", show_default=False)],
    json: options.Json = False,
    profile: options.Profile = None,
) -> int:
    """Show what is known of picture files.

    That is the job that made them, with prompt and cost, and what the files hold of their origin: C2PA, IPTC, EXIF.

    Examples:
        imgen inspect fox.jpg
    """
    from imgen.installation import installation
    from imgen.screen.console import err, out
    from imgen.screen.envelope import envelope
    from imgen.screen.failure import failure_lines, hint_lines
    from imgen.screen.inspected import inspected_lines

    config = load(profile)
    found: list[InspectedEntry] = []
    problems: list[UsageProblem] = []
    with ExitStack() as stack:
        ledger = _ledger(config, stack)
        for name in files:
            try:
                found.append(_inspected(name, config, ledger))
            except UsageProblem as problem:
                problems.append(problem)
    if not found:
        raise problems[0]
    code = ExitCode.PARTIAL if problems else ExitCode.DONE
    if json:
        first = problems[0].problem if problems else None
        out(envelope("inspect", exit_code=code, data=("pictures", found), problem=first))
        return code
    for entry in found:
        out("\n".join(inspected_lines(entry)))
    if any(entry.c2pa and entry.c2pa.intact is None for entry in found):
        err(hint_lines([f"To check what is claimed:\n{installation().with_extra('c2pa')}"], color=False))
    for each in problems:
        err(failure_lines(each.problem, color=False))
    return code


def _ledger(config: Config, stack: ExitStack) -> Ledger | None:
    """The ledger, where there is one: asking about a file makes none."""
    from imgen.jobs.session import session
    from imgen.screen.console import err

    if config.ledger_url is None and not config.folders.ledger.exists():
        return None
    return stack.enter_context(session(config, err)).ledger


def _inspected(name: str, config: Config, ledger: Ledger | None) -> InspectedEntry:
    from imgen.pictures.provenance.reading import provenance
    from imgen.pictures.verify import Damaged
    from imgen.screen.inspected import inspected

    path = config.cwd / Path(name).expanduser()
    try:
        found = provenance(path)
    except Damaged as error:
        raise UsageProblem(
            f"{name} is no whole picture: {error}.", "inspect takes PNG, JPEG and WebP files."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageProblem(f"{name} cannot be read: {reason}.") from error
    if ledger is None:
        return inspected(name, found, None, (), None)
    made_by = ledger.jobs.with_picture(found.picture.sha256)
    if made_by is None:
        return inspected(name, found, None, (), ledger.jobs.saved_at(path.absolute()))
    return inspected(name, found, ledger.jobs.get(made_by), ledger.jobs.family(made_by), None)
