"""What `generate` and `edit` share: an order is chosen a service, recorded, followed, and told."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.config import SANDBOX, Config
from imgen.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.jobs.editing import Basis
    from imgen.jobs.order import Choice, Order
    from imgen.jobs.records import Target
    from imgen.jobs.run import Report
    from imgen.screen.console import Surroundings
    from imgen_providers.base import Request


@dataclass(frozen=True, slots=True)
class Manner:
    """How an order is carried out: where its pictures go, how long it is waited for, and how it is told.

    `format` is the one asked for in words.
    """

    output: str | None
    format: str | None
    no_wait: bool
    dry_run: bool
    overwrite: bool
    resubmit: bool
    strict: bool
    timeout: float | None
    poll_every: float | None
    json: bool
    quiet: bool


def make(
    command: str, order: Order, manner: Manner, config: Config, around: Surroundings, basis: Basis | None = None
) -> int:
    """Carry out an order, going on from `basis` where it is an edit; returns the exit code."""
    from imgen.commands.telling import bad_targets, follow, tell, tell_choice, tell_ids
    from imgen.jobs.choice import rank
    from imgen.jobs.goals import Goal
    from imgen.jobs.order import possible
    from imgen.jobs.outcome import may_move_on
    from imgen.jobs.plan import split
    from imgen.jobs.run import past_speed, session, work

    if manner.output == "-":
        _check_stdout(around, json=manner.json, no_wait=manner.no_wait)
    choices = possible(order, config)
    if basis:
        with session(config) as opened:
            choices = basis.able(choices, opened.ledger)
    ranked = rank(choices, past_speed(config))
    first = ranked[0].choice
    if manner.dry_run:
        with bad_targets():
            _target(manner, first, config)
        return _show_requests(command, first, json=manner.json)
    if first.origin != SANDBOX:
        config.account(first.entry)  # a missing key is found before anything is made on disk
    target = _prepared(manner, first, config)
    goal = Goal.ACCEPTANCE if manner.no_wait else Goal.PICTURES
    with session(config) as opened, work(opened, config, poll_every=manner.poll_every) as working:
        asked = 0
        while True:
            candidate = ranked[asked]
            if asked:
                target = _prepared(manner, candidate.choice, config)
            working.reach(candidate.choice.entry, candidate.choice.origin)
            if not manner.quiet:
                tell_choice(candidate, alone=len(ranked) == 1, sized=order.size is not None)
                _tell_changes(basis, candidate.choice)
            drafts = split(candidate.choice, target, basis.parent_id if basis else None)
            records = opened.record(drafts, working.owner.name, resubmit=manner.resubmit)
            told = follow(
                opened,
                working,
                records,
                goal,
                around,
                quiet=manner.quiet,
                timeout=manner.timeout,
                strict=manner.strict,
            )
            asked += 1
            stopped = told.exit_code is ExitCode.INTERRUPTED or not told.in_time
            if stopped or asked == len(ranked) or not may_move_on(told.records):
                break
    if manner.no_wait and not manner.json:
        return tell_ids(told, around, quiet=manner.quiet)
    if target.to_stdout:
        return _to_stdout(told, around, quiet=manner.quiet)
    return tell(command, told, around, json=manner.json, quiet=manner.quiet)


def _prepared(manner: Manner, choice: Choice, config: Config) -> Target:
    """Where the pictures go, with every folder known by now made and proved writable. Raises `UsageProblem`."""
    from imgen.commands.telling import bad_targets
    from imgen.pictures.naming import prepare

    with bad_targets():
        target, folders = _target(manner, choice, config)
        for folder in folders:
            prepare(folder)
    return target


def read_prompt(argument: str | None, file: Path | None, around: Surroundings, example: str) -> str:
    """The prompt, from the command line, a file, or standard input. Raises `UsageProblem`, with the example."""
    from imgen.screen.console import err

    if (argument is None) == (file is None):
        reason = "There is no prompt." if argument is None else "The prompt is given twice, as words and as a file."
        raise UsageProblem(reason, example)
    try:
        if file is not None:
            return file.read_text(encoding="utf-8-sig").strip()
        if argument == "-":
            if around.stdin_is_terminal:
                err("Type the prompt, then Ctrl-D.")
            text = sys.stdin.buffer.read().decode("utf-8-sig").strip()
            if not text:
                raise UsageProblem("Standard input is empty: no prompt came.", example)
            return text
    except OSError as error:
        hint = "--prompt-file takes a file with the prompt as its text."
        raise UsageProblem(f"The prompt cannot be read: {error.strerror or error}.", hint) from error
    except UnicodeDecodeError as error:
        raise UsageProblem("The prompt is not valid UTF-8.", "Save it as UTF-8 first.") from error
    assert argument is not None
    return argument


def _check_stdout(around: Surroundings, *, json: bool, no_wait: bool) -> None:
    if around.stdout_is_terminal:
        raise UsageProblem(
            "-o - would write picture bytes to this terminal.",
            "Send it on: imgen generate ... -o - > fox.png",
        )
    if json or no_wait:
        option = "--json" if json else "--no-wait"
        raise UsageProblem(f"-o - and {option} both want standard output.", "Leave one of them out.")


def _target(manner: Manner, choice: Choice, config: Config) -> tuple[Target, Sequence[Path]]:
    """Where the pictures go, and every folder known to be needed. Raises `BadTarget` and `UsageProblem`."""
    from imgen.pictures.naming import asked_format, certain, existing, parse_output, slug
    from imgen.pictures.place import fingerprint
    from imgen.pictures.verify import EXTENSIONS, known_format

    request = choice.request
    target = parse_output(
        manner.output,
        cwd=config.cwd,
        pictures=request.count,
        overwrite=manner.overwrite,
        format=known_format(request.format) if manner.format else None,
        kept=config.kept_folder,
    )
    known = certain(
        target,
        slug=slug(request.prompt),
        ext=EXTENSIONS[asked_format(target.template) or known_format(request.format) or "png"],
        provider=choice.entry.name,
        model=choice.model.family,
        date=datetime.now().astimezone().strftime("%Y-%m-%d"),
    )
    if taken := existing(known.files, overwrite=manner.overwrite):
        hint = "Name another one with -o." if taken.is_dir() else "Name another one with -o, or add --overwrite."
        raise UsageProblem(f"{taken} exists already.", hint)
    if manner.overwrite:
        standing = {str(path): found for path in known.files if (found := fingerprint(path))}
        target = replace(target, replaces=standing)
    return target, known.folders


def _tell_changes(basis: Basis | None, choice: Choice) -> None:
    from imgen.screen.console import err
    from imgen.screen.text import for_log

    for sentence in basis.said[choice.entry.name] if basis else ():
        err(for_log(sentence))


def _show_requests(command: str, choice: Choice, *, json: bool) -> int:
    from imgen.jobs.plan import split
    from imgen.jobs.records import Target
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope
    from imgen.screen.requests import RequestPreview, request_lines
    from imgen_providers import connect
    from imgen_providers.base import Account
    from imgen_providers.client import Network

    origin = choice.entry.origin if choice.origin == SANDBOX else choice.origin
    service = connect(choice.entry.name, Account(origin, "hidden"), Network(user_agent="imgen"))
    shown = []
    for draft in split(choice, Target(Path(), "")):
        path, body = service.preview(_as_shown(choice, draft.request))
        shown.append(RequestPreview("POST", origin + path, body, draft.request.count, draft.cost))
    if json:
        out(envelope(command, exit_code=0, data=("requests", shown)))
    else:
        out("\n".join(request_lines(shown, choice.model.prices.get(choice.request.resolution or "1K"))))
    return 0


def _as_shown(choice: Choice, request: Request) -> Request:
    """The request with notes for the links that its pictures will have once they are uploaded."""
    from imgen_providers.base import PictureFile, PictureLink

    if choice.entry.reference_route == "data-uri":
        return request
    shown = (
        PictureLink(f"<link to {reference.path.name}, uploaded first>")
        if isinstance(reference, PictureFile)
        else reference
        for reference in request.references
    )
    return replace(request, references=tuple(shown))


def _to_stdout(told: Report, around: Surroundings, *, quiet: bool) -> int:
    from imgen.commands.telling import tell_problems
    from imgen.errors import OutputLost
    from imgen.jobs.records import ResultState
    from imgen.screen.console import out_bytes

    tell_problems(told, around, quiet=quiet)
    for record in told.records:
        for result in record.results:
            if result.state is ResultState.SAVED and result.path:
                try:
                    out_bytes(result.path.read_bytes())
                except OutputLost as error:
                    raise OutputLost(error.message, f"The picture is kept: {result.path}") from error
    return told.exit_code
