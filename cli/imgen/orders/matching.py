"""Which services and models can do an order, checked against the catalogue before anything is recorded or sent."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from imgen.config.config import SANDBOX
from imgen.config.settings import MOST_PICTURES
from imgen.errors import SANDBOX_EXAMPLE, KeyMissing, UsageProblem
from imgen.orders.order import AUTO, Choice, Order
from imgen_providers.base import Json, Request
from imgen_providers.catalog import FAMILIES, LEFT_OUT, SERVICES, Model, ServiceEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_RESOLUTIONS = {"512": "0.5K", "512px": "0.5K", "0.5k": "0.5K", "1k": "1K", "2k": "2K", "4k": "4K"}
_FORMATS = {"jpg": "jpeg"}


class Accounts(Protocol):
    """Which services the user can reach, and where."""

    def has_key(self, entry: ServiceEntry) -> bool:
        """Whether there is a key for the service."""
        ...

    def origin(self, entry: ServiceEntry) -> str:
        """The scheme and host of the service. Raises `BadConfiguration`."""
        ...


def possible(order: Order, accounts: Accounts, preferred: Sequence[str] = ()) -> list[Choice]:
    """Every service that can do the order, `preferred` ones first, then as in the catalogue; one alone if it is named.

    Raises `UsageProblem` for what cannot be, with what can; `KeyMissing` where only a key would decide the service.
    """
    _check_prompt(order.prompt)
    if order.count is not None and not 1 <= order.count <= MOST_PICTURES:
        raise UsageProblem(
            f"-n takes 1 to {MOST_PICTURES} pictures, not {order.count}.",
            f"-n takes a whole number from 1 to {MOST_PICTURES}.",
        )
    if order.model and "\0" in order.model:
        raise UsageProblem("The name of a model has no NUL in it.", "imgen models")
    if order.model and "/" in order.model:
        return [_exact(order, order.model, accounts)]
    if order.model is not None:
        check_family(order.model)
    if order.provider not in (None, AUTO):
        entry = find_service(order.provider or "")
        return [_checked(order, entry, _family_at(order, entry), accounts)]
    return _able(order, _services(order, accounts, preferred), accounts)


def find_service(name: str) -> ServiceEntry:
    """The service of that name. Raises `UsageProblem` with the nearest one."""
    entry = SERVICES.get(name)
    if entry is None:
        if left_out := next((each for each in LEFT_OUT if each.service == name), None):
            raise UsageProblem(left_out.sentence, "To try it again:\nimgen doctor")
        raise no_such("service", name, SERVICES, "Services")
    return entry


def check_sandbox_plays(entry: ServiceEntry) -> None:
    """Raises `UsageProblem` for a service that an installed package adds."""
    if entry.package:
        raise UsageProblem(
            f"The sandbox does not play {entry.title}, which comes from {entry.package}.",
            f"Without --sandbox it needs a key:\nimgen keys set {entry.name}",
        )


def check_family(name: str) -> None:
    """Raises `UsageProblem` with the nearest one for a family of models that no service has."""
    if name not in FAMILIES:
        raise no_such("model", name, FAMILIES, "Models", about="model")


def check_resolution(name: str) -> None:
    """Raises `UsageProblem` for a resolution that no model of the catalogue has."""
    known = list(
        dict.fromkeys(name for entry in SERVICES.values() for model in entry.models for name in model.resolutions)
    )
    if _RESOLUTIONS.get(name.lower(), name) not in known:
        raise UsageProblem(f"No model has the resolution {name!r}.", f"Resolutions: {', '.join(sorted(known))}")


def nearest(word: str, known: Iterable[str], label: str) -> str:
    """All known names, after the one that the word may have meant."""
    names = list(known)
    near = meant(word, names)
    listed = f"{label}: {', '.join(names)}"
    return f"Did you mean {near}? {listed}" if near else listed


def meant(word: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant: the one that the word begins, else the one spelled most alike."""
    names, typed = list(known), word.lower()
    begun = [name for name in names if typed and name.startswith(typed)]
    if len(begun) == 1:
        return begun[0]
    return next(iter(difflib.get_close_matches(typed, names, n=1)), None)


