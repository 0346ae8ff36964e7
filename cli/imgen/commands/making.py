"""What `generate` and `edit` share: an order is chosen a service, recorded, followed, and told."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX, Config
from imgen.config.settings import Layer
from imgen.errors import ExitCode, UsageProblem
from imgen.screen.envelope import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.commands.defaults import ResolvedOrder
    from imgen.jobs.worker import Report
    from imgen.money.budget import Budget
    from imgen.orders.order import Choice, Order
    from imgen.orders.ranking import Ranked
    from imgen.orders.references import Basis
    from imgen.pictures.target import Target
    from imgen.screen.console import Streams
    from imgen_providers.base import Request


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How an order is carried out: where its pictures go, how long it is waited for, and how it is told.

    `format` is the one asked for in words. `folder` is the one that `output` is relative to, None for ours.
    `max_cost` is the most that it may cost, as it was typed.
    """

    output: str | None
    format: str | None
    max_cost: str | None
    allow_unknown_cost: bool
    no_wait: bool
    dry_run: bool
    overwrite: bool
    resubmit: bool
    strict: bool
    timeout: float | None
    poll_every: float | None
    form: Form
    show: bool
    quiet: bool
    folder: Path | None = None


def make(
    command: str, order: Order, run_options: RunOptions, config: Config, streams: Streams, basis: Basis | None = None
) -> int:
    """Carry out an order, going on from `basis` where it is an edit; returns the exit code.

    What neither the command line nor the basis says comes from the person's settings.
    """
    from imgen.commands.defaults import resolve_order

    resolved = resolve_order(order, run_options, config)
    with resolved.sources():
        return carry_out(command, resolved, config, streams, basis)


def carry_out(
    command: str, resolved: ResolvedOrder, config: Config, streams: Streams, basis: Basis | None = None
) -> int:
    """The same for an order with nothing left open."""
    from imgen.commands.reporting import bad_targets, follow, print_choice, print_ids, print_report
    from imgen.jobs.goals import Goal
    from imgen.jobs.report import may_move_on
    from imgen.jobs.worker import past_speed, session, work
    from imgen.orders.drafts import split
    from imgen.orders.limits import budget_of
    from imgen.orders.order import possible
    from imgen.orders.ranking import rank

    order, run_options = resolved.order, resolved.run_options
    if run_options.output == "-":
        _check_stdout(streams, form=run_options.form, no_wait=run_options.no_wait)
    choices = possible(order, config)
    if basis:
        with session(config) as opened:
            choices = basis.able(choices, opened.ledger)
    budget = budget_of(run_options.max_cost, choices, config, allow_unknown=run_options.allow_unknown_cost)
    ranked = _within(budget, rank(choices, past_speed(config)), config, run_options)
    first = ranked[0].choice
    if run_options.dry_run:
        with bad_targets():
            _target(run_options, first, config)
        resolved.print_settings(*Layer)
        return _show_requests(command, first, budget, config, run_options.form)
    if first.origin != SANDBOX:
        config.account(first.entry)  # a missing key is found before anything is made on disk
    target = _prepared(run_options, first, config)
    resolved.print_settings(
        Layer.PROJECT
    )  # it comes with whatever somebody cloned: that it decides is no progress for -q to hide
    goal = Goal.ACCEPTANCE if run_options.no_wait else Goal.PICTURES
    with session(config) as opened, work(opened, config, poll_every=run_options.poll_every) as working:
        asked = 0
        while True:
            candidate = ranked[asked]
            if asked:
                target = _prepared(run_options, candidate.choice, config)
            working.reach(candidate.choice.entry, candidate.choice.origin)
            if not run_options.quiet:
                print_choice(candidate, alone=len(ranked) == 1, sized=order.size is not None)
                _tell_changes(basis, candidate.choice)
            drafts = split(candidate.choice, target, basis.parent_id if basis else None)
            records = opened.record(drafts, working.owner.name, resubmit=run_options.resubmit, budget=budget)
            outcome = follow(
                opened,
                working,
                records,
                goal,
                streams,
                quiet=run_options.quiet,
                timeout=run_options.timeout,
                strict=run_options.strict,
                form=run_options.form,
            )
            asked += 1
            stopped = outcome.exit_code is ExitCode.INTERRUPTED or not outcome.in_time
            if stopped or asked == len(ranked) or not may_move_on(outcome.records):
                break
    if run_options.no_wait and run_options.form is Form.TEXT:
        return print_ids(outcome, streams, quiet=run_options.quiet)
    if target.to_stdout:
        return _to_stdout(outcome, streams, quiet=run_options.quiet)
    return print_report(
        command, outcome, streams, form=run_options.form, quiet=run_options.quiet, show=run_options.show
    )


def _within(budget: Budget, ranked: list[Ranked], config: Config, run_options: RunOptions) -> list[Ranked]:
    """The services left by the budget; one at least, and for `--dry-run` the first even where none is."""
    from imgen.errors import OverBudget
    from imgen.jobs.worker import session
    from imgen.orders.limits import affordable
    from imgen.screen.console import err
    from imgen.screen.text import for_log

    if not budget.limits:
        return ranked
    try:
        with session(config) as opened:
            fitting, left_out = affordable(opened, ranked, budget)
    except OverBudget:
        if run_options.dry_run:
            return ranked
        raise
    if not run_options.quiet:
        for sentence in left_out:
            err(for_log(sentence))
    return fitting


