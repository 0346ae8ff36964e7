"""A manifest in YAML: plain values only, each field with its line. Import it in function bodies only.

Anchors and aliases are refused: a few of them stand for more data than a machine holds, and `defaults` does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from imgen.batch.toml_lines import ASSET, DEFAULTS, TOP, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlRefused(Exception):
    """The text is YAML, and no manifest; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def load(text: str) -> tuple[dict[str, object], Callable[[Scope, str | None], int]]:
    """The top table, and where each field stands. Raises `YamlRefused`, and what PyYAML raises."""
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            at = event.start_mark.line + 1 if event.start_mark else 0
            raise YamlRefused(at, "a manifest has no anchors and aliases; defaults do the same.")
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise YamlRefused(1, "it is not a table with defaults and asset.")
        value: dict[str, object] = loader.construct_document(node)
    finally:
        loader.dispose()
    places = _places(node)

    def line(scope: Scope, field: str | None) -> int:
        return places.get((scope, field), places.get((scope, None), 0))

    return {str(key): inner for key, inner in value.items()}, line


def _places(top: yaml.MappingNode) -> dict[tuple[Scope, str | None], int]:
    places: dict[tuple[Scope, str | None], int] = {}
    for key, value in top.value:
        places[TOP, str(key.value)] = _line(key)
        if key.value == DEFAULTS:
            places.update(_fields(DEFAULTS, value))
        elif key.value == ASSET and isinstance(value, yaml.SequenceNode):
            for number, node in enumerate(value.value):
                places.update(_fields(number, node))
    return places


def _fields(scope: Scope, node: yaml.Node) -> dict[tuple[Scope, str | None], int]:
    inner = node.value if isinstance(node, yaml.MappingNode) else []
    return {(scope, None): _line(node), **{(scope, str(key.value)): _line(key) for key, _ in inner}}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