def no_such(what: str, word: str, known: Iterable[str], label: str, *, about: str | None = None) -> UsageProblem:
    """The problem that an unknown name is, with the one that was probably meant."""
    names = list(known)
    near = meant(word, names)
    return UsageProblem(
        f"There is no {what} {word!r}.",
        nearest(word, names, label),
        about=about,
        correction=(word, near) if near else None,
    )


def _check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise UsageProblem("The prompt is empty.", SANDBOX_EXAMPLE)
    try:
        prompt.encode()
    except UnicodeEncodeError:
        raise UsageProblem("The prompt is not valid UTF-8.", "Write it in a file: --prompt-file FILE") from None


# Which service and model -------------------------------------------------------------------------------------


def _services(order: Order, accounts: Accounts, preferred: Sequence[str]) -> list[ServiceEntry]:
    every = [SERVICES[name] for name in dict.fromkeys((*preferred, *SERVICES))]
    able = [entry for entry in every if order.model is None or entry.family(order.model)]
    if order.sandbox:
        played = [entry for entry in able if entry.package is None] or able
        return played if order.provider == AUTO else played[:1]
    keyed = [entry for entry in able if accounts.has_key(entry)]
    if not keyed:
        others = f"Or another service: {', '.join(entry.name for entry in able[1:])}. " if able[1:] else ""
        raise KeyMissing(
            f"No key is set, such as {able[0].key_variable} of {able[0].title}.",
            f"imgen keys set {able[0].name}\n{others}The sandbox needs no key:\n{SANDBOX_EXAMPLE}",
        )
    return keyed


def _able(order: Order, entries: Sequence[ServiceEntry], accounts: Accounts) -> list[Choice]:
    """The services that can do the order as it stands, all with the same model family."""
    family = order.model or _default_family(entries)
    named = replace(order, model=family)
    choices, reasons = [], []
    having = [entry for entry in entries if entry.family(family) is not None]
    for entry in [entry for entry in having if _living(entry, family)] or having:
        try:
            choices.append(_checked(named, entry, _family_at(named, entry), accounts))
        except UsageProblem as problem:
            reasons.append(problem)
    if not choices:
        first = reasons[0]
        if len(reasons) == 1:
            raise first
        each = "; ".join(problem.message.rstrip(".") for problem in reasons)
        raise UsageProblem(f"No service with a key can do this: {each}.", first.hint, about=first.about)
    return choices


def _default_family(entries: Sequence[ServiceEntry]) -> str:
    """The first of all families where one of the services has it, else the first that the first service has.

    A model that is past its last day counts only where there is no other.
    """
    if any(_living(entry, FAMILIES[0]) for entry in entries):
        return FAMILIES[0]
    models = entries[0].models
    return next((model.family for model in models if _living(entries[0], model.family)), models[0].family)


def _living(entry: ServiceEntry, family: str) -> bool:
    """Whether a service has a model of the family that is not past its last day."""
    model = entry.family(family)
    return model is not None and not model.has_ended(datetime.now().astimezone().date().isoformat())


def _family_at(order: Order, entry: ServiceEntry) -> Model:
    family = order.model or _default_family([entry])
    models = [model for model in entry.models if model.family == family]
    if not models:
        has = [name for name in FAMILIES if entry.family(name)]
        raise UsageProblem(f"{entry.title} does not have {family}.", f"It has: {', '.join(has)}", about="model")
    if order.channel is None:
        return models[0]
    found = next((model for model in models if model.channel == order.channel), None)
    if found is None:
        channels = [model.channel for model in models if model.channel]
        hint = f"Its channels: {', '.join(channels)}" if channels else "Leave --channel out: it has only one."
        raise UsageProblem(f"{entry.title} has no channel {order.channel!r} for {family}.", hint)
    return found


