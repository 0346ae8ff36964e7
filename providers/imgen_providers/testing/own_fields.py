"""Which fields a service itself writes where the parameters in its own words go: none of them may be one of those.

A parameter of that name would override what is priced and checked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgen_providers.base import PictureFile, PictureLink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen_providers.base import Json, Reference, Request, Service
    from imgen_providers.rows import Model, ServiceEntry

_MARK = "put_in_by_an_option"


def written_fields(service: Service, entry: ServiceEntry, request: Request) -> set[str]:
    """The fields that a request has beside one parameter in the service's own words, over all models and choices."""
    fields: set[str] = set()
    for each in (request, *(one for row in entry.models for one in _varied(request, row, entry))):
        beside = _beside_mark(service.preview(replace(each, extras={_MARK: True}))[1])
        assert beside is not None, "a parameter in the service's own words is not in the request"
        fields |= beside
    return fields


def _varied(request: Request, model: Model, entry: ServiceEntry) -> Iterator[Request]:
    """Requests of a model that have everything there is, and differ in one thing."""
    everything = replace(
        request,
        model=model.remote_id,
        references=(_picture("a", entry),),
        aspect=model.aspects[0] if model.aspects else None,
        resolution=model.resolutions[0],
        format=model.formats[0] if model.formats else None,
        count=1,
    )
    yield everything
    yield replace(everything, references=())
    yield replace(everything, references=(_picture("b", entry),))
    yield replace(everything, prompt="a dog")
    yield replace(everything, count=2)
    yield replace(everything, references=(), conversation=[{"role": "user", "parts": [{"text": "a cat"}]}])
    for aspect in model.aspects:
        yield replace(everything, aspect=aspect)
    for resolution in model.resolutions:
        yield replace(everything, resolution=resolution)
    for format in model.formats:
        yield replace(everything, format=format)


def _picture(name: str, entry: ServiceEntry) -> Reference:
    if entry.reference_route == "data-uri":
        return PictureFile(Path(name), "image/png", 3, "00")
    return PictureLink(f"https://x.test/{name}")


def _beside_mark(body: Json) -> set[str] | None:
    if isinstance(body, list):
        return next((found for each in body if (found := _beside_mark(each)) is not None), None)
    if not isinstance(body, dict):
        return None
    if _MARK in body:
        return body.keys() - {_MARK}
    return _beside_mark(list(body.values()))
