"""imgen batch: a project's pictures as a recipe in git."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options, panels
from imgen.config.config import Config, load
from imgen.errors import ExitCode, Problem, UsageProblem
from imgen.screen.envelope import Form

if TYPE_CHECKING:
    from imgen.batch.github import Annotation
    from imgen.batch.options import BatchOptions
    from imgen.batch.reading.findings import BadManifest
    from imgen.commands.batching import Asked

_DEFAULT = "assets.toml"


def batch(
    manifest: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The manifest, in TOML, YAML, JSONL or CSV.")
    ] = _DEFAULT,
    init: Annotated[
        bool,
        typer.Option(
            "--init", help="Write a small commented manifest to start from.", rich_help_panel=panels.MOST_USED
        ),
    ] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="List what would be made, why, and for how much.", rich_help_panel=panels.MOST_USED
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Compare files, manifest and lock; no key, no network. Exit 13 if they differ.",
            rich_help_panel=panels.MOST_USED,
        ),
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Lock the files that exist, as they stand; nothing is made.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what is no longer in the manifest, with its files; asks first.")
    ] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="Order what is missing or changed through a fleet's queue; needs no key.")
    ] = False,
    collect: Annotated[
        bool, typer.Option("--collect", help="Make files of what a fleet has saved; nothing is ordered.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="GLOB",
            help="These assets, with all that they go on from.",
            rich_help_panel=panels.MOST_USED,
        ),
    ] = None,
    force: Annotated[
        list[str] | None,
        typer.Option(
            "--force", metavar="GLOB", help="Make these anew, which is paid again.", rich_help_panel=panels.MOST_USED
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Only what failed before; without it, all that is missing.")
    ] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Begin nothing more once something failed.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=1000, metavar="N", help="How many are under way.")] = 16,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write what came of it: .json, or .xml for JUnit.",
            rich_help_panel=panels.MOST_USED,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Agree to --prune.")] = False,
    max_cost: options.MaxCost = None,
    allow_unknown_cost: options.AllowUnknownCost = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Wait also for channel batch, which takes hours; a later run collects it otherwise.",
            rich_help_panel=panels.WAITING,
        ),
    ] = False,
    no_wait: options.NoWait = False,
    resubmit: options.Resubmit = False,
    timeout: options.Timeout = None,
    poll_every: options.PollEvery = None,
    json: options.Json = False,
    events: options.Events = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Make what a project's manifest asks for, once.

    What is missing or changed is made, and nothing else. What was paid for is used before anything is bought.

    Examples:
        imgen batch --init
        imgen batch --plan
        imgen batch --max-cost 5usd
        imgen batch --check
    """
    from imgen.batch.options import BatchOptions, Mode
    from imgen.batch.reading.findings import BadManifest
    from imgen.commands import batching

    config = load(profile)
    form = options.answer_form(json=json, events=events)
    given = _actions(init=init, plan=plan, check=check, adopt=adopt, prune=prune, queue=queue, collect=collect)
    _check_fit(given, only=only, force=force, report=report, events=events, yes=yes)
    if wait and no_wait:
        raise UsageProblem("--wait and --no-wait contradict each other.", "imgen batch --no-wait")
    in_sandbox = sandbox or config.sandbox
    asked = batching.Asked(
        path=config.cwd / manifest,
        name=manifest,
        form=form,
        quiet=quiet,
        only=only,
        force=force or [],
        max_cost=max_cost,
        jobs=jobs,
        report=report,
        yes=yes,
    )
    try:
        match given:
            case "--init":
                return _init(asked.path, json=json)
            case "--check":
                return _check(asked.path, manifest, config, sandbox=in_sandbox, json=json)
            case "--plan":
                return _plan(asked.path, manifest, config, only, force or [], sandbox=in_sandbox, json=json)
            case "--adopt":
                return batching.adopt(asked, config, sandbox=in_sandbox)
            case "--prune":
                return batching.prune(asked, config, sandbox=in_sandbox)
            case _:
                wanted = BatchOptions(
                    mode=Mode.QUEUE if queue else Mode.COLLECT if collect else Mode.MAKE,
                    sandbox=in_sandbox,
                    allow_unknown_cost=allow_unknown_cost,
                    resubmit=resubmit,
                    retry_failed=retry_failed,
                    fail_fast=fail_fast,
                    wait=True if wait else False if no_wait else None,
                    timeout=config.timeout if timeout is None else timeout,
                    poll_every=poll_every,
                )
                return _run(asked, wanted, config)
    except BadManifest as error:
        return _refused(error, config, json=form is not Form.TEXT)


def _run(asked: Asked, wanted: BatchOptions, config: Config) -> int:
    """Make what is missing or changed, and report it to a build server."""
    from imgen.batch.github import of_run, run_summary
    from imgen.commands import batching

    found = batching.make(asked, wanted, config)
    _on_actions(config, of_run(found), run_summary(found))
    return found.exit_code


def _actions(**given: bool) -> str | None:
    """The one option that says what to do instead of a run. Raises `UsageProblem` for several."""
    named = [f"--{name}" for name, is_given in given.items() if is_given]
    if len(named) > 1:
        raise UsageProblem(f"{' and '.join(named)} are two things to do.", f"imgen batch {named[0]}")
    return named[0] if named else None


