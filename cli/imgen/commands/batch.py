"""imgen batch: a project's pictures as a recipe in git."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import Config, load
from imgen.errors import ExitCode, Problem, UsageProblem

if TYPE_CHECKING:
    from imgen.batch.github import Annotation
    from imgen.batch.reading.findings import BadManifest

_DEFAULT = "assets.toml"


def batch(
    manifest: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The manifest, in TOML, YAML, JSONL or CSV.")
    ] = _DEFAULT,
    init: Annotated[bool, typer.Option("--init", help="Write a small commented manifest to start from.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="List what would be made, why, and for how much.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare files, manifest and lock; no key, no network. Exit 13 if they differ."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="GLOB", help="With --plan: these assets, with all that they go on from."),
    ] = None,
    force: Annotated[
        list[str] | None, typer.Option("--force", metavar="GLOB", help="With --plan: make these anew.")
    ] = None,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
    profile: options.Profile = None,
) -> int:
    """Check that a project's pictures are what its manifest says, or plan what would be made and for how much."""
    from imgen.batch.reading.findings import BadManifest

    config = load(profile)
    if (init, plan, check).count(True) != 1:
        raise UsageProblem("Say what to do: --plan, --check or --init, one of them.", "imgen batch --check")
    if (only or force) and not plan:
        raise UsageProblem(
            "--only and --force go with --plan.", f"imgen batch --plan --only '{(only or force or [''])[0]}'"
        )
    path = config.cwd / manifest
    try:
        if init:
            return _init(path, json=json)
        if check:
            return _check(path, manifest, config, sandbox=sandbox or config.sandbox, json=json)
        return _plan(path, manifest, config, only, force or [], sandbox=sandbox or config.sandbox, json=json)
    except BadManifest as error:
        return _refused(error, config, json=json)


def _init(path: Path, *, json: bool) -> int:
    """Write the manifest, and what lets git merge its lock; neither over a file that is there."""
    from imgen import files
    from imgen.batch.lock import lock_path, merge_attribute
    from imgen.batch.starter import MANIFEST
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
    from imgen.orders.matching import possible
    from imgen.screen.batch import plan_entry, plan_lines, plan_sentences
    from imgen.screen.console import err, out
    from imgen.screen.envelope import envelope

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
        for line in plan_lines(made):
            out(line)
        for line in plan_sentences(made):
            err(line)
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
