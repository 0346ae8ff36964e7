"""What a row that a package adds must hold to be used; as a program, the row of one entry point, checked, as JSON.

    python -P -m imgen_providers.row_check SERVICE MODULE:NAME

It runs apart from the process that needs the row, because it imports the package's code.
"""

from __future__ import annotations

import json
import os
import re
import sys
from decimal import Decimal, InvalidOperation
from importlib import import_module
from importlib.util import find_spec
from math import isfinite
from typing import TYPE_CHECKING

from imgen_providers import registry
from imgen_providers.addresses import is_loopback_host
from imgen_providers.rows import ServiceEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import TypeAdapter

    from imgen_providers.rows import Model, Price

_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_TAKEN = ("auto", "imgen", "sandbox")  # words that mean something else where a service stands
_LONGEST_NAME = 30  # characters
_LONGEST_TEXT = 200
_A_DAY = 86_400.0  # seconds
_VERBS = ("submit", "refresh", "preview")


class RowRefused(Exception):
    """A row that is not used; the text is the end of a sentence, without a full stop."""


def checked(offered: object, name: str) -> ServiceEntry:
    """The row that a package offers for the service of that name. Raises `RowRefused`."""
    if not isinstance(offered, ServiceEntry):
        raise RowRefused(f"its row is a {type(offered).__name__}, not a ServiceEntry")
    entry = _typed(offered)
    wrong = next((reason for check in _CHECKS for reason in check(entry, name)), None)
    if wrong:
        raise RowRefused(wrong)
    return entry


def _typed(offered: ServiceEntry) -> ServiceEntry:
    from pydantic import ValidationError

    try:
        return _types().validate_python(offered, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RowRefused(f"{where} of its row is wrong: {first['msg']}") from None


def _types() -> TypeAdapter[ServiceEntry]:
    """pydantic's reading of the types in `rows.py`, which TAB imports without them."""
    from collections.abc import Mapping

    from pydantic import ConfigDict, TypeAdapter

    from imgen_providers.pixels import PixelTable

    types: TypeAdapter[ServiceEntry] = TypeAdapter(ServiceEntry, config=ConfigDict(defer_build=True))
    types.rebuild(_types_namespace={"Mapping": Mapping, "PixelTable": PixelTable})
    return types


def _names(entry: ServiceEntry, name: str) -> Iterator[str]:
    if entry.name != name:
        yield f"its row is called {entry.name!r}, its entry point {name!r}"
    if not re.fullmatch(_NAME, name) or len(name) > _LONGEST_NAME or name in _TAKEN:
        yield f"{name!r} is no name for a service: small letters, digits and single hyphens, at most {_LONGEST_NAME}"
    begin = f"{name.upper().replace('-', '_')}_"
    variables = (entry.key_variable, entry.origin_variable, entry.organization_variable, *entry.other_key_variables)
    for variable in variables:  # else another service's key could go to this one's origin
        if variable is not None and not re.fullmatch(rf"{begin}[A-Z0-9_]+", variable):
            yield f"its variable {variable!r} does not begin with {begin}"
    if len({*variables}) != len(variables):
        yield "one of its variables stands for two things"


def _place(entry: ServiceEntry, _: str) -> Iterator[str]:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(entry.origin)
        host = parts.hostname or ""
        plain = f"{parts.scheme}://{parts.netloc}" == entry.origin and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        host, plain = "", False
    safe = entry.origin.startswith("https://") or (entry.origin.startswith("http://") and is_loopback_host(host))
    if not plain or not host.isascii() or not safe:
        yield "its origin is not https:// and a host alone"
    if entry.base_path and not re.fullmatch(r"(/[\w-][\w.-]*)+", entry.base_path, re.ASCII):
        yield "its base_path is not a path such as /v1"


def _numbers(entry: ServiceEntry, _: str) -> Iterator[str]:
    cadence = entry.cadence
    waits = [cadence.floor, cadence.after_rate_limit, entry.submit_seconds, *(wait for _, wait in cadence.steps)]
    waits += [model.link_seconds for model in entry.models if model.link_seconds is not None]
    waits += [seconds for model in entry.models for span in model.durations.values() for seconds in span]
    if not all(isfinite(wait) and wait > 0 for wait in waits) or not 0 <= cadence.first < _A_DAY:
        yield "a time in its row is not a number of seconds above 0"
    ages = [age for age, _ in cadence.steps]
    if not ages or ages[0] != 0 or ages != sorted(ages):
        yield "the steps of its cadence do not begin at 0 and go up"
    if entry.submits_per_minute is not None and entry.submits_per_minute < 1:
        yield "its submits_per_minute is below 1"
    if entry.inline_limit is not None and entry.inline_limit < 1:
        yield "its inline_limit is below 1"


def _models(entry: ServiceEntry, _: str) -> Iterator[str]:
    if not entry.models:
        yield "it has no model"
    ids = [model.remote_id for model in entry.models]
    if len(set(ids)) != len(ids):
        yield "two of its models have the same remote_id"
    for model in entry.models:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", model.family) or "auto" in model.aspects:
            yield f"the family or an aspect of {model.remote_id} is no word that an order could name"
        if not model.resolutions or not 1 <= model.max_count <= 100 or model.max_references < 0:
            yield f"{model.remote_id} has no resolution, or numbers that cannot be"
        if not all(map(_is_price, _prices(model))):
            yield f"a price of {model.remote_id} is no decimal number from 0 on"


def _prices(model: Model) -> Iterator[Price]:
    for prices in (model.prices, *model.quality_prices.values()):
        yield from prices.values()
    if model.reference_price:
        yield model.reference_price


def _is_price(price: Price) -> bool:
    try:
        amount = Decimal(price.amount)
    except InvalidOperation:
        return False
    return amount.is_finite() and amount >= 0


def _texts(entry: ServiceEntry, _: str) -> Iterator[str]:
    """Every text goes onto screens and into names of files: short, and without control characters."""
    if not all(each.isprintable() and each.strip() and len(each) <= _LONGEST_TEXT for each in _all_texts(entry[:-1])):
        yield f"a text in its row is empty, longer than {_LONGEST_TEXT} characters, or holds one that cannot be shown"


def _all_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, dict):
        yield from _all_texts([*value, *value.values()])
    elif isinstance(value, list | tuple | frozenset):
        for each in value:
            yield from _all_texts(each)


