"""The JSON Schemas of what `--json` and `--events` print, made from the very classes that are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgen.money.losses import Loss
from imgen.money.report import CostReport
from imgen.screen.batch import CheckEntry as DifferenceEntry
from imgen.screen.batch import InitEntry, PlanEntry, RunEntry
from imgen.screen.checks import CheckEntry
from imgen.screen.envelope import PROGRAM, Envelope
from imgen.screen.fleet import FleetEntry
from imgen.screen.gallery import GalleryEntry
from imgen.screen.inspected import InspectedEntry
from imgen.screen.keys import KeyCheck, KeyEntry
from imgen.screen.models import LiveModel, ModelRow
from imgen.screen.requests import RequestPreview
from imgen.screen.settings import SettingEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWERS: Mapping[str, tuple[str, Any] | None] = {
    "generate": ("requests", list[RequestPreview]),  # with --dry-run
    "edit": ("requests", list[RequestPreview]),
    "again": ("requests", list[RequestPreview]),
    "wait": None,
    "status": ("lost", list[Loss]),
    "download": None,
    "batch": ("batch", RunEntry | DifferenceEntry | PlanEntry | InitEntry),  # the others with --check, --plan, --init
    "work": None,
    "fleet init": None,
    "fleet upgrade": None,
    "fleet status": ("fleet", FleetEntry),
    "fleet try": None,
    "history": None,
    "show": None,
    "open": None,
    "config get": ("settings", list[SettingEntry]),
    "config list": ("settings", list[SettingEntry]),
    "config path": ("path", str),
    "config edit": None,
    "doctor": ("checks", list[CheckEntry]),
    "gallery": ("gallery", GalleryEntry),
    "inspect": ("pictures", list[InspectedEntry]),
    "cancel": None,
    "forget": None,
    "config": ("settings", list[SettingEntry]),
    "config set": ("settings", list[SettingEntry]),
    "config unset": ("settings", list[SettingEntry]),
    "keys list": ("keys", list[KeyEntry]),
    "keys set": ("keys", list[KeyEntry]),
    "keys remove": ("keys", list[KeyEntry]),
    "keys check": ("keys", list[KeyCheck]),
    "costs": ("costs", CostReport),
    "completions": ("script", str),
    "models": ("models", list[ModelRow] | list[LiveModel]),  # the second with --live
    "schema": ("schemas", dict[str, dict[str, Any]]),
    # These only ever answer that the line is wrong.
    "keys": None,
    "fleet": None,
    "sandbox": None,
    "sandbox serve": None,
    PROGRAM: None,
}
"""For each command, the noun that its JSON may have beside `jobs`, and what stands under it."""

EVENTS = "events"
"""The name of the schema for one line of `--events`."""


def schemas() -> dict[str, Any]:
    """Every schema by its name: the commands, and `events`."""
    return {**{name: _answer(name, data) for name, data in ANSWERS.items()}, EVENTS: _events()}


def _answer(command: str, data: tuple[str, Any] | None) -> dict[str, Any]:
    from pydantic import TypeAdapter

    schema = TypeAdapter(Envelope).json_schema()
    schema["properties"]["command"] |= {"const": command}
    if data:
        noun, content = data
        under = TypeAdapter(content).json_schema()
        schema.setdefault("$defs", {}).update(under.pop("$defs", {}))
        schema["properties"][noun] = under
    return _dialect(schema)


def _events() -> dict[str, Any]:
    from pydantic import TypeAdapter

    from imgen.screen.events import Event

    schema = TypeAdapter(Event).json_schema()
    schema["$defs"]["Ended"]["properties"]["command"] |= {"enum": list(ANSWERS)}
    return _dialect(schema)


def _dialect(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
