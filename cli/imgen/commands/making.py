"""What `generate`, `edit` and `again` share: an order is planned, shown or carried out, and reported."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imgen.config.config import SANDBOX, Config
from imgen.config.settings import Layer
from imgen.errors import ExitCode, UsageProblem
from imgen.screen.console import Form

if TYPE_CHECKING:
    from imgen.commands.defaults import ResolvedOrder
    from imgen.commands.reporting import Reporter
    from imgen.jobs.progress import Display
    from imgen.jobs.report import Report
    from imgen.jobs.run_order import OrderPlan
    from imgen.jobs.session import Session
    from imgen.orders.limits import Candidate
    from imgen.orders.order import Choice
    from imgen.orders.references import Basis
    from imgen.screen.console import Streams
    from imgen_providers.base import Request

_MOST_PROMPT_BYTES = 1024 * 1024


_ALWAYS = "0"  # the price from which on to ask, where a user is to be asked whatever it is


def make(
    resolved: ResolvedOrder,
    opened: Session,
    config: Config,
    reporter: Reporter,
    *bases: Basis | None,
    dry_run: bool,
    yes: bool = False,
    ask: bool = False,
) -> ExitCode:
    """Carry out an order, at each of the `bases` where it is an edit; returns the exit code.

    `yes` is consent to any price; without it, `ask` asks a terminal whatever the price.
    """
    from imgen.jobs.run_order import check_target, plan_order, run_order, setup_of
    from imgen.jobs.worker import work

    run_options = resolved.run_options
    if run_options.output == "-":
        _check_stdout(reporter, no_wait=run_options.no_wait)
    with resolved.sources():
        plan = plan_order(resolved.order, run_options, setup_of(config), opened, *bases)
        for sentence in plan.left_out:
            reporter.note(sentence)
        if dry_run:
            check_target(plan.candidates[0])
            resolved.print_settings(*Layer)
            return _show_requests(plan, reporter)
        with work(opened, config, poll_every=run_options.poll_every) as worker:
            confirm = None if yes else _ALWAYS if ask else _confirm(config)
            with closing(_Observer(resolved, reporter, confirm)) as observer:
                report = run_order(plan, opened, worker, observer)
    if run_options.no_wait and reporter.form is Form.TEXT:
        return reporter.ids(report)
    if run_options.output == "-":
        return write_picture(report, reporter)
    return reporter.report(report)


@dataclass(slots=True)
class _Observer:
    """What is printed while an order is placed.

    A terminal shows the jobs before the service is connected to: what that needs is imported meanwhile.
    """

    resolved: ResolvedOrder
    reporter: Reporter
    confirm: str | None
    _early: Display | None = None  # what shows the jobs until they are recorded

    def chosen(self, plan: OrderPlan, candidate: Candidate) -> None:
        """What settings decided, and which service takes the order."""
        if candidate is plan.candidates[0]:
            # A project's file may come with a clone: what it decides is printed even with --quiet.
            self.resolved.print_settings(Layer.PROJECT)
        self.reporter.chosen(plan, candidate)
        if self.confirm is not None:
            check_consent(candidate, self.confirm, self.reporter)
        if self.reporter.draws_live and self.reporter.form is not Form.EVENTS:
            from imgen.jobs.progress import JobView

            self._early = self.reporter.plain_display()
            self._early.show([JobView.of_draft(draft) for draft in candidate.drafts])

    def display(self, session: Session) -> Display:
        """The display that suits the command; it is the caller's to close."""
        early, self._early = self._early, None
        return early or self.reporter.display(session)

    def close(self) -> None:
        """Take jobs from the screen that were never recorded."""
        if self._early:
            self._early.show(())
            self._early.close()
            self._early = None


def _confirm(config: Config) -> str | None:
    """The price from which on the user wants to be asked."""
    value = config.setting("confirm").value
    return None if value is None else str(value)


