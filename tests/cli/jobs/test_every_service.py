"""Every service, each of its models, each scene: an order becomes verified pictures, over real sockets."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.jobs.bench import Bench
from imgen.errors import ExitCode
from imgen.orders.drafts import split
from imgen.orders.matching import possible
from imgen.orders.order import Order
from imgen.pictures.naming import parse_output
from imgen.records import State
from imgen_providers.base import PictureFile, PictureLink, Reference
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from pathlib import Path

MODELS = [f"{entry.name}/{model.remote_id}" for entry in SERVICES.values() for model in entry.models]
SCENES = ["generate", "edit"]


def reference(bench: Bench, provider: str) -> Reference:
    """A picture in the form this service takes: its bytes, or a link it can fetch."""
    path = bench.folder / "reference.png"
    Image.new("RGB", (64, 48), "teal").save(path)
    if SERVICES[provider].reference_route == "data-uri":
        data = path.read_bytes()
        return PictureFile(path, "image/png", len(data), hashlib.sha256(data).hexdigest())
    return PictureLink("https://pictures.example.com/teal.png")


@pytest.mark.parametrize(("name", "scene"), list(itertools.product(MODELS, SCENES)))
def test_an_order_becomes_a_verified_picture(tmp_path: Path, name: str, scene: str) -> None:
    provider = name.split("/")[0]
    with Bench(tmp_path, seconds=1.0) as bench:
        order = Order("a red fox", model=name, aspect="16:9" if scene == "generate" else None, count=2)
        choice = possible(order, bench.config.accounts)[0]
        assert f"{choice.entry.name}/{choice.model.remote_id}" == name
        if scene == "edit":
            choice = choice._replace(request=replace(choice.request, references=(reference(bench, provider),)))
        target = parse_output(
            None, cwd=tmp_path / "out", pictures=2, overwrite=False, format=None, kept=tmp_path / "kept"
        )
        records = bench.record(split(choice, target))

        report = bench.follow(records)

        assert report.exit_code is ExitCode.DONE
        assert {record.state for record in report.records} == {State.SAVED}
        assert {record.request.operation for record in report.records} == {scene}
        results = [result for record in report.records for result in record.results]
        assert len(results) == 2
        for result in results:
            assert result.differences == ()
            assert result.path
            with Image.open(result.path) as picture:
                picture.load()
                if scene == "generate":
                    documented = choice.model.size("16:9", choice.request.resolution)
                    assert picture.size == (documented or picture.size)
        assert len({result.sha256 for result in results}) == 2
        assert len(bench.requests("POST")) == len(report.records)