def _exact(order: Order, named: str, accounts: Accounts) -> Choice:
    provider, remote_id = named.split("/", 1)
    having = [each.name for each in SERVICES.values() if each.model(named)]
    known = provider in SERVICES and SERVICES[provider].model(remote_id)
    if having and not known:  # gemini/3/pro is an id of 3D AI Studio, not a model 3/pro of Gemini
        exact = " or ".join(f"-m {name}/{named}" for name in having)
        raise UsageProblem(f"{named!r} is a model's own id, and needs its service before it.", exact, about="model")
    entry = find_service(provider)
    if order.provider not in (None, AUTO, entry.name):
        raise UsageProblem(f"-m names a model of {entry.name}, -p says {order.provider}.", "Leave one of them out.")
    model = entry.model(remote_id)
    return _checked(order, entry, model, accounts) if model else _unchecked(order, entry, remote_id, accounts)


# The request, in the catalogue's words -----------------------------------------------------------------------


def _checked(order: Order, entry: ServiceEntry, model: Model, accounts: Accounts) -> Choice:
    if model.prompt_limit is not None and len(order.prompt) > model.prompt_limit:
        raise UsageProblem(
            f"The prompt has {len(order.prompt):,} characters; {_named(entry, model)} takes {model.prompt_limit:,}."
        )
    _check_options(order.options, entry)
    aspect, resolution = _aspect(order.aspect, entry, model), _resolution(order.resolution, entry, model)
    if order.size:
        aspect, resolution = covering(model, order.size, aspect, resolution if order.resolution else None)
    request = Request(
        model=model.remote_id,
        prompt=order.prompt,
        aspect=aspect,
        resolution=resolution,
        format=_format(order, entry, model),
        count=order.count or 1,
        extras=_extras(order, entry, model),
    )
    return Choice(entry, model, _origin(order, entry, accounts), request)


def _unchecked(order: Order, entry: ServiceEntry, remote_id: str, accounts: Accounts) -> Choice:
    """A model the catalogue does not have: everything is passed on, one picture a request, at an unknown price."""
    if order.size or order.channel:
        raise UsageProblem(
            f"Nothing is known of {entry.name}/{remote_id}, so --size and --channel mean nothing for it.",
            "Use the service's own parameters: --option key=value",
        )
    model = Model(
        remote_id=remote_id,
        family=remote_id,
        pixels={},
        aspects=(),
        auto_aspect=False,
        resolutions=(),
        formats=(),
        max_count=1,
        max_references=0,
    )
    request = Request(
        model=remote_id,
        prompt=order.prompt,
        aspect=order.aspect,
        resolution=_RESOLUTIONS.get((order.resolution or "").lower(), order.resolution),
        format=_FORMATS.get((order.format or "").lower(), order.format),
        count=order.count or 1,
        extras=_with_quality(order),
    )
    near = difflib.get_close_matches(remote_id, [row.remote_id for row in entry.models], n=1, cutoff=0.8)
    nearest = f"{entry.name}/{near[0]}" if near else None
    return Choice(entry, model, _origin(order, entry, accounts), request, listed=False, nearest=nearest)


def _check_options(options: Mapping[str, Json], entry: ServiceEntry) -> None:
    own = [key for key in options if key in entry.own_fields]
    if own:
        raise UsageProblem(
            f"--option {own[0]} would override what is priced and checked for {entry.title}.",
            "Use the prompt, -m, -n, -a, -r, -f or -i for it.",
        )


def _origin(order: Order, entry: ServiceEntry, accounts: Accounts) -> str:
    if order.sandbox:
        check_sandbox_plays(entry)
        return SANDBOX
    return accounts.origin(entry)


def _aspect(aspect: str | None, entry: ServiceEntry, model: Model) -> str | None:
    # "auto" is every service's own choice, also where its wire has no word for that.
    if aspect is None or aspect == "auto":
        return None
    aspect = re.sub(r"(?<=\d)[x×/](?=\d)", ":", aspect)  # as people write it: 16x9
    if aspect not in model.aspects:
        raise UsageProblem(
            f"{_named(entry, model)} does not have the aspect {aspect!r}.",
            f"It has: {', '.join((*model.aspects, 'auto'))}",
            about="aspect",
        )
    return aspect


