"""The values that can stand at a place: what a noun of the help, such as MODEL, means."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imgen.completion.line import Place
    from imgen_providers.catalog import Model, Price, ServiceEntry

FILES = frozenset({"FILE", "FOLDER", "PICTURE", "WHERE"})
"""Nouns whose values the shell itself completes, as names of files."""


class Offer(NamedTuple):
    """One possible word, and what it means."""

    word: str
    help: str = ""


_LAST = "last"


def values(noun: str, place: Place) -> Iterable[Offer]:
    """What a value called so can be at that place; nothing where it can be anything."""
    of_noun = _BY_NOUN.get(noun)
    return of_noun(place) if of_noun else ()


def _jobs(place: Place) -> Iterable[Offer]:
    from imgen.config.config import load
    from imgen.errors import ImgenError
    from imgen.ledger.sqlite.peek import peek_jobs

    try:
        config = load()
        if config.ledger_url is not None:  # TAB opens no connection
            return []
        path = config.folders.ledger
    except ImgenError:
        return []
    open_only = place.name in ("wait", "cancel")
    found = peek_jobs(path, place.word, open_only=open_only)
    is_last = _LAST.startswith(place.word) and not open_only and not place.taken
    latest = [Offer(_LAST, "the last order")] if is_last and (found or place.word) else []
    return [*latest, *(Offer(job.id, f"{job.state}: {job.prompt}") for job in found if job.id not in place.taken)]


def _providers(place: Place) -> Iterable[Offer]:
    from imgen_providers.catalog import SERVICES

    family = place.chosen.get("MODEL")
    yield from (
        Offer(entry.name, entry.title)
        for entry in SERVICES.values()
        if family is None or "/" in family or entry.family(family)
    )
    if place.name in ("generate", "edit"):
        yield Offer("auto", "the cheapest that can do the order")


def _models(place: Place) -> Iterable[Offer]:
    """Families; and exact names once the beginning of a service's name is there."""
    from imgen_providers.catalog import FAMILIES

    entries = _entries(place)
    for family in FAMILIES:
        if having := [entry.title for entry in entries if entry.family(family)]:
            yield Offer(family, ", ".join(having))
    if place.word:
        for entry in entries:
            yield from (Offer(f"{entry.name}/{model.remote_id}", model.family) for model in entry.models)


def _aspects(place: Place) -> Iterable[Offer]:
    resolution = place.chosen.get("SIZE", "1K")
    for model in _chosen_models(place):
        for aspect in model.aspects:
            size = model.size(aspect, resolution)
            yield Offer(aspect, f"{size[0]}x{size[1]} at {resolution}" if size else "")
        if model.auto_aspect:
            yield Offer("auto", "chosen by the service")


def _resolutions(place: Place) -> Iterable[Offer]:
    models = _chosen_models(place)
    for model in models:
        for resolution in model.resolutions:
            price = model.prices.get(resolution)
            yield Offer(resolution, _price(price) if len(models) == 1 else "")


def _price(price: Price | None) -> str:
    from imgen.money.amounts import in_money

    return in_money(price.amount, price.unit) if price else ""


def _formats(place: Place) -> Iterable[Offer]:
    return [Offer(format) for model in _chosen_models(place) for format in model.formats]


def _qualities(place: Place) -> Iterable[Offer]:
    resolution = place.chosen.get("SIZE", "1K")
    for model in _chosen_models(place):
        for quality in model.qualities:
            price = model.quality_prices.get(quality, {}).get(resolution)
            yield Offer(quality, _price(price))


def _channels(place: Place) -> Iterable[Offer]:
    return [Offer(model.channel) for entry in _entries(place) for model in entry.models if model.channel]


def _states(_: Place) -> Iterable[Offer]:
    from imgen.records import State

    return [Offer(state.value) for state in State]


def _settings(_: Place) -> Iterable[Offer]:
    from imgen.config.settings import SETTINGS
    from imgen.config.settings import Place as Where

    return [Offer(name) for name, setting in SETTINGS.items() if setting.place is not Where.NO_FILE]


def _profiles(_: Place) -> Iterable[Offer]:
    from imgen.config.config import load
    from imgen.config.toml_file import read
    from imgen.errors import ImgenError

    try:
        path = load().folders.settings
        file = read(path, path.name, project=False)
    except ImgenError:
        return []
    return [Offer(name) for name in file.profiles] if file else []


def _answers(place: Place) -> Iterable[Offer]:
    """Commands word by word, as `imgen schema` takes them."""
    from imgen.screen.schemas import ANSWERS, EVENTS

    before = list(place.taken)
    for words in map(str.split, (*ANSWERS, EVENTS)):
        if words[: len(before)] == before and len(words) > len(before):
            yield Offer(words[len(before)])


def _entries(place: Place) -> list[ServiceEntry]:
    """The services that the line leaves possible."""
    from imgen_providers.catalog import SERVICES

    named = place.chosen.get("PROVIDER")
    if named in SERVICES:
        return [SERVICES[named]]
    return list(SERVICES.values()) if named in (None, "auto") else []


def _chosen_models(place: Place) -> list[Model]:
    """The rows of the catalogue that the order may go to: the model named, or the one taken where none is."""
    from imgen_providers.catalog import FAMILIES, SERVICES

    entries, name, channel = _entries(place), place.chosen.get("MODEL"), place.chosen.get("CHANNEL")
    if name and "/" in name:
        service, _, remote_id = name.partition("/")
        exact = SERVICES[service].model(remote_id) if service in SERVICES else None
        return [exact] if exact else []
    family = name or next((each for each in FAMILIES if any(entry.family(each) for entry in entries)), None)
    return [
        model
        for entry in entries
        for model in entry.models
        if model.family == family and channel in (None, model.channel)
    ]


_BY_NOUN: dict[str, Callable[[Place], Iterable[Offer]]] = {
    "CHANNEL": _channels,
    "COMMAND": _answers,
    "FORMAT": _formats,
    "JOB": _jobs,
    "MODEL": _models,
    "PROFILE": _profiles,
    "PROVIDER": _providers,
    "QUALITY": _qualities,
    "SETTING": _settings,
    "SIZE": _resolutions,
    "STATE": _states,
    "W:H": _aspects,
}
