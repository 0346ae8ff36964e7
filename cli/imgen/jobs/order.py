"""What a person asks for, checked against the catalogue before anything is recorded or sent."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.config import SANDBOX, Config
from imgen.errors import KeyMissing, UsageProblem
from imgen_providers.base import Request
from imgen_providers.catalog import FAMILIES, SERVICES, Model, ServiceEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PICTURES = 16
"""How many pictures one command may order; more is a job for several commands."""

_RESOLUTIONS = {"512": "0.5K", "512px": "0.5K", "0.5k": "0.5K", "1k": "1K", "2k": "2K", "4k": "4K"}
_FORMATS = {"jpg": "jpeg"}


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line says; None leaves a choice to us or to the service."""

    prompt: str
    provider: str | None
    model: str | None
    aspect: str | None
    resolution: str | None
    format: str | None
    count: int
    sandbox: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The service, its model and origin, and the request for the whole order (`count` not split yet)."""

    entry: ServiceEntry
    model: Model
    origin: str
    request: Request


def choose(order: Order, config: Config) -> Choice:
    """The service and model for an order, and the request in the catalogue's words.

    Raises `UsageProblem` for what cannot be, with what can; `KeyMissing` where only a key would tell the service.
    """
    if not order.prompt.strip():
        raise UsageProblem("The prompt is empty.", 'imgen generate "a red fox in the snow"')
    if not order.prompt.isascii():
        try:
            order.prompt.encode()
        except UnicodeEncodeError:
            raise UsageProblem("The prompt is not valid UTF-8.", "Write it in a file: --prompt-file FILE") from None
    if not 1 <= order.count <= MOST_PICTURES:
        raise UsageProblem(f"-n takes 1 to {MOST_PICTURES} pictures, not {order.count}.")
    entry, model = _service_and_model(order, config)
    if model.prompt_limit is not None and len(order.prompt) > model.prompt_limit:
        raise UsageProblem(
            f"The prompt has {len(order.prompt):,} characters; {_named(entry, model)} takes {model.prompt_limit:,}."
        )
    request = Request(
        model=model.remote_id,
        prompt=order.prompt,
        aspect=_aspect(order.aspect, entry, model),
        resolution=_resolution(order.resolution, entry, model),
        format=_format(order.format, entry, model),
        count=order.count,
    )
    return Choice(entry, model, _origin(order, entry, config), request)


def find_service(name: str) -> ServiceEntry:
    """The service of that name. Raises `UsageProblem` with the nearest one."""
    entry = SERVICES.get(name)
    if entry is None:
        raise UsageProblem(f"There is no provider {name!r}.", nearest(name, SERVICES, "Providers"))
    return entry


def _service_and_model(order: Order, config: Config) -> tuple[ServiceEntry, Model]:
    if order.model and "/" in order.model:
        provider, remote_id = order.model.split("/", 1)
        entry = find_service(provider)
        if order.provider not in (None, entry.name):
            raise UsageProblem(f"-m names a model of {entry.name}, -p says {order.provider}.", "Leave one of them out.")
        return entry, _model_by_remote_id(entry, remote_id)
    family = order.model
    if family is not None and family not in FAMILIES:
        raise UsageProblem(f"There is no model {family!r}.", nearest(family, FAMILIES, "Models"))
    entry = find_service(order.provider) if order.provider else _only_service(order, config, family)
    model = entry.family(family) if family else next(filter(None, map(entry.family, FAMILIES)))
    if model is None:
        has = [name for name in FAMILIES if entry.family(name)]
        raise UsageProblem(f"{entry.title} does not have {family}.", f"It has: {', '.join(has)}")
    return entry, model


def _model_by_remote_id(entry: ServiceEntry, remote_id: str) -> Model:
    model = entry.model(remote_id)
    if model is None:
        ids = [f"{entry.name}/{known.remote_id}" for known in entry.models]
        raise UsageProblem(
            f"{entry.title} has no model {remote_id!r} in the catalogue.",
            nearest(f"{entry.name}/{remote_id}", ids, "Models"),
        )
    return model


def _only_service(order: Order, config: Config, family: str | None) -> ServiceEntry:
    able = [entry for entry in SERVICES.values() if family is None or entry.family(family)]
    if order.sandbox:
        return able[0]
    keyed = [entry for entry in able if config.has_key(entry)]
    if not keyed:
        variables = " or ".join(entry.key_variable for entry in able)
        raise KeyMissing(
            f"No key is set: {variables}.",
            "export one of them, or add --sandbox to try everything without a key.",
        )
    return keyed[0]


def _origin(order: Order, entry: ServiceEntry, config: Config) -> str:
    return SANDBOX if order.sandbox else config.origin(entry)


def _aspect(aspect: str | None, entry: ServiceEntry, model: Model) -> str | None:
    # "auto" is every service's own choice, also where its wire has no word for that.
    if aspect is None or aspect == "auto":
        return None
    if aspect not in model.aspects:
        raise UsageProblem(
            f"{_named(entry, model)} does not have the aspect {aspect!r}.",
            f"It has: {', '.join((*model.aspects, 'auto'))}",
        )
    return aspect


def _resolution(resolution: str | None, entry: ServiceEntry, model: Model) -> str:
    wanted = "1K" if resolution is None else _RESOLUTIONS.get(resolution.lower(), resolution)
    if wanted not in model.resolutions:
        raise UsageProblem(
            f"{_named(entry, model)} does not have the resolution {resolution!r}.",
            f"It has: {', '.join(model.resolutions)}",
        )
    return wanted


def _format(format: str | None, entry: ServiceEntry, model: Model) -> str | None:
    if format is None:
        return None
    wanted = _FORMATS.get(format.lower(), format.lower())
    if wanted not in model.formats:
        draws = f"It draws: {', '.join(model.formats)}" if model.formats else "Leave -f out: it chooses by itself."
        raise UsageProblem(f"{_named(entry, model)} takes no order for {format!r}.", draws)
    return wanted


def _named(entry: ServiceEntry, model: Model) -> str:
    return f"{model.family} at {entry.title}"


def nearest(word: str, known: Iterable[str], label: str) -> str:
    """All known names, after the one that the word may have meant."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.4)
    listed = f"{label}: {', '.join(names)}"
    return f"Did you mean {near[0]}? {listed}" if near else listed
