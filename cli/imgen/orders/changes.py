"""Repeating an order: the order of a job in the ledger, with changes, and how the two orders differ."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from imgen.config.settings import MOST_PICTURES
from imgen.errors import UsageProblem
from imgen.orders.matching import nearest
from imgen.orders.order import Order, parse_options, parse_size
from imgen.orders.sources import Link
from imgen_providers.base import PictureFile, PictureLink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen.orders.references import Named
    from imgen.records import JobRecord
    from imgen_providers.base import Json, Reference

_TEXTS = ("prompt", "provider", "model", "aspect", "resolution", "format", "quality", "channel")
_SETTABLE = (*_TEXTS, "size", "count", "option.KEY")
_OPTION = "option."
_BY_SIZE = ("aspect", "resolution")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two orders differ; None leaves it to the service."""

    field: str
    before: str | None
    after: str | None


def order_of(record: JobRecord) -> Order:
    """The order of a job, at its own service and with its own model. Raises `UsageProblem`."""
    request = record.request
    if not request.model:
        raise UsageProblem(
            f"Job {record.id} was ordered elsewhere, so what it asked for is not known.",
            "Write the order anew, with its prompt.",
        )
    return Order(
        prompt=request.prompt,
        provider=record.provider,
        model=f"{record.provider}/{request.model}",
        aspect=request.aspect,
        resolution=request.resolution,
        format=request.format,
        count=request.count,
        sandbox=record.sandbox,
        options=request.extras,
    )


def changed(order: Order, settings: Sequence[str], family: str | None) -> Order:
    """The order with changes such as "aspect=1:1" or "option.temperature=0.5"; an empty value removes one.

    A job of another service or channel is ordered by the family of its model. Raises `UsageProblem`.
    """
    words = dict(_setting(text) for text in settings)
    if {"provider", "channel"} & words.keys() and "model" not in words:
        order = replace(order, model=family, provider=words.get("provider") or order.provider)
    if "model" in words and "provider" not in words:
        order = replace(order, provider=None if "/" in (words["model"] or "") else order.provider)
    for name, value in words.items():
        order = _set(order, name, value)
    return order


def differences(before: Order, after: Order) -> list[Difference]:
    """The fields in which two orders differ; for their pictures there is `other_pictures`."""
    hidden = ["options", "sandbox", "wished_format"]
    hidden += [name for name in _BY_SIZE if after.size is not None and getattr(after, name) is None]
    names = [field.name for field in fields(Order) if field.name not in hidden]
    pairs = [(name, _text(getattr(before, name)), _text(getattr(after, name))) for name in names]
    keys = dict.fromkeys([*before.options, *after.options])
    pairs += [(_OPTION + key, _json(before, key), _json(after, key)) for key in keys]
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def other_pictures(before: Sequence[Reference], after: Sequence[Named]) -> list[Difference]:
    """Which pictures the two go on from differently, in order; the same bytes are the same picture."""
    alone = max(len(before), len(after)) == 1
    return [
        Difference("picture" if alone else f"picture {number}", _old_name(old), _new_name(old, new))
        for number, (old, new) in enumerate(zip_longest(before, after), start=1)
        if old is None or new is None or not _same(old, new)
    ]


def words_of(record: JobRecord) -> list[str]:
    """The pictures that the job went on from, as `-i` takes them. Raises `UsageProblem` where one is gone."""
    found = []
    for reference in record.request.references:
        match reference:
            case PictureLink(url):
                found.append(url)
            case PictureFile(path=path):
                if not path.exists():
                    raise UsageProblem(
                        f"A picture that job {record.id} went on from is not there any more: {path}",
                        "Name the pictures once more with -i PICTURE.",
                    )
                found.append(str(path))
    return found


def whole_order(run: Sequence[JobRecord]) -> Order:
    """The order that was carried out by these jobs. Raises `UsageProblem` where each went on from another picture."""
    if any(job.request.references != run[0].request.references for job in run):
        each = "\n".join(f"imgen again {job.id}" for job in run[:3])
        raise UsageProblem(f"The order edited {len(run)} pictures, each by itself. Name one of its jobs.", each)
    return replace(order_of(run[0]), count=sum(job.request.count for job in run))


def check_unchanged(record: JobRecord, others: Sequence[Difference]) -> None:
    """Raises `UsageProblem` where a picture of the job is not what it was, and no other one was named."""
    if others:
        raise UsageProblem(
            f"A picture that job {record.id} went on from was changed since: {others[0].before}",
            f"To go on from what it is now:\nimgen again {record.id} -i {others[0].before}",
        )


def _setting(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    known = name in _SETTABLE or (name.startswith(_OPTION) and name != _OPTION)
    if not equals or not known:
        raise UsageProblem(
            f"--set takes NAME=VALUE, not {text!r}." if not equals else f"There is nothing called {name!r} to set.",
            "For example: --set aspect=1:1" if not equals else nearest(name, _SETTABLE, "Names"),
        )
    return name, value or None


def _set(order: Order, name: str, value: str | None) -> Order:
    if name.startswith(_OPTION):
        key = name.removeprefix(_OPTION)
        others = _without(order.options, key)
        return replace(order, options=others if value is None else {**others, **parse_options([f"{key}={value}"])})
    match name:
        case "count":
            return replace(order, count=_whole(value))
        case "size":
            return replace(order, size=parse_size(value), aspect=None, resolution=None)
        case "provider":
            return replace(order, provider=value)
        case "model":
            return replace(order, model=value)
        case "channel":
            return replace(order, channel=value)
        case "aspect":
            return replace(order, aspect=value)
        case "resolution":
            return replace(order, resolution=value)
        case "format":
            return replace(order, format=value)
        case "quality":
            return replace(order, quality=value, options=_without(order.options, "quality"))
        case _:
            return replace(order, prompt=value or "")


def _without(options: Mapping[str, Json], key: str) -> dict[str, Json]:
    return {each: value for each, value in options.items() if each != key}


def _whole(value: str | None) -> int:
    if value is None or not value.isdecimal() or not 1 <= int(value) <= MOST_PICTURES:
        raise UsageProblem(
            f"count is a whole number from 1 to {MOST_PICTURES}, not {value or 'nothing'}.", "--set count=2"
        )
    return int(value)


def _same(old: Reference, new: Named) -> bool:
    if isinstance(new.source, Link):
        return isinstance(old, PictureLink) and old.url == new.source.url
    return isinstance(old, PictureFile) and new.examined is not None and old.sha256 == new.examined.sha256


def _old_name(old: Reference | None) -> str | None:
    if old is None:
        return None
    return Link(old.url).name if isinstance(old, PictureLink) else str(old.path)


def _new_name(old: Reference | None, new: Named | None) -> str | None:
    if new is None or isinstance(new.source, Link):
        return new.source.name if new else None
    path = new.source.path.absolute()
    anew = isinstance(old, PictureFile) and old.path == path
    return f"changed since: {path}" if anew else str(path)  # first, for a long path is cut


def _text(value: object) -> str | None:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return None if value is None else str(value)


def _json(order: Order, key: str) -> str | None:
    return json.dumps(order.options[key]) if key in order.options else None
