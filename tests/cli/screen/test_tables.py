"""Jobs and models as columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from imgen.money.losses import Loss
from imgen.records import Cost, JobRecord, Result, ResultState, State
from imgen.screen.models import LiveModel, ModelRow, PriceEntry, live_table, model_details, model_overview, model_table
from imgen.screen.settings import SettingRow, setting_table
from imgen.screen.tables import history_lines, job_lines, losses_line, lost_lines
from imgen.screen.text import cells
from imgen_providers.catalog import SERVICES

MakeRecord = Callable[..., JobRecord]

NOW = 1_795_174_438.7
LONG = "a red fox in the snow, golden hour,\nlooking over its shoulder, 35 mm film grain, by a frozen lake"


@pytest.fixture
def jobs(record: MakeRecord) -> list[JobRecord]:
    def ready(expires_at: float | None) -> tuple[Result, ...]:
        return (Result("x", 1, ResultState.READY, expires_at=expires_at),)

    return [
        record(created_at=NOW - 40, prompt=LONG),
        record(id="8mq2", state=State.READY, created_at=NOW - 3600, results=ready(NOW + 82_800), prompt=LONG),
        record(
            id="77ab",
            state=State.READY,
            created_at=NOW - 7200,
            results=ready(NOW + 2400),
            provider="gptproto",
        ),
        record(
            id="77ac",
            state=State.READY,
            created_at=NOW - 7200,
            results=ready(None),
            prompt="日本語の赤い狐" * 9,
        ),
        record(id="77ad", state=State.EXPIRED, created_at=NOW - 86_400, results=(Result("x", 1, ResultState.EXPIRED),)),
    ]


def test_in_a_pipe_every_prompt_is_whole(jobs: list[JobRecord]) -> None:
    whole = LONG.replace("\n", " ")
    assert job_lines(jobs, NOW, width=None) == [
        "JOB   STATE    MODEL             SERVICE     AGE       LINK               PROMPT",
        f"k3f9  running  gemini-3.1-flash  3daistudio  40 s ago                     {whole}",
        f"8mq2  ready    gemini-3.1-flash  3daistudio  1 h ago   23 h left          {whole}",
        "77ab  ready    gemini-3.1-flash  gptproto    2 h ago   expires in 40 min  a red fox in the snow",
        "77ac  ready    gemini-3.1-flash  3daistudio  2 h ago   time left unknown  " + "日本語の赤い狐" * 9,
        "77ad  expired  gemini-3.1-flash  3daistudio  1 d ago   expired            a red fox in the snow",
    ]


def test_links_are_kept_apart_where_pictures_of_one_job_differ(record: MakeRecord) -> None:
    def link(*results: Result) -> str:
        _, line = job_lines([record(state=State.READY, created_at=NOW, results=results)], NOW, width=None)
        return line.removeprefix("k3f9  ready  gemini-3.1-flash  3daistudio  just now  ").partition("  ")[0]

    saved, dead = Result("x", 1, ResultState.SAVED), Result("x", 2, ResultState.EXPIRED)
    soon, late = (Result("x", 3, ResultState.READY, expires_at=NOW + hours * 3600) for hours in (0.5, 5))
    overdue = Result("x", 4, ResultState.READY, expires_at=NOW - 1)

    assert link(soon, soon) == "expires in 30 min"
    assert link(saved, dead, late, late) == "1 of 4 expired, 2 of 4 5 h left"
    assert link(overdue) == "may have expired"
    assert link(Result("x", 1, ResultState.READY, expires_at=NOW, kept=Path("/kept/1"))) == "on this disk"


def test_lost_pictures_are_listed_with_their_cost(record: MakeRecord) -> None:
    dead, saved = Result("x", 1, ResultState.EXPIRED), Result("x", 2, ResultState.SAVED)
    lost = [
        record(created_at=NOW - 7200, results=(dead, saved), cost=Cost("30", "credits")),
        record(id="8mq2", created_at=NOW - 60, results=(dead,), cost=Cost(None, None)),
        record(id="77ab", created_at=NOW - 60, results=(dead,), cost=Cost("15", "credits"), origin="sandbox"),
    ]

    assert lost_lines(lost, NOW, width=None) == [
        "k3f9  1 of 2 lost  3daistudio/gemini/3.1/flash  2 h ago   15 credits         a red fox in the snow",
        "8mq2  1 of 1 lost  3daistudio/gemini/3.1/flash  60 s ago  price unknown      a red fox in the snow",
        "77ab  1 of 1 lost  3daistudio/gemini/3.1/flash  60 s ago  nothing (sandbox)  a red fox in the snow",
    ]
    assert max(map(cells, lost_lines(lost, NOW, width=50))) <= 50


@pytest.mark.parametrize(
    ("losses", "line"),
    [
        ([Loss("reapi", 1, "0.05", "usd")], "Lost: 1 picture, for $0.05 at reAPI."),
        ([Loss("gptproto", 2, None, None)], "Lost: 2 pictures, all of them at an unknown price."),
        (
            [
                Loss("3daistudio", 2, "30", "credits"),
                Loss("reapi", 1, "0.05", "usd"),
                Loss("gptproto", 1, None, None),
            ],
            "Lost: 4 pictures, for 30 credits at 3D AI Studio and $0.05 at reAPI, 1 of them at an unknown price.",
        ),
    ],
)
def test_losses_are_one_sentence(losses: list[Loss], line: str) -> None:
    assert losses_line(losses) == line


def test_a_narrow_terminal_keeps_the_prompt_longest(jobs: list[JobRecord]) -> None:
    assert job_lines(jobs, NOW, width=90)[4] == (
        "77ac  ready    gemini-3.1-flash  2 h ago   time left unknown  日本語の赤い狐日本語の赤い…"
    )
    assert job_lines(jobs, NOW, width=80)[2] == (
        "8mq2  ready    1 h ago   23 h left          a red fox in the snow, golden hour,…"
    )
    assert job_lines(jobs, NOW, width=63)[2] == "8mq2  ready    23 h left          a red fox in the snow, golde…"
    assert job_lines(jobs, NOW, width=40)[2] == "8mq2  ready    a red fox in the snow, g…"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_history_has_a_prompt_at_every_usual_width(jobs: list[JobRecord], width: int) -> None:
    heading, first, *_ = history_lines(jobs, NOW, width=width)

    assert heading.startswith("JOB   STATE ")
    assert heading.endswith("PROMPT")
    assert "a red fox in the snow" in first


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(jobs: list[JobRecord], width: int) -> None:
    """Id, state and prompt are always there, and what is left of the link where there is room for more."""
    lines = job_lines(jobs, NOW, width=width)
    assert max(map(cells, lines)) <= width
    assert lines[3].startswith("77ab  ready")
    assert "a red fox" in lines[3]
    assert ("expires in 40 min" in lines[3]) == (width > 40)


def test_a_column_that_says_nothing_is_left_out(record: MakeRecord) -> None:
    assert job_lines([record(created_at=NOW)], NOW, width=None) == [
        "JOB   STATE    MODEL             SERVICE     AGE       PROMPT",
        "k3f9  running  gemini-3.1-flash  3daistudio  just now  a red fox in the snow",
    ]


def test_a_prompt_or_a_model_gives_no_orders_to_a_build_server_or_a_terminal(record: MakeRecord) -> None:
    nasty = record(prompt="##[error]::x \x9b2J\u202e", model="##vso[x]y\x1b]0;", family=None)
    [_, line] = job_lines([nasty], NOW, width=None)
    [_, model] = live_table([LiveModel("gmicloud", "##[group]\x1b[31m\u2066", listed=False)])

    for text in (line, model):
        assert "##[" not in text
        assert "##vso[" not in text
        assert text.isprintable()


def test_no_jobs_no_lines() -> None:
    assert job_lines([], NOW, width=80) == []


def row(service: str, *, key_set: bool, prices: dict[str, PriceEntry], channel: str | None = None) -> ModelRow:
    return ModelRow(
        family="gemini-3.1-flash",
        service=service,
        title="3D AI Studio",
        remote_id="gemini/3.1/flash",
        channel=channel,
        resolutions=("1K", "2K"),
        aspects=("1:1", "16:9", "9:21"),
        references=14,
        formats=("png", "jpeg"),
        prices=prices,
        reference_price=None,
        link_seconds=86_400.0,
        key_set=key_set,
        pixels=None,
    )


PRICES = {"1K": PriceEntry("9", "credits", "2026-11-20", "x"), "2K": PriceEntry("15", "credits", "2026-11-20", "x")}
ROWS = [row("3daistudio", key_set=True, prices=PRICES), row("reapi", key_set=False, prices={})]


def test_all_columns_of_the_models_in_a_pipe() -> None:
    heading, *lines = model_table(ROWS, width=None)
    assert re.split(r"  +", heading) == [
        "MODEL",
        "SERVICE",
        "PRICE",
        "KEY",
        "RESOLUTIONS",
        "REFERENCES",
        "LINK LIVES",
        "FORMATS",
        "ID",
    ]
    assert [re.split(r"  +", line)[2:] for line in lines] == [
        ["9 to 15 credits", "set", "1K 2K", "14", "1 d", "png jpeg", "3daistudio/gemini/3.1/flash"],
        ["unknown", "-", "1K 2K", "14", "1 d", "png jpeg", "reapi/gemini/3.1/flash"],
    ]
    assert {line.index("png jpeg") for line in lines} == {heading.index("FORMATS")}


def test_columns_are_left_out_until_the_models_fit() -> None:
    assert model_table(ROWS, width=100) == [
        "MODEL             SERVICE     PRICE            KEY  RESOLUTIONS  ID",
        "gemini-3.1-flash  3daistudio  9 to 15 credits  set  1K 2K        3daistudio/gemini/3.1/flash",
        "                  reapi       unknown          -    1K 2K        reapi/gemini/3.1/flash",
    ]
    for width in (80, 40, 20):
        assert max(map(cells, model_table(ROWS, width=width))) <= width
    assert model_table(ROWS, width=40) == [
        "MODEL",
        "  SERVICE     PRICE            KEY",
        "gemini-3.1-flash",
        "  3daistudio  9 to 15 credits  set",
        "  reapi       unknown          -",
    ]


def test_no_two_rows_look_the_same_on_a_terminal() -> None:
    twice = [ROWS[0], ROWS[1], replace(ROWS[1], remote_id="gemini/3.1/flash/second")]

    assert len(model_table(twice, width=60)) == 3
    assert len(model_table(twice, width=140)) == 4
    assert len(model_table(twice, width=None)) == 4


def test_only_the_heading_is_bold() -> None:
    heading, *lines = model_table(ROWS, width=None, color=True)
    assert heading.startswith("\x1b[1mMODEL")
    assert lines == model_table(ROWS, width=None)[1:]


@pytest.mark.parametrize("width", [50, 80, 120])
def test_rows_that_differ_in_their_channel_only_show_it_at_every_width(width: int) -> None:
    cheap, dear = ({"1K": PriceEntry(amount, "usd", "2026-11-20", "x")} for amount in ("0.03", "0.108"))
    rows = [
        row("reapi", key_set=False, prices=cheap, channel="default"),
        row("reapi", key_set=False, prices=dear, channel="official"),
    ]

    heading, first, second = model_table(rows, width=width)

    assert "CHANNEL" in heading
    assert re.split(" +", first)[1:4] == ["reapi", "default", "$0.03"]
    assert re.split(" +", second)[1:4] == ["reapi", "official", "$0.108"]


def test_one_model_with_its_pixel_table_once_for_all_services_that_have_it() -> None:
    pixels = {"1K": {"1:1": (1024, 1024), "16:9": (1376, 768)}, "2K": {"1:1": (2048, 2048)}}
    other = replace(ROWS[1], pixels=pixels, aspects=ROWS[0].aspects[::-1], title="reAPI", channel="default")
    lines = model_details([replace(ROWS[0], pixels=pixels), other], width=None)

    assert lines[5:14] == [
        "gemini-3.1-flash at 3D AI Studio",
        "  id           3daistudio/gemini/3.1/flash",
        "  key          set",
        "  price        1K 9 credits (seen 2026-11-20), 2K 15 credits (seen 2026-11-20)",
        "  resolutions  1K, 2K",
        "  aspects      1:1, 16:9, 9:21",
        "  references   up to 14",
        "  formats      png, jpeg",
        "  link lives   1 d",
    ]
    assert "gemini-3.1-flash at reAPI (default)" in lines
    assert lines[:5] == [
        "Pixels at 3D AI Studio, reAPI (default)",
        "  aspect  1K         2K",
        "  1:1     1024x1024  2048x2048",
        "  16:9    1376x768   unknown",
        "",
    ]
    assert len([line for line in lines if line.startswith("Pixels at")]) == 1


def test_a_model_is_chosen_by_its_cheapest_service() -> None:
    dear, cheap = (
        row(service, key_set=False, prices={"1K": PriceEntry(amount, "usd", "2026-11-20", "x")})
        for service, amount in (("gmicloud", "0.134"), ("gemini", "0.022"))
    )
    later = replace(cheap, channel="batch", prices={"1K": PriceEntry("0.011", "usd", "2026-11-20", "x")})
    other = replace(row("reapi", key_set=False, prices={}), family="of-tomorrow")

    assert model_overview([ROWS[0], dear, cheap, later, other], width=80) == [
        "MODEL             FROM                                       SERVICES",
        "gemini-3.1-flash  $0.022 at gemini, 9 credits at 3daistudio         3",
        "of-tomorrow       unknown                                           1",
    ]
    assert model_overview([ROWS[0], dear, cheap, other], width=40) == [
        "gemini-3.1-flash",
        "  $0.022 at gemini, 9 credits at",
        "  3daistudio",
        "of-tomorrow",
        "  unknown",
    ]


def test_every_model_of_the_catalogue_can_be_shown() -> None:
    for entry in SERVICES.values():
        for model in entry.models:
            shown = ModelRow(
                family=model.family,
                service=entry.name,
                title=entry.title,
                remote_id=model.remote_id,
                channel=model.channel,
                resolutions=model.resolutions,
                aspects=model.aspects,
                references=model.max_references,
                formats=model.formats,
                prices={each: PriceEntry(*price) for each, price in model.prices.items()},
                reference_price=PriceEntry(*model.reference_price) if model.reference_price else None,
                link_seconds=model.link_seconds,
                key_set=False,
                pixels=model.pixels,
            )
            assert f"  id           {entry.name}/{model.remote_id}" in model_details([shown], width=None)
            assert max(map(cells, model_table([shown], width=80))) <= 80


def test_every_setting_says_where_it_comes_from_however_narrow_the_terminal() -> None:
    rows = [
        SettingRow("base_url.reapi", "https://gateway.of.a.company.example", "~/.config/imgen/config.toml, line 12"),
        SettingRow("providers", ("reapi", "gmicloud"), "IMGEN_PROVIDERS"),
        SettingRow("timeout", 90.0, "default"),
        SettingRow("upload_keep", False, "default"),
        SettingRow("model", None, "default"),
    ]

    assert setting_table(rows, width=None) == [
        "SETTING         VALUE                                 FROM",
        "base_url.reapi  https://gateway.of.a.company.example  ~/.config/imgen/config.toml, line 12",
        "providers       reapi, gmicloud                       IMGEN_PROVIDERS",
        "timeout         90                                    default",
        "upload_keep     false                                 default",
        "model           not set                               default",
    ]
    narrow = setting_table(rows, width=70)
    assert narrow[1] == "base_url.reapi  https://gateway…  ~/.config/imgen/config.toml, line 12"
    assert max(map(cells, narrow)) == 70
    assert setting_table(rows, width=41)[3] == "timeout         90        default"
    assert max(map(cells, setting_table(rows, width=41))) <= 41