def check_consent(candidate: Candidate, confirm: str, reporter: Reporter) -> None:
    """Ask before an order from the price `confirm` on, or at a price that cannot be compared with it.

    Only a person at a terminal is asked, and never about the sandbox. Raises `UsageProblem` for any answer but yes.
    """
    from imgen.orders.limits import checked_amounts
    from imgen.screen.console import err_raw

    streams = reporter.streams
    at_terminal = streams.stdin_is_terminal and streams.stderr_is_terminal and reporter.form is Form.TEXT
    if not at_terminal or candidate.choice.origin == SANDBOX:
        return
    most = {} if confirm == _ALWAYS else {amount.unit: amount.value for amount in checked_amounts("confirm", confirm)}
    costs = [draft.cost for draft in candidate.drafts]
    total = sum((Decimal(cost.amount) for cost in costs if cost.amount), Decimal(0))
    comparable = all(cost.amount is not None and cost.unit in most for cost in costs)
    if comparable and total < most[costs[0].unit]:
        return
    err_raw("Send it? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageProblem("Nothing was sent, because the answer was not yes.", "--yes sends without asking.")


def read_prompt(argument: str | None, file: Path | None, streams: Streams, example: str, *, pipe: bool = True) -> str:
    """The prompt, from the command line, a file, or standard input. Raises `UsageProblem`, with the example.

    Without any, it is what comes through a `pipe`, where standard input is none for something else.
    """
    from imgen.screen.console import err

    if argument is not None and file is not None:
        raise UsageProblem("The prompt is given twice, as words and as a file.", example)
    if argument is None and file is None:
        argument = _piped(streams, example) if pipe else None
        if argument is None:
            raise UsageProblem("There is no prompt.", example)
        return argument
    try:
        if file is not None:
            with file.open("rb") as stream:
                argument = _prompt_of(stream)
        elif argument == "-":
            if streams.stdin_is_terminal:
                err("Type the prompt, then Ctrl-D.")
            text = _prompt_of(sys.stdin.buffer)
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


def _prompt_of(stream: BinaryIO) -> str:
    """The text in a stream, which may be a device that never ends. Raises `UsageProblem` where it is too long."""
    data = stream.read(_MOST_PROMPT_BYTES + 1)
    if len(data) > _MOST_PROMPT_BYTES:
        raise UsageProblem(
            f"The prompt has more than {_MOST_PROMPT_BYTES:,} bytes, which no service takes.",
            "--prompt-file takes a file with the prompt as its text.",
        )
    return data.decode("utf-8-sig").strip()


def edited_prompt(argument: str | None, file: Path | None, streams: Streams, config: Config) -> str:
    """The prompt as it leaves the user's editor, which begins with the one that was given. Raises `UsageProblem`."""
    from imgen.commands.editor import edited_text

    if not streams.stdin_is_terminal:
        raise UsageProblem("--edit-prompt opens an editor, and there is no terminal.", "--prompt-file takes a file.")
    begun = read_prompt(None, file, streams, "") if file is not None else argument or ""
    text = edited_text(begun, config)
    if not text:
        raise UsageProblem("The prompt is empty: nothing was sent.")
    return text


def _piped(streams: Streams, example: str) -> str | None:
    """What comes on a standard input that is no terminal; None where nothing does."""
    if streams.stdin_is_terminal:
        return None
    try:
        return _prompt_of(sys.stdin.buffer) or None
    except UnicodeDecodeError as error:
        raise UsageProblem("The prompt on standard input is not valid UTF-8.", example) from error
    except OSError:  # it is closed
        return None


def _check_stdout(reporter: Reporter, *, no_wait: bool) -> None:
    form = reporter.form
    if sys.__stdout__ is None:
        raise UsageProblem("-o - wants standard output, which is closed.", "Name a file with -o.")
    if reporter.streams.stdout_is_terminal:
        raise UsageProblem(
            "-o - would write picture bytes to this terminal.",
            "Send it to a file or a program: imgen ... -o - > fox.png",
        )
    if no_wait or form is not Form.TEXT:
        option = "--no-wait" if form is Form.TEXT else f"--{form.value}"
        raise UsageProblem(f"-o - and {option} both want standard output.", "Leave one of them out.")


def _show_requests(plan: OrderPlan, reporter: Reporter) -> ExitCode:
    """Print the requests that would be sent first, with their price, and whether they are within the limits."""
    from imgen.orders.drafts import reference_price
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope
    from imgen.screen.requests import LimitEntry, RequestPreview, request_lines
    from imgen_providers import connect
    from imgen_providers.base import Account
    from imgen_providers.catalog import pictures_ordered
    from imgen_providers.client import Network

    candidate = plan.candidates[0]
    choice = candidate.choice
    origin = choice.entry.origin if choice.origin == SANDBOX else choice.origin
    service = connect(choice.entry.name, Account(origin, "hidden"), Network(user_agent="imgen"))
    limits = tuple(map(LimitEntry.of, candidate.verdicts))
    shown = []
    references = Decimal(0)
    for draft in candidate.drafts:
        path, body = service.preview(_as_shown(choice, draft.request))
        pictures = pictures_ordered(draft.request.count, draft.request.extras) or draft.request.count
        shown.append(RequestPreview("POST", origin + path, body, pictures, draft.cost, limits))
        references += reference_price(choice.model, draft.request)
    if reporter.form is not Form.TEXT:
        out(envelope(reporter.command, exit_code=0, data=("requests", shown), form=reporter.form))
    else:
        price = choice.model.price(choice.request)
        out("\n".join(request_lines(shown, price, references, width=reporter.streams.stdout_width)))
        if choice.origin == SANDBOX:
            reporter.note("In the sandbox it goes to the embedded service, not to this address: nothing is charged.")
    return ExitCode.DONE


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


def write_picture(report: Report, reporter: Reporter) -> ExitCode:
    """Write the first saved picture to stdout, and name where any others are kept; returns the exit code."""
    from imgen.commands.reporting import saved_paths
    from imgen.errors import OutputLost
    from imgen.screen.console import err, out_bytes

    reporter.problems(report)
    saved = saved_paths(report.records)
    if saved:
        try:
            out_bytes(saved[0].read_bytes())
        except OutputLost as error:
            raise OutputLost(error.message, f"The picture is kept: {saved[0]}") from error
    for path in saved[1:]:
        err(f"The service made one more than was ordered; it is kept: {path}")
    return reporter.exit_code(report)
