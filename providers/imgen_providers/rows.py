"""What a row of the catalogue is: one service, its models, their limits and prices.

Named tuples, because TAB reads them: `dataclasses` alone would take longer to import than all of the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import Request
    from imgen_providers.pixels import PixelTable

_NOTHING: Mapping[str, Any] = {}
"""Nothing known."""

COUNT_OPTIONS = frozenset(
    {
        *("n", "count", "numimages", "numberofimages", "numberimages", "imagecount", "imagescount", "numoutputs"),
        *("numberofoutputs", "numresults", "numberresults", "maximages", "batchsize", "batchcount"),
        *("samplecount", "numsamples", "candidatecount", "numcandidates"),
    }
)
"""Parameters in a service's own words that mean how many pictures a request makes, and so what it costs.

The names that the services and the makers of their models use for it (reference 2.1, 3.3, 4.A, GMI 9; Google's and
OpenAI's own, 2026-11-25), in small letters and without `_` and `-`. A service may ignore one; its price must be
reckoned with all the same.
"""


_MOST = 10_000  # pictures of one request whose price can be reckoned with


def pictures_ordered(count: int, extras: Mapping[str, object]) -> int | None:
    """How many pictures a request may be charged for: `count`, times what its `extras` ask for in each, however deep.

    None where an extra means a count and its value is no whole number, or beyond any: the price is then unknown.
    """
    inside: list[object] = [dict(extras)]
    while inside:
        match inside.pop():
            case dict() as fields:
                for name, value in fields.items():
                    if not _means_count(name):
                        inside.append(value)
                    elif (times := _whole(value)) is not None:
                        count *= times
                    else:
                        return None
                    if count > _MOST:
                        return None
            case list() as values:
                inside.extend(values)
            case _:
                pass
    return count


def _means_count(name: str) -> bool:
    return name.replace("_", "").replace("-", "").lower() in COUNT_OPTIONS


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


BATCH = "batch"
"""The channel by which a service makes pictures when it has time: hours later, at a lower price."""

ReferenceRoute = Literal["data-uri", "upload", "public-url"]
"""How a picture on this disk reaches the service."""


class Price(NamedTuple):
    """What one picture costs: a decimal text in "usd" or in the service's own "credits".

    Services change prices without notice; `seen` (a date) and `source` say how far to trust it.
    """

    amount: str
    unit: Literal["usd", "credits"]
    seen: str
    source: str


class Cadence(NamedTuple):
    """When to ask how a job stands, all in seconds.

    `first` is the documented wait before the first question. `steps` are (age of the job, interval),
    youngest first. `floor` is the least time between two questions whatever a person asks for.
    `after_rate_limit` is the least wait after a 429 that names no time.
    """

    first: float
    steps: tuple[tuple[float, float], ...]
    floor: float
    after_rate_limit: float


class End(NamedTuple):
    """The day (ISO 8601) from which on a service may not answer for a model any more, and where it stands."""

    day: str
    source: str


class Model(NamedTuple):
    """One model at one service, and the limits a request is checked against before it is sent.

    `auto_aspect`: the service takes the word "auto" for an aspect. `prices` and `durations` (typical
    seconds, low and high, for one picture) are by resolution; a missing one is unknown, never 0.
    `reference_price` is for each reference picture of a request, beside `prices`.
    `prompt_limit` is in characters, `reference_bytes` per picture, `link_seconds` from the end of the job.
    Empty `formats` or `reference_formats` mean that the service offers no choice, or names none.
    `channel` names one of several ids of a model ("default", "official", "unified", "batch"); a family means the first
    of them. `comes_back` is False where the answer to the submit is all there is: no job can be polled afterwards.
    `end` is the model's last day, where one is known. `qualities` are what the service takes as "quality", where that
    decides the price; `quality_prices` are by quality, then by resolution, for a request without references.
    """

    remote_id: str
    family: str
    pixels: PixelTable
    aspects: tuple[str, ...]
    auto_aspect: bool
    resolutions: tuple[str, ...]
    formats: tuple[str, ...]
    max_count: int
    max_references: int
    reference_formats: tuple[str, ...] = ()
    reference_bytes: int | None = None
    prompt_limit: int | None = None
    prices: Mapping[str, Price] = _NOTHING
    durations: Mapping[str, tuple[float, float]] = _NOTHING
    link_seconds: float | None = None
    channel: str | None = None
    reference_price: Price | None = None
    comes_back: bool = True
    end: End | None = None
    qualities: tuple[str, ...] = ()
    quality_prices: Mapping[str, Mapping[str, Price]] = _NOTHING

    def price(self, request: Request) -> Price | None:
        """What one picture of a request costs, its references apart; None where that is not known."""
        quality, resolution = request.extras.get("quality"), request.resolution or "1K"
        if quality is None or not self.qualities:
            return self.prices.get(resolution)
        if request.operation == "edit":  # what its pictures take of the service depends on their size
            return None
        return self.quality_prices.get(str(quality), _NOTHING).get(resolution)

    def size(self, aspect: str | None, resolution: str | None) -> tuple[int, int] | None:
        """The picture's exact width and height in pixels, or None where no document says it."""
        return self.pixels.get(resolution or "1K", {}).get(aspect or "")

    def has_ended(self, day: str) -> bool:
        """Whether that day (ISO 8601) is past the model's last."""
        return self.end is not None and day >= self.end.day

    def typical_seconds(self, resolution: str | None) -> float | None:
        """The documented upper end of the usual time for one picture."""
        span = self.durations.get(resolution or "1K")
        return span[1] if span else None


class ServiceEntry(NamedTuple):
    """One service's row: where it is, whose key it takes, how often it wants to be asked, what it has.

    `implementation` is "module:Class". `submits_per_minute` is the documented default limit on submits,
    None where none is documented. `failure_is_free` says whether a failed job costs nothing, None where
    no document says. `submit_seconds` is how long one submit may take to answer. `own_fields` are what a request
    writes on the wire itself, so no parameter in the service's own words may be called so. `upload_formats` are
    what its own place for reference pictures takes, where it has one. `base_path` is the path that its documents
    give with its address; a user may write it behind an origin. `other_key_variables` hold the key where `key_variable`
    is not set. `inline_limit` is how many bytes of references, in base64, fit into a request; more are uploaded first.
    `lists_when_ended` is set where the list of jobs may show one only once it has ended. `takes_links` is set where a
    picture can also be given as its public URL, beside the route "data-uri".
    `package` is the name and version of the installed package that adds the service, None where it is one of ours.
    """

    name: str
    title: str
    origin: str
    key_variable: str
    origin_variable: str
    organization_variable: str | None
    implementation: str
    cadence: Cadence
    submits_per_minute: int | None
    submit_seconds: float
    failure_is_free: bool | None
    reference_route: ReferenceRoute
    models: tuple[Model, ...]
    own_fields: frozenset[str]
    upload_formats: tuple[str, ...] = ()
    base_path: str = ""
    other_key_variables: tuple[str, ...] = ()
    inline_limit: int | None = None
    lists_when_ended: bool = False
    takes_links: bool = False
    package: str | None = None

    def model(self, remote_id: str) -> Model | None:
        """The row of one of the service's own model ids, or None where the catalogue has none."""
        return next((model for model in self.models if model.remote_id == remote_id), None)

    def comes_back(self, remote_id: str) -> bool:
        """Whether a job of that model can be asked for after its submit was answered.

        Of a model that no row has, the first row of the same channel says it; a job without one was found there.
        """
        known = self.model(remote_id)
        if known or not self.models or not remote_id:
            return known.comes_back if known else True
        channel = remote_id.partition("/")[0]
        alike = (model for model in self.models if model.remote_id.partition("/")[0] == channel)
        return next(alike, self.models[0]).comes_back

    def family(self, family: str) -> Model | None:
        """The row of a model family at this service, or None where it has no such model."""
        return next((model for model in self.models if model.family == family), None)
