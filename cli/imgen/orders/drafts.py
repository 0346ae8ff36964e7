"""From a checked order to rows of the ledger: split by what one request can make, named, keyed and priced."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from imgen.records import Cost, Draft, new_id
from imgen_providers.base import PictureFile, Reference, Request
from imgen_providers.catalog import pictures_ordered

if TYPE_CHECKING:
    from imgen.orders.order import Choice
    from imgen.pictures.target import Target
    from imgen_providers.catalog import Model


def split(
    choice: Choice, target: Target, *, parent_id: str | None = None, project: str | None = None
) -> tuple[Draft, ...]:
    """The jobs that make the ordered pictures, each at most what one request of the model can make.

    `parent_id` is the job that the order goes on from, `project` the folder that it is counted for.
    """
    key = request_key(choice)
    run_id = new_id()
    drafts = []
    first = 1
    for count in _counts(choice.request.count, choice.model.max_count):
        job_id = new_id()
        drafts.append(
            Draft(
                id=job_id,
                run_id=run_id,
                request_key=key,
                provider=choice.entry.name,
                origin=choice.origin,
                family=choice.model.family,
                request=replace(choice.request, count=count, idempotency_key=f"{run_id}-{job_id}"),
                target=replace(target, first_index=first, pictures_in_run=choice.request.count),
                cost=price(choice.model, choice.request, count),
                parent_id=parent_id,
                project=project,
            )
        )
        first += count
    return tuple(drafts)


def request_key(choice: Choice) -> str:
    """What makes two orders the same: service, model, parameters, and the contents of the references.

    The whole order is hashed, before it is split: the rows of one run share their key, and differ by their place in
    the run. A later run of the same order meets them all. Two prompts that read alike count as one: what it costs to
    be wrong there is one question, and the other way round a second charge.
    """
    request = choice.request
    parts = {
        "provider": choice.entry.name,
        "model": request.model,
        "prompt": _as_it_reads(request.prompt),
        "aspect": request.aspect,
        "resolution": request.resolution,
        "format": request.format,
        "count": request.count,
        "extras": dict(request.extras),
        "references": [_content(reference) for reference in request.references],
        "conversation": request.conversation,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _as_it_reads(text: str) -> str:
    """A text in one of the spellings that Unicode has for it (NFKC, UAX 15), less spaces and what is not seen."""
    seen = (letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return " ".join("".join(seen).split())


def price(model: Model, request: Request, count: int) -> Cost:
    """What a request for `count` pictures costs by the catalogue, with those that its options ask for.

    Unknown where the catalogue has no price, and where an option that means a count is no number.
    """
    found = model.price(request)
    pictures = pictures_ordered(count, request.extras)
    if found is None or pictures is None:
        return Cost(None, None)
    return Cost(str(Decimal(found.amount) * pictures + reference_price(model, request)), found.unit)


def reference_price(model: Model, request: Request) -> Decimal:
    """How much of that is for the request's reference pictures."""
    each = model.reference_price
    return Decimal(each.amount) * len(request.references) if each and request.references else Decimal(0)


def _counts(pictures: int, most: int) -> list[int]:
    whole, rest = divmod(pictures, most)
    return [most] * whole + ([rest] if rest else [])


def _content(reference: Reference) -> str:
    return reference.sha256 if isinstance(reference, PictureFile) else reference.url
