"""Which settings an order takes, and which the command line has decided by what it says."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgen.commands.defaults import resolve_order
from imgen.config.config import Config
from imgen.errors import BadConfiguration
from imgen.jobs.run_order import RunOptions
from imgen.orders.matching import possible
from imgen.orders.order import Order

if TYPE_CHECKING:
    from imgen.commands.defaults import ResolvedOrder

KEYS = dict.fromkeys(("THREEDAISTUDIO_API_KEY", "REAPI_API_KEY", "GMI_API_KEY"), "not-a-real-key")


def order(**fields: object) -> Order:
    return Order("a fox", **fields)  # type: ignore[arg-type]


def run_options(output: str | None = None, timeout: float | None = None) -> RunOptions:
    return RunOptions(output, timeout=timeout)


SETTINGS = {
    "IMGEN_PROVIDER": "reapi",
    "IMGEN_MODEL": "gemini-3-pro",
    "IMGEN_ASPECT": "16:9",
    "IMGEN_RESOLUTION": "2K",
    "IMGEN_FORMAT": "webp",
    "IMGEN_COUNT": "3",
    "IMGEN_OUTPUT": "shots/",
    "IMGEN_TIMEOUT": "90",
}


def with_settings(
    folder: Path, environ: dict[str, str], resolved: Order, how: RunOptions | None = None
) -> ResolvedOrder:
    return resolve_order(resolved, how or run_options(), Config({"IMGEN_HOME": str(folder), **environ}, folder))


def test_what_is_left_open_comes_from_settings(tmp_path: Path) -> None:
    found = with_settings(tmp_path, SETTINGS, order())

    assert found.order == order(
        provider="reapi", model="gemini-3-pro", aspect="16:9", resolution="2K", wished_format="webp", count=3
    )
    assert (found.run_options.output, found.run_options.folder, found.run_options.timeout) == ("shots/", None, 90.0)


def test_what_the_command_line_says_stays(tmp_path: Path) -> None:
    said = order(provider="gmicloud", model="gemini-3-pro", aspect="1:1", resolution="1K", format="png", count=1)

    found = with_settings(tmp_path, SETTINGS, said, run_options("fox.png", 5.0))

    assert found.order == replace(said, wished_format="png")
    assert (found.run_options.output, found.run_options.timeout, found.used) == ("fox.png", 5.0, {})


@pytest.mark.parametrize(
    ("said", "environ", "provider", "model"),
    [
        # An exact name is the name of its service too.
        (order(model="gmicloud/x"), {"IMGEN_PROVIDER": "reapi"}, None, "gmicloud/x"),
        (order(), {"IMGEN_PROVIDER": "reapi", "IMGEN_MODEL": "gmicloud/x"}, None, "gmicloud/x"),
        (order(provider="reapi"), {"IMGEN_MODEL": "gmicloud/x"}, "reapi", None),
        (order(provider="gmicloud"), {"IMGEN_MODEL": "gmicloud/x"}, "gmicloud", "gmicloud/x"),
        (order(provider="auto"), {"IMGEN_MODEL": "gmicloud/x"}, "auto", "gmicloud/x"),
    ],
)
def test_a_setting_yields_to_what_the_command_line_implies(
    tmp_path: Path, said: Order, environ: dict[str, str], provider: str | None, model: str | None
) -> None:
    found = with_settings(tmp_path, environ, said)

    assert (found.order.provider, found.order.model) == (provider, model)


def test_a_size_and_a_file_name_decide_what_they_imply(tmp_path: Path) -> None:
    found = with_settings(tmp_path, SETTINGS, order(size=(640, 480)), run_options("fox.jpg"))

    assert (found.order.aspect, found.order.resolution, found.order.wished_format) == (None, None, "jpeg")


def test_the_preferred_service_comes_first() -> None:
    config = Config({**KEYS, "IMGEN_PROVIDERS": "reapi,gmicloud"}, Path("/"))

    found = possible(order(model="gemini-3-pro"), config.accounts, config.preferred)

    assert [choice.entry.name for choice in found] == ["reapi", "gmicloud", "3daistudio"]


@pytest.mark.parametrize("output", ["/etc/", "../up/", "~/up", "a/../../up/", "-", "link/x.png", "link/{slug}.png"])
def test_a_project_puts_pictures_nowhere_else(tmp_path: Path, output: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    if os.name != "nt":
        (project / "link").symlink_to("/etc")
    (project / "imgen.toml").write_text(f'count = 2\noutput = "{output}"\n')
    config = Config({"IMGEN_HOME": str(tmp_path)}, project)

    with pytest.raises(BadConfiguration, match=r"imgen\.toml, line 2, leads out of the project") as refused:
        resolve_order(order(), run_options(), config)

    assert "in your own file" in str(refused.value.hint)
    assert resolve_order(order(), run_options("mine/"), config).run_options.output == "mine/"


def test_a_projects_folder_is_where_its_file_is(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "imgen.toml").write_text('output = "pictures/{slug}.png"\n')

    found = resolve_order(order(), run_options(), Config({"IMGEN_HOME": str(tmp_path)}, tmp_path / "a"))

    assert (found.run_options.output, found.run_options.folder) == ("pictures/{slug}.png", tmp_path)
    assert found.order.wished_format == "png"


def test_a_projects_file_names_listed_models_only(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    file, own = project / "imgen.toml", tmp_path / "config.toml"
    config = Config({**KEYS, "IMGEN_HOME": str(tmp_path)}, project)

    file.write_text('count = 16\nmodel = "reapi/dearest-model"\n')
    with pytest.raises(BadConfiguration, match=r"imgen\.toml, line 2.* price is not known") as refused:
        resolve_order(order(), run_options(), config)
    assert "-m reapi/dearest-model" in str(refused.value.hint)
    assert resolve_order(order(model="reapi/dearest-model"), run_options(), config).order.count == 16

    file.write_text('model = "reapi/gemini-3-pro-image-preview"\n')
    listed = Config({**KEYS, "IMGEN_HOME": str(tmp_path)}, project)
    assert resolve_order(order(), run_options(), listed).order.model == "reapi/gemini-3-pro-image-preview"

    file.unlink()
    own.write_text('model = "reapi/dearest-model"\n')
    mine = Config({**KEYS, "IMGEN_HOME": str(tmp_path)}, project)
    assert resolve_order(order(), run_options(), mine).order.model == "reapi/dearest-model"
