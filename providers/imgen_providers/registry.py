"""The services that installed packages add, by the entry point group `imgen.services`: found, asked for, remembered.

Without such a package, all there is to do is to look for one: the names in the folders that Python imports from, and
one small file of each package. The row of a service is a Python object, so the package's code must run once to get at
it: in a process of its own (`row_check.py`), which a fault or an endless import ends without ending ours. What that
process answers is remembered until the package changes, so that neither a command nor TAB runs the code again.
Standard library only, and little of it: TAB imports this.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from imgen_providers.rows import Cadence, End, Model, Price, ServiceEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

GROUP = "imgen.services"
"""The entry point group; an entry's name is that of the service, its value where the row is, as "module:NAME"."""

_SECONDS = 10.0  # that a package has to import and hand over a row
_FIELDS = [*ServiceEntry._fields, *Model._fields, *Cadence._fields, *Price._fields, *End._fields]


class Cache(Protocol):
    """Where the rows of installed packages are remembered; a disk that fails raises nothing here."""

    def read(self) -> bytes | None:
        """What was written last; None where there is nothing, or nothing that can be trusted."""
        ...

    def write(self, data: bytes) -> None:
        """Remember this instead."""
        ...


class LeftOut(NamedTuple):
    """A service that a package adds and that is not used; `reason` is the end of a sentence, without a full stop."""

    service: str
    package: str
    reason: str

    @property
    def sentence(self) -> str:
        """What a user must know of it."""
        return f"{self.package} adds the service {self.service}, which is left out: {self.reason}."


class _Offer(NamedTuple):
    """What one entry point of a package led to: a row, or the reason why there is none."""

    service: str
    package: str
    row: ServiceEntry | None
    reason: str = ""


_cache: Cache | None = None
_asks = True


def use(cache: Cache | None, *, asks: bool = True) -> None:
    """Before the catalogue is imported: where rows are remembered, and whether a package may be asked for its rows.

    Without a cache every process asks. A process that may not ask knows only what is remembered.
    """
    global _cache, _asks
    _cache, _asks = cache, asks


def installed(
    ours: Mapping[str, ServiceEntry], *, anew: bool = False, seconds: float = _SECONDS
) -> tuple[tuple[ServiceEntry, ...], tuple[LeftOut, ...]]:
    """The services that installed packages add to `ours`, in the order of their names, and those that are left out.

    `anew`: from the packages themselves, whatever is remembered. `seconds`: what each has to answer.
    """
    folders = list(_adding_services())
    if not folders:
        return (), ()
    return _chosen(ours, _offers(folders, {} if anew else _remembered(), seconds))


def _chosen(
    ours: Mapping[str, ServiceEntry], offers: Iterable[_Offer]
) -> tuple[tuple[ServiceEntry, ...], tuple[LeftOut, ...]]:
    """Whom money and keys go to must be clear from a name: of two packages with the same one, neither is taken."""
    every = sorted(offers, key=lambda offer: (offer.service, offer.package))
    chosen, left_out = [], []
    for offer in every:
        others = [*ours.values(), *(each.row for each in every if each is not offer and each.row)]
        reason = offer.reason if offer.row is None else _collision(offer.row, others)
        if offer.row is None or reason:
            left_out.append(LeftOut(offer.service, offer.package, reason))
        else:
            chosen.append(offer.row)
    return tuple(chosen), tuple(left_out)


def _collision(row: ServiceEntry, others: Iterable[ServiceEntry]) -> str:
    for other in others:
        whose = f"{other.title} of {other.package}" if other.package else other.title
        if row.name == other.name:
            return f"its name is that of {whose}"
        if shared := _variables(row) & _variables(other):
            return f"its variable {min(shared)} is one of {whose}"
    return ""


def _variables(row: ServiceEntry) -> set[str]:
    names = (row.key_variable, row.origin_variable, row.organization_variable, *row.other_key_variables)
    return {name for name in names if name}