def _check_fit(
    action: str | None,
    *,
    only: list[str] | None,
    force: list[str] | None,
    report: str | None,
    events: bool,
    yes: bool,
) -> None:
    """Raises `UsageProblem` for an option that the action does not take."""
    taken: dict[str | None, set[str]] = {
        None: {"--only", "--force", "--report", "--events"},
        "--plan": {"--only", "--force"},
        "--queue": {"--only", "--force", "--report"},
        "--collect": {"--only", "--report"},
        "--adopt": {"--only", "--report"},
        "--prune": {"--yes", "--report"},
    }
    given = {"--only": only, "--force": force, "--report": report, "--events": events, "--yes": yes}
    extra = next((name for name, value in given.items() if value and name not in taken.get(action, set())), None)
    if extra:
        raise UsageProblem(f"{extra} does not go with {action or 'a run'}.", f"imgen batch {action or ''}".strip())


def _init(path: Path, *, json: bool) -> int:
    """Write the manifest, and what lets git merge its lock; neither over a file that is there."""
    from imgen import files
    from imgen.batch.lock import lock_path, merge_attribute
    from imgen.batch.reading.starter import MANIFEST
    from imgen.screen.batch import InitEntry
    from imgen.screen.console import err, out, out_path
    from imgen.screen.envelope import envelope

    if path.suffix != ".toml":
        raise UsageProblem(f"--init writes TOML, and {path.name} does not end in .toml.", "imgen batch --init")
    written = []
    attributes = path.with_name(".gitattributes")
    attribute = merge_attribute(lock_path(path).name)
    for target, text in ((path, MANIFEST), (attributes, f"{attribute}\n")):
        try:
            with files.new_part(target) as file:
                file.write(text.encode())
            written.append(target)
        except FileExistsError:
            if target == path:
                raise UsageProblem(f"{path.name} is there already.", "imgen batch --plan") from None
            err(f"{attributes.name} is there already. With this line in it, git merges the lock: {attribute}")
        except OSError as error:
            raise UsageProblem(f"{target.name} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    if json:
        out(envelope("batch", exit_code=0, data=("batch", InitEntry(tuple(map(str, written))))))
    else:
        for target in written:
            out_path(target)
    return ExitCode.DONE


def _check(path: Path, name: str, config: Config, *, sandbox: bool, json: bool) -> int:
    from imgen.batch.check import check
    from imgen.batch.github import check_summary, of_check
    from imgen.batch.offers import EveryService, Offers
    from imgen.orders.matching import possible
    from imgen.screen.batch import check_entry, check_lines, check_sentence
    from imgen.screen.console import err, out
    from imgen.screen.envelope import envelope

    offers = Offers(partial(possible, accounts=EveryService()), sandbox=False)
    report = check(path, name, offers.refusal, sandbox=sandbox)
    if json:
        hint = "imgen batch --plan lists what would be made."
        problem = Problem("different", check_sentence(name, report), hint) if report.differences else None
        data = ("batch", check_entry(name, report))
        out(envelope("batch", exit_code=report.exit_code, data=data, problem=problem))
    else:
        for line in check_lines(report):
            out(line)
        err(check_sentence(name, report))
    _on_actions(config, of_check(report, name), check_summary(report, name))
    return report.exit_code


def _plan(
    path: Path,
    name: str,
    config: Config,
    only: list[str] | None,
    force: list[str],
    *,
    sandbox: bool,
    json: bool,
) -> int:
    from imgen.batch.lock import lock_path, read
    from imgen.batch.manifest import load as load_manifest
    from imgen.batch.offers import EveryService, Offers
    from imgen.batch.plan import matching, plan
    from imgen.batch.standing import standings
    from imgen.commands.reporting import standard_streams
    from imgen.orders.matching import possible
    from imgen.screen.batch import plan_entry, plan_lines, plan_sentences
    from imgen.screen.console import err, out
    from imgen.screen.envelope import envelope
    from imgen.screen.text import wrapped

    every = Offers(partial(possible, accounts=EveryService()), sandbox=False)
    manifest = load_manifest(path, name, every.refusal)
    beside = lock_path(path)
    forced = matching(manifest, force, "--force")
    selected = matching(manifest, only, "--only") if only else None
    found = standings(manifest, read(beside, beside.name), sandbox=sandbox, forced=forced)
    made = plan(found, Offers(partial(possible, accounts=config.accounts), sandbox=sandbox).best, selected)
    if json:
        out(envelope("batch", exit_code=0, data=("batch", plan_entry(name, made))))
    else:
        streams = standard_streams(config)
        for line in plan_lines(made):
            out("\n".join(wrapped(line, streams.stdout_width)))
        for line in plan_sentences(made, sandbox=sandbox):
            err("\n".join(wrapped(line, streams.stderr_width)))
    return ExitCode.DONE


def _refused(error: BadManifest, config: Config, *, json: bool) -> int:
    """Everything that is wrong, a line each; in JSON it is one message."""
    from imgen.batch.github import of_findings
    from imgen.screen.batch import finding_lines
    from imgen.screen.console import err

    _on_actions(config, of_findings(error.findings), None)
    if json or len(error.findings) == 1:
        raise error
    for line in finding_lines(error.findings):
        err(line)
    err(f"imgen: {len(error.findings):,} things are wrong, and nothing was sent.")
    return error.exit_code


def _on_actions(config: Config, annotations: list[Annotation], summary: str | None) -> None:
    """Show annotations and a summary where this is a runner of GitHub Actions."""
    from imgen.batch.github import commands, found
    from imgen.screen.console import err

    actions = found(config.environ)
    if actions is None:
        return
    for line in commands(annotations):
        err(line)
    if summary and actions.summary_file:
        try:
            with Path(actions.summary_file).open("a", encoding="utf-8") as file:
                file.write(summary)
        except OSError as error:
            err(f"The summary of this step cannot be written: {(error.strerror or str(error)).lower()}.")