def _resolution(resolution: str | None, entry: ServiceEntry, model: Model) -> str:
    wanted = "1K" if resolution is None else _RESOLUTIONS.get(resolution.lower(), resolution)
    if wanted not in model.resolutions:
        raise UsageProblem(
            f"{_named(entry, model)} does not have the resolution {resolution!r}.",
            f"It has: {', '.join(model.resolutions)}",
            about="resolution",
        )
    return wanted


def format_note(choice: Choice, wished: str | None) -> str | None:
    """What to know before the send where the service may send another format than the name in -o asks for."""
    model = choice.model
    if wished is None or not choice.listed or choice.request.format is not None:
        return None
    can = [
        entry.name
        for entry in SERVICES.values()
        if any(each.family == model.family and wished in each.formats for each in entry.models)
    ]
    sends = f"sends {' or '.join(model.formats)}" if model.formats else "chooses the format by itself"
    elsewhere = f" These take {wished}: {', '.join(can)}." if can else ""
    return f"{choice.entry.title} {sends}, so the file may get another ending than -o names.{elsewhere}"


def _format(order: Order, entry: ServiceEntry, model: Model) -> str | None:
    if order.format is None:
        return order.wished_format if order.wished_format in model.formats else None
    wanted = _FORMATS.get(order.format.lower(), order.format.lower())
    if wanted not in model.formats:
        draws = f"It draws: {', '.join(model.formats)}" if model.formats else "Leave -f out: it chooses by itself."
        raise UsageProblem(f"{_named(entry, model)} takes no order for {order.format!r}.", draws)
    return wanted


def _extras(order: Order, entry: ServiceEntry, model: Model) -> Mapping[str, Json]:
    """The parameters in the service's own words; how good a picture is to be is one of them, where it has that."""
    if order.quality is not None and order.quality not in model.qualities:
        takes = f"It takes: {', '.join(model.qualities)}" if model.qualities else "Leave --quality out: it takes none."
        raise UsageProblem(
            f"{_named(entry, model)} does not have the quality {order.quality!r}.", takes, about="quality"
        )
    return _with_quality(order)


def _with_quality(order: Order) -> Mapping[str, Json]:
    if order.quality is None:
        return order.options
    if "quality" in order.options:
        raise UsageProblem("--quality and --option quality are the same.", "Leave one of them out.", about="quality")
    return {**order.options, "quality": order.quality}


def _named(entry: ServiceEntry, model: Model) -> str:
    return f"{model.family} at {entry.title}"


def covering(model: Model, size: tuple[int, int], aspect: str | None, resolution: str | None) -> tuple[str, str]:
    """The aspect and resolution whose picture covers `size` with the least cut away, then with the fewest pixels.

    An aspect or resolution that is given stays. Raises `UsageProblem` where the model's sizes are not known, and where
    no picture is large enough; a resolution that is given may be too small for `size`, which then names the shape.
    """
    sizes = [
        (known_aspect, known_resolution, pixels)
        for known_resolution, row in model.pixels.items()
        for known_aspect, pixels in row.items()
        if known_resolution in model.resolutions
        and known_aspect in model.aspects
        and aspect in (None, known_aspect)
        and resolution in (None, known_resolution)
    ]
    if not sizes:
        raise UsageProblem(f"The picture sizes of {model.family} are not known.", "Use -a and -r instead of --size.")
    covers = [entry for entry in sizes if entry[2][0] >= size[0] and entry[2][1] >= size[1]]
    if not covers:
        largest = min(sizes, key=lambda entry: (round(_misfit(entry[2], size), 2), -entry[2][0] * entry[2][1]))
        if resolution:
            return largest[0], largest[1]
        width, height = largest[2]
        raise UsageProblem(
            f"{model.family} draws no picture that covers {size[0]}x{size[1]} pixels.",
            f"Its largest of about that shape: --size {width}x{height}",
        )
    best = min(covers, key=lambda entry: (round(_misfit(entry[2], size), 2), entry[2][0] * entry[2][1]))
    return best[0], best[1]


def _misfit(pixels: tuple[int, int], size: tuple[int, int]) -> float:
    """How far two shapes are apart, the same for too wide and too tall."""
    return abs(math.log((pixels[0] / pixels[1]) / (size[0] / size[1])))