def _offers(folders: Iterable[str], remembered: Mapping[str, Any], seconds: float) -> list[_Offer]:
    """What every installed package offers: as it is remembered, else as the package itself says, if it may be asked."""
    known: dict[str, Any] = {}
    asked = False
    for folder in folders:
        package = remembered.get(folder)
        if package is not None and _is_unchanged(package):
            known[folder] = package
        elif _asks:
            known[folder], asked = _asked(folder, seconds), True
    if asked and _cache:
        import json

        _cache.write(json.dumps({"fields": _FIELDS, "packages": known}).encode())
    return [offer for package in known.values() for offer in _read(package)]


def _asked(folder: str, seconds: float) -> dict[str, Any]:
    from imgen_providers.row_question import ask

    package, offers, files = ask(folder, GROUP, seconds)
    return {"package": package, "offers": offers, "files": {path: _state(path) for path in sorted(files)}}


def _adding_services() -> Iterator[str]:
    """The folders with the metadata of installed packages that add services.

    Not where the program itself or the working folder is: what lies in a folder is not installed.
    """
    seen = set()
    for place in sys.path if sys.flags.safe_path else sys.path[1:]:
        try:
            names = os.listdir(place)  # noqa: PTH208 (pathlib takes 3 ms of a TAB)
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                project = name.rpartition(".")[0].partition("-")[0].lower().replace(".", "_")
                folder = os.path.join(place, name)  # noqa: PTH118
                if project not in seen and _adds_services(folder):
                    yield folder
                seen.add(project)  # the first one of a name is the one that Python imports


def _adds_services(folder: str) -> bool:
    try:
        with open(os.path.join(folder, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123
            return GROUP.encode() in file.read()
    except OSError:
        return False


# What is remembered ----------------------------------------------------------------------------------------------


def _remembered() -> dict[str, Any]:
    """What the cache holds of each package, by the folder of its metadata; nothing where another imgen wrote it."""
    text = _cache.read() if _cache else None
    if text is None:
        return {}
    import json

    try:
        found = json.loads(text)
        return found["packages"] if found.get("fields") == _FIELDS else {}
    except (ValueError, AttributeError, KeyError):
        return {}


def _is_unchanged(package: Mapping[str, Any]) -> bool:
    try:
        _read(package)
        return all(_state(path) == state for path, state in package["files"].items())
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


def _state(path: str) -> list[int] | None:
    """What changes when a file is written anew, or a package is installed into a folder."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _read(package: Mapping[str, Any]) -> list[_Offer]:
    name = package["package"]
    return [
        _Offer(each["service"], name, _entry(each["row"], name) if each["row"] else None, each["reason"])
        for each in package["offers"]
    ]


def _entry(row: Sequence[Any], package: str) -> ServiceEntry:
    """A row from what JSON made of it: lists, in the order of the fields."""
    named = dict(zip(ServiceEntry._fields, row, strict=True))
    first, steps, floor, after = named["cadence"]
    return ServiceEntry(
        **{
            **named,
            "cadence": Cadence(first, tuple((age, wait) for age, wait in steps), floor, after),
            "models": tuple(map(_model, named["models"])),
            "own_fields": frozenset(named["own_fields"]),
            "upload_formats": tuple(named["upload_formats"]),
            "other_key_variables": tuple(named["other_key_variables"]),
            "package": package,
        }
    )


def _model(row: Sequence[Any]) -> Model:
    named = dict(zip(Model._fields, row, strict=True))
    lists = ("aspects", "resolutions", "formats", "reference_formats", "qualities")
    return Model(
        **{
            **named,
            **{name: tuple(named[name]) for name in lists},
            "pixels": {size: {a: (w, h) for a, (w, h) in row.items()} for size, row in named["pixels"].items()},
            "prices": _prices(named["prices"]),
            "quality_prices": {quality: _prices(prices) for quality, prices in named["quality_prices"].items()},
            "durations": {size: (low, high) for size, (low, high) in named["durations"].items()},
            "reference_price": Price(*named["reference_price"]) if named["reference_price"] else None,
            "end": End(*named["end"]) if named["end"] else None,
        }
    )


def _prices(by_size: Mapping[str, Sequence[Any]]) -> dict[str, Price]:
    return {size: Price(*price) for size, price in by_size.items()}
