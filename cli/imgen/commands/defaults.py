"""What an order takes from the user's settings, where the command line leaves it open."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgen.config.settings import Layer
from imgen.errors import BadConfiguration, ImgenError, KeyMissing, UsageProblem
from imgen.orders.order import AUTO
from imgen.pictures.naming import asked_format
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imgen.config.config import Config
    from imgen.config.sources import Sourced
    from imgen.jobs.run_order import RunOptions
    from imgen.orders.order import Order


class ResolvedOrder(NamedTuple):
    """An order with nothing left open, and what of it came from settings, by their names."""

    order: Order
    run_options: RunOptions
    used: Mapping[str, Sourced]

    def print_settings(self, *layers: Layer) -> None:
        """Print on stderr what settings decided, those of the named layers: four pictures should surprise no user."""
        from imgen.screen.console import err_sentence
        from imgen.screen.text import for_log

        for found in self.used.values():
            if found.layer in layers:
                err_sentence(for_log(f"{found.setting.name} = {found.value}, says {found.where}."))

    @contextmanager
    def sources(self) -> Iterator[None]:
        """Where a value is refused that came from a setting, the error names the setting and its place."""
        try:
            yield
        except UsageProblem as problem:
            if problem.about is None or problem.about not in self.used:
                raise
            raise UsageProblem(self._said(problem, problem.about), problem.hint) from problem
        except KeyMissing as problem:
            if "provider" not in self.used:
                raise
            raise KeyMissing(self._said(problem, "provider"), problem.hint) from problem

    def _said(self, problem: ImgenError, name: str) -> str:
        found = self.used[name]
        return f"{problem.message.rstrip('.')} ({name} = {found.value}, says {found.where})."


def placed(run_options: RunOptions, config: Config) -> tuple[RunOptions, dict[str, Sourced]]:
    """Where pictures go and how long to wait, by the user's settings where the command line names neither.

    Raises `BadConfiguration`.
    """
    run_options = run_options._replace(timeout=config.timeout if run_options.timeout is None else run_options.timeout)
    found = config.setting("output")
    if run_options.output is not None or found.value is None:
        return run_options, {}
    return run_options._replace(output=str(found.value), folder=_inside(found)), {"output": found}


def resolve_order(order: Order, run_options: RunOptions, config: Config) -> ResolvedOrder:
    """The order with the user's settings where it leaves a choice open. Raises `BadConfiguration`."""
    run_options, used = placed(run_options, config)

    def take(name: str, given: str | None, *, open: bool = True) -> str | None:
        if given is not None or not open:
            return given
        found = config.setting(name)
        if found.value is None:
            return None
        used[name] = found
        return str(found.value)

    implied = asked_format(run_options.output)
    model = take("model", order.model, open=_may_name(config.setting("model").value, order.provider))
    if found := used.get("model"):
        _check_listed(found)
    count = order.count
    if count is None and (found := config.setting("count")).layer is not Layer.DEFAULT:
        used["count"], count = found, int(str(found.value))
    order = replace(
        order,
        model=model,
        # The exact name of a model names its service.
        provider=take("provider", order.provider, open="/" not in (model or "")),
        # A size chooses both.
        aspect=take("aspect", order.aspect, open=order.size is None),
        resolution=take("resolution", order.resolution, open=order.size is None),
        wished_format=take("format", implied, open=order.format is None),
        count=count,
    )
    return ResolvedOrder(order, run_options, used)


def repeated_order(order: Order, run_options: RunOptions, config: Config, *, sandbox: bool) -> ResolvedOrder:
    """An earlier order once more: of the settings only those that say where pictures go and how long to wait."""
    run_options, used = placed(run_options, config)
    in_sandbox = order.sandbox or sandbox or config.sandbox
    order = replace(order, sandbox=in_sandbox, wished_format=asked_format(run_options.output))
    return ResolvedOrder(order, run_options, used)


def _may_name(model: object, provider: str | None) -> bool:
    """Whether a model of the settings can be meant where the command line names the service."""
    named, exact, _ = str(model).partition("/")
    return not exact or provider in (None, AUTO, named)


def _check_listed(found: Sourced) -> None:
    """Raises `BadConfiguration` where a project's file names a model that is not in the catalogue.

    Its price is unknown and nothing of it is checked, and that file may come with a clone.
    """
    provider, exact, remote_id = str(found.value).partition("/")
    entry = SERVICES.get(provider)
    if found.layer is Layer.PROJECT and exact and entry and entry.model(remote_id) is None:
        raise BadConfiguration(
            f"model = {found.value}, says {found.where}, and no catalogue has it: its price is not known.",
            f"A project names models of the list. To order it on your own word: -m {found.value}\nimgen models",
        )


def _inside(found: Sourced) -> Path | None:
    """The folder that a setting's output is relative to, None for the working folder.

    Raises `BadConfiguration` where a project's would lead out of it: it may come with a clone.
    """
    if found.layer is not Layer.PROJECT or found.file is None:
        return None
    folder, text = found.file.path.parent, str(found.value)
    ends = (folder / text.partition("{")[0]).resolve()
    if text.startswith(("~", "-")) or ".." in Path(text).parts or not ends.is_relative_to(folder.resolve()):
        raise BadConfiguration(
            f"output in {found.where}, leads out of the project, and that file may come from others.",
            "Name a place inside the project, or set output in your own file:\nimgen config set output ~/Pictures",
        )
    return folder