def _prepared(run_options: RunOptions, choice: Choice, config: Config) -> Target:
    """Where the pictures go, with every folder known by now made and proved writable. Raises `UsageProblem`."""
    from imgen.commands.reporting import bad_targets
    from imgen.pictures.naming import prepare

    with bad_targets():
        target, folders = _target(run_options, choice, config)
        for folder in folders:
            prepare(folder, private=folder == config.kept_folder)
    return target


def read_prompt(argument: str | None, file: Path | None, streams: Streams, example: str) -> str:
    """The prompt, from the command line, a file, or standard input. Raises `UsageProblem`, with the example."""
    from imgen.screen.console import err

    if (argument is None) == (file is None):
        reason = "There is no prompt." if argument is None else "The prompt is given twice, as words and as a file."
        raise UsageProblem(reason, example)
    try:
        if file is not None:
            argument = file.read_text(encoding="utf-8-sig").strip()
        elif argument == "-":
            if streams.stdin_is_terminal:
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
    if not argument.strip():
        raise UsageProblem("The prompt is empty.", example)
    return argument


def _check_stdout(streams: Streams, *, form: Form, no_wait: bool) -> None:
    if streams.stdout_is_terminal:
        raise UsageProblem(
            "-o - would write picture bytes to this terminal.",
            "Send it on: imgen generate ... -o - > fox.png",
        )
    if no_wait or form is not Form.TEXT:
        option = "--no-wait" if form is Form.TEXT else f"--{form.value}"
        raise UsageProblem(f"-o - and {option} both want standard output.", "Leave one of them out.")


def _target(run_options: RunOptions, choice: Choice, config: Config) -> tuple[Target, Sequence[Path]]:
    """Where the pictures go, and every folder known to be needed. Raises `BadTarget` and `UsageProblem`."""
    from imgen.pictures.naming import asked_format, certain, existing, parse_output, slug
    from imgen.pictures.place import fingerprint
    from imgen.pictures.verify import EXTENSIONS, known_format

    request = choice.request
    target = parse_output(
        run_options.output,
        cwd=run_options.folder or config.cwd,
        pictures=request.count,
        overwrite=run_options.overwrite,
        format=known_format(request.format) if run_options.format else None,
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
    if taken := existing(known.files, overwrite=run_options.overwrite):
        hint = "Name another one with -o." if taken.is_dir() else "Name another one with -o, or add --overwrite."
        raise UsageProblem(f"{taken} exists already.", hint)
    if run_options.overwrite:
        standing = {str(path): found for path in known.files if (found := fingerprint(path))}
        target = replace(target, replaces=standing)
    return target, known.folders


def _tell_changes(basis: Basis | None, choice: Choice) -> None:
    from imgen.screen.console import err
    from imgen.screen.text import for_log

    for sentence in basis.said[choice.entry.name] if basis else ():
        err(for_log(sentence))


def _show_requests(command: str, choice: Choice, budget: Budget, config: Config, form: Form) -> int:
    from decimal import Decimal

    from imgen.jobs.worker import session
    from imgen.orders.drafts import reference_price, split
    from imgen.orders.limits import verdicts
    from imgen.pictures.target import Target
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope
    from imgen.screen.requests import LimitEntry, RequestPreview, request_lines
    from imgen_providers import connect
    from imgen_providers.base import Account
    from imgen_providers.client import Network

    origin = choice.entry.origin if choice.origin == SANDBOX else choice.origin
    service = connect(choice.entry.name, Account(origin, "hidden"), Network(user_agent="imgen"))
    limits: tuple[LimitEntry, ...] = ()
    if budget.limits:
        with session(config) as opened:
            limits = tuple(LimitEntry.of(verdict) for verdict in verdicts(opened, choice, budget))
    shown = []
    references = Decimal(0)
    for draft in split(choice, Target(Path(), "")):
        path, body = service.preview(_as_shown(choice, draft.request))
        shown.append(RequestPreview("POST", origin + path, body, draft.request.count, draft.cost, limits))
        references += reference_price(choice.model, draft.request)
    if form is not Form.TEXT:
        out(envelope(command, exit_code=0, data=("requests", shown), form=form))
    else:
        price = choice.model.prices.get(choice.request.resolution or "1K")
        out("\n".join(request_lines(shown, price, references)))
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


def _to_stdout(outcome: Report, streams: Streams, *, quiet: bool) -> int:
    from imgen.commands.reporting import print_problems
    from imgen.errors import OutputLost
    from imgen.records import ResultState
    from imgen.screen.console import out_bytes

    print_problems(outcome, streams, quiet=quiet)
    for record in outcome.records:
        for result in record.results:
            if result.state is ResultState.SAVED and result.path:
                try:
                    out_bytes(result.path.read_bytes())
                except OutputLost as error:
                    raise OutputLost(error.message, f"The picture is kept: {result.path}") from error
    return outcome.exit_code
