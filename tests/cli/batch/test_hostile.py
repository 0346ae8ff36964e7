"""Manifests and locks come with clones: whatever bytes are in them, the answer is a sentence, and no other error."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cli.batch.locks import lock_text, locked
from cli.batch.manifests import loaded
from imgen.batch.lock import read
from imgen.batch.reading.findings import BadManifest
from imgen.batch.reading.starter import MANIFEST

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FIELDS = ["path", "prompt", "prompt_file", "for", "count", "references", "options", "convert", "size", "nope", "é", ""]
VALUES: SearchStrategy[object] = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(max_size=20)
    | some.sampled_from(FIELDS),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)


def ends_well(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = []
        try:
            loaded(Path(folder), data, name)
        except BadManifest as error:
            found = list(error.findings)
        assert all(finding.message and finding.line >= 0 for finding in found)


@settings(max_examples=300, deadline=None)
@given(some.dictionaries(some.sampled_from(FIELDS), VALUES, max_size=5))
def test_any_values_in_the_fields_of_an_asset(table: dict[str, object]) -> None:
    import json

    ends_well(json.dumps(table).encode(), "a.jsonl")


@settings(max_examples=300, deadline=None)
@given(some.integers(min_value=0, max_value=len(MANIFEST)), some.text(max_size=8) | some.sampled_from("{}[]\"'=#\n,."))
def test_any_text_in_any_place_of_a_toml_manifest(place: int, text: str) -> None:
    ends_well((MANIFEST[:place] + text + MANIFEST[place + 1 :]).encode(errors="surrogatepass"), "a.toml")


@settings(max_examples=200, deadline=None)
@given(some.binary(max_size=80), some.sampled_from(["a.toml", "a.jsonl", "a.csv", "a.yaml"]))
def test_any_bytes_as_any_kind_of_manifest(data: bytes, name: str) -> None:
    ends_well(data, name)


@settings(max_examples=200, deadline=None)
@given(some.text(max_size=80), some.sampled_from(["a.csv", "a.yaml"]))
def test_any_text_as_csv_and_yaml(text: str, name: str) -> None:
    ends_well(text.encode(errors="surrogatepass"), name)
    ends_well(("asset:\n- path: a.png\n  prompt: " + text).encode(errors="surrogatepass"), "a.yaml")
    ends_well(("path,prompt,options\n" + text).encode(errors="surrogatepass"), "a.csv")


LOCK = lock_text([locked("a.png"), locked("b/ä.webp", sandbox=True, max_width=9)])


@settings(max_examples=300, deadline=None)
@given(some.integers(min_value=0, max_value=len(LOCK)), some.text(max_size=8) | some.sampled_from('{}[]":,-.9\n'))
def test_any_text_in_any_place_of_a_lock(place: int, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.lock")
        path.write_bytes((LOCK[:place] + text + LOCK[place + 1 :]).encode(errors="surrogatepass"))
        before = path.read_bytes()
        assets = {}
        with suppress(BadManifest):
            assets = read(path, "a.lock")
        assert all(len(each.sha256) == 64 and ".." not in name.split("/") for name, each in assets.items())
        assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.toml", "a.jsonl", "a.csv", "a.yaml"])
def test_every_kind_is_refused_where_it_is_too_large(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadManifest, match="it is larger than 20 MB"):
        loaded(tmp_path, b"a" * 50_000_000, name)