def _code(entry: ServiceEntry, _: str) -> Iterator[str]:
    found = _loaded(entry.implementation)
    verbs = [*_VERBS, "recent"] if entry.lists_when_ended else _VERBS  # else a lost reply is waited for in vain
    missing = [verb for verb in verbs if not callable(getattr(found, verb, None))]
    if not callable(found) or missing:
        yield f"{entry.implementation} has no {', '.join(missing) or 'way to make one'}"


_CHECKS = (_names, _place, _numbers, _models, _texts, _code)


def _loaded(named: str) -> object:
    """What "module:NAME" names. Raises `ImportError` or `AttributeError`, and whatever the module raises."""
    module, _, attribute = named.partition(":")
    return getattr(import_module(module), attribute)


def _answer(name: str, value: str) -> dict[str, object]:
    """The row as JSON can hold it, or the reason why there is none; with the files that both depend on."""
    module = value.partition(":")[0].strip()
    files: list[str | None] = []
    try:
        top = find_spec(module.partition(".")[0])
        files += [top.origin] if top else []
        entry = checked(_loaded(value), name)
        files += [sys.modules[each.partition(":")[0]].__file__ for each in (value, entry.implementation)]
    except RowRefused as error:
        return {"reason": str(error), "files": _known(files)}
    except BaseException as error:  # noqa: BLE001 (the outermost edge: the package's code may raise anything)
        return {"reason": f"{value} cannot be imported: {_said(error)}", "files": _known(files)}
    return {"row": _types().dump_python(entry, mode="json"), "files": _known(files)}


def _known(files: Iterable[str | None]) -> list[str]:
    return [path for path in files if path]


def _said(error: BaseException) -> str:
    """What a package raised; the text only of errors that Python itself words, because others may quote a key."""
    kind = type(error).__name__
    return f"{kind}: {error}" if isinstance(error, ImportError | AttributeError | SyntaxError) else kind


def main() -> None:
    """Write the answer to standard output, where nothing that the package prints can come between."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    registry.use(None, asks=False)  # the package imports the catalogue, which must not ask the package
    with answers:
        answers.write(json.dumps(_answer(*sys.argv[1:3])))


if __name__ == "__main__":
    main()
