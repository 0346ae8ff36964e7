"""Is everything that cannot be found wrong here, with what can be, before anything is recorded?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from imgen.config.config import Config
from imgen.errors import BadConfiguration, ExitCode, KeyMissing, UsageProblem
from imgen.orders.matching import nearest, possible
from imgen.orders.order import Choice, Order
from imgen_providers.base import Request
from imgen_providers.catalog import FAMILIES, SERVICES

PLAIN = Order("a red fox", None, None, None, None, None, 1, sandbox=False)
ALL_KEYS = {entry.key_variable: "a-key" for entry in SERVICES.values()}


def choose_with(environ: dict[str, str], **fields: object) -> Choice:
    return possible(replace(PLAIN, **fields), Config(environ, Path("/")).accounts)[0]  # type: ignore[arg-type]


def chosen(**fields: object) -> Choice:
    return choose_with(ALL_KEYS, **fields)


def refused(**fields: object) -> tuple[str, str]:
    with pytest.raises(UsageProblem) as problem:
        chosen(**fields)
    assert problem.value.exit_code is ExitCode.USAGE
    return problem.value.message, problem.value.hint or ""


# What is chosen where nothing is said -----------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_the_one_service_whose_key_is_set_is_taken(name: str) -> None:
    entry = SERVICES[name]
    found = choose_with({entry.key_variable: "a-key"})

    assert found.entry is entry
    assert found.origin == entry.origin
    today = datetime.now().astimezone().date().isoformat()
    living = [model.family for model in entry.models if not model.has_ended(today)]
    assert found.model is entry.family(FAMILIES[0] if FAMILIES[0] in living else living[0])


def test_the_default_is_the_fast_model_at_1k_and_the_services_own_aspect() -> None:
    found = chosen(provider="3daistudio")

    assert found.model.family == "gemini-3.1-flash"
    assert found.request == Request("gemini/3.1/flash", "a red fox", resolution="1K")


def test_a_service_without_the_default_model_takes_the_next_family(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SERVICES["gmicloud"]
    others = tuple(model for model in entry.models if model.family != "gemini-3.1-flash")
    monkeypatch.setitem(SERVICES, "gmicloud", entry._replace(models=others))

    assert chosen(provider="gmicloud").model.family == "gemini-3-pro"


def test_of_several_keys_the_first_service_that_has_the_model_is_taken() -> None:
    assert chosen().entry.name == "3daistudio"
    keys = {variable: key for variable, key in ALL_KEYS.items() if not variable.startswith("THREED")}

    assert choose_with(keys).entry.name == "gmicloud"  # the first with the default model
    assert choose_with(keys, model="gemini-3-pro").entry.name == "gmicloud"
    assert choose_with(keys, model="gemini-3.1-flash-lite").entry.name == "gptproto"


def test_a_blank_key_is_no_key() -> None:
    assert choose_with({"THREEDAISTUDIO_API_KEY": " ", "REAPI_API_KEY": "a-key"}).entry.name == "reapi"


def test_a_missing_key_is_reported_with_every_service_and_the_way_without() -> None:
    with pytest.raises(KeyMissing) as missing:
        choose_with({})

    assert missing.value.exit_code is ExitCode.KEY
    assert "THREEDAISTUDIO_API_KEY" in missing.value.message
    for name in SERVICES:
        assert name in str(missing.value.hint)
    assert "--sandbox" in str(missing.value.hint)


def test_only_services_that_have_the_model_are_named_for_a_missing_key() -> None:
    with pytest.raises(KeyMissing) as missing:
        choose_with({"GMI_API_KEY": "a-key"}, model="gemini-3.1-flash-lite")

    assert "GMI_API_KEY" not in missing.value.message


def test_the_sandbox_needs_no_key() -> None:
    found = choose_with({}, sandbox=True)

    assert (found.entry.name, found.origin) == ("3daistudio", "sandbox")
    assert choose_with({}, sandbox=True, provider="reapi").entry.name == "reapi"


def test_a_named_service_needs_its_key_only_when_it_is_asked() -> None:
    """--dry-run shows what would be sent, without a key."""
    assert choose_with({}, provider="reapi").origin == "https://reapi.ai"


def test_another_origin_is_taken_from_the_environment() -> None:
    keys = {**ALL_KEYS, "THREEDAISTUDIO_BASE_URL": "http://127.0.0.1:8000/"}

    assert choose_with(keys).origin == "http://127.0.0.1:8000"
    assert choose_with(keys, sandbox=True).origin == "sandbox"
    with pytest.raises(BadConfiguration):
        choose_with({**keys, "THREEDAISTUDIO_BASE_URL": "http://example.org"})


# Names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "ended", "meant"),
    [
        ({"provider": "3daistuido"}, "There is no service '3daistuido'.", "Did you mean 3daistudio? Services: "),
        ({"provider": "GMIcloud"}, "There is no service 'GMIcloud'.", "Did you mean gmicloud? Services: "),
        ({"provider": "zzz"}, "There is no service 'zzz'.", "Services: 3daistudio, gmicloud, reapi, gptproto"),
        ({"model": "gemini-3-por"}, "There is no model 'gemini-3-por'.", "Did you mean gemini-3-pro? Models: "),
        ({"model": "zzz"}, "There is no model 'zzz'.", "Models: gemini-3.1-flash, gemini-3-pro, gemini-2.5-flash"),
        ({"model": ""}, "There is no model ''.", "Models: "),
        ({"model": "reap/x"}, "There is no service 'reap'.", "Did you mean reapi? Services: "),
        (
            {"provider": "gmicloud", "model": "gemini-3.1-flash-lite"},
            "GMI Cloud does not have gemini-3.1-flash-lite.",
            "It has: gemini-3.1-flash, gemini-3-pro, gemini-2.5-flash",
        ),
        (
            {"provider": "gmicloud", "model": "reapi/gemini-3-pro-image-preview"},
            "-m names a model of reapi, -p says gmicloud.",
            "Leave one of them out.",
        ),
    ],
    ids=str,
)
def test_an_unknown_name_is_refused_with_the_nearest(fields: dict[str, str], ended: str, meant: str) -> None:
    message, hint = refused(**fields)

    assert message == ended
    assert hint.startswith(meant)


def test_a_model_can_be_named_exactly() -> None:
    found = chosen(model="reapi/gemini-3-pro-image-preview-official")

    assert (found.entry.name, found.model.channel) == ("reapi", "official")
    assert found.request.model == "gemini-3-pro-image-preview-official"
    assert chosen(model="3daistudio/gemini/3/pro", provider="3daistudio").request.model == "gemini/3/pro"


def test_nearest_is_silent_about_what_is_far() -> None:
    assert nearest("q", ["alpha", "beta"], "Letters") == "Letters: alpha, beta"
    assert nearest("ALPA", ["alpha", "beta"], "Letters") == "Did you mean alpha? Letters: alpha, beta"


# Prompt and count -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["", " ", "\n\t\u2003"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    message, hint = refused(prompt=prompt)

    assert message == "The prompt is empty."
    assert hint.startswith("imgen generate")


@pytest.mark.parametrize("prompt", ["a fox \ud83d", "f\udcfcchse"])
def test_a_prompt_that_is_no_text_is_refused(prompt: str) -> None:
    message, hint = refused(prompt=prompt)

    assert message == "The prompt is not valid UTF-8."
    assert "--prompt-file" in hint


def test_a_prompt_of_any_script_is_kept_to_the_letter() -> None:
    prompt = "  ein Fuchs 🦊 im Schnee,\n\tقطة و كلب \0 "

    assert chosen(prompt=prompt).request.prompt == prompt


def test_a_prompt_may_be_as_long_as_the_model_takes_and_no_longer() -> None:
    assert len(chosen(provider="gmicloud", model="gemini-3-pro", prompt="ü" * 2000).request.prompt) == 2000

    message, _ = refused(provider="gmicloud", model="gemini-3-pro", prompt="ü" * 2001)

    assert message == "The prompt has 2,001 characters; gemini-3-pro at GMI Cloud takes 2,000."


@pytest.mark.parametrize("count", [-1, 0, 17])
def test_a_count_out_of_bounds_is_refused(count: int) -> None:
    assert refused(count=count)[0] == f"-n takes 1 to 16 pictures, not {count}."


@pytest.mark.parametrize("count", [1, 16])
def test_a_count_within_bounds_is_the_whole_order(count: int) -> None:
    assert chosen(count=count).request.count == count


# Aspect, resolution, format ---------------------------------------------------------------------------------


def test_an_aspect_the_model_has_is_ordered() -> None:
    assert chosen(aspect="16:9").request.aspect == "16:9"


@pytest.mark.parametrize("provider", SERVICES)
def test_auto_is_every_services_own_aspect(provider: str) -> None:
    assert chosen(provider=provider, aspect="auto").request.aspect is None


@pytest.mark.parametrize("aspect", ["7:3", "7x3", "wide", "", "2:3"])
def test_an_aspect_the_model_does_not_have_is_refused_with_those_it_has(aspect: str) -> None:
    message, hint = refused(provider="gmicloud", model="gemini-3-pro", aspect=aspect)

    read = aspect.replace("x", ":")
    assert message == f"gemini-3-pro at GMI Cloud does not have the aspect {read!r}."
    assert hint == "It has: 1:1, 4:5, 5:4, 3:4, 4:3, 9:16, 16:9, 21:9, auto"


@pytest.mark.parametrize("written", ["16:9", "16x9", "16/9", "16×9"])
def test_an_aspect_is_read_as_people_write_it(written: str) -> None:
    assert chosen(provider="gmicloud", aspect=written).request.aspect == "16:9"


@pytest.mark.parametrize(
    ("written", "ordered"),
    [
        *((None, "1K"), ("1K", "1K"), ("1k", "1K"), ("2k", "2K"), ("4K", "4K")),
        *(("0.5K", "0.5K"), ("0.5k", "0.5K"), ("512", "0.5K"), ("512px", "0.5K"), ("512PX", "0.5K")),
    ],
)
def test_a_resolution_may_be_written_in_several_ways(written: str | None, ordered: str) -> None:
    assert chosen(resolution=written).request.resolution == ordered


@pytest.mark.parametrize("resolution", ["8K", "1024", "", "512px"])
def test_a_resolution_the_model_does_not_have_is_refused_with_those_it_has(resolution: str) -> None:
    message, hint = refused(provider="3daistudio", model="gemini-3-pro", resolution=resolution)

    assert message == f"gemini-3-pro at 3D AI Studio does not have the resolution {resolution!r}."
    assert hint == "It has: 1K, 2K, 4K"


@pytest.mark.parametrize(
    ("written", "ordered"), [(None, None), ("png", "png"), ("PNG", "png"), ("jpg", "jpeg"), ("JPEG", "jpeg")]
)
def test_a_format_may_be_written_as_its_extension(written: str | None, ordered: str | None) -> None:
    assert chosen(format=written).request.format == ordered


def test_a_format_the_model_does_not_draw_is_refused() -> None:
    message, hint = refused(provider="gmicloud", model="gemini-3-pro", format="webp")

    assert message == "gemini-3-pro at GMI Cloud takes no order for 'webp'."
    assert hint == "It draws: png, jpeg"
    assert refused(provider="reapi", format="png")[1] == "Leave -f out: it chooses by itself."


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"provider": "3daistudio"}, "png"),
        ({"provider": "reapi"}, None),
        ({"provider": "gmicloud", "model": "gemini-2.5-flash"}, None),
        ({"model": "reapi/flux-2"}, None),
        ({"provider": "3daistudio", "format": "jpg"}, "jpeg"),
    ],
    ids=str,
)
def test_a_wished_format_is_sent_where_it_can_be_and_refuses_nothing(fields: dict[str, str], sent: str | None) -> None:
    assert chosen(wished_format="png", **fields).request.format == sent


def test_a_wished_format_removes_no_service() -> None:
    def able(**fields: object) -> list[str]:
        order = replace(PLAIN, model="gemini-3-pro", provider="auto", **fields)  # type: ignore[arg-type]
        return [choice.entry.name for choice in possible(order, Config(ALL_KEYS, Path("/")).accounts)]

    having = [name for name, entry in SERVICES.items() if entry.family("gemini-3-pro")]
    assert able(wished_format="webp") == able() == having
    assert able(format="webp") == ["3daistudio", "openrouter", "fal"]


# Parameters in a service's own words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "field"), [(name, field) for name in SERVICES for field in sorted(SERVICES[name].own_fields)]
)
def test_a_parameter_that_would_override_what_was_checked_is_refused(provider: str, field: str) -> None:
    message, hint = refused(provider=provider, options={"temperature": 1, field: 4})

    assert message == f"--option {field} would override what is priced and checked for {SERVICES[provider].title}."
    assert "-n" in hint


def test_a_parameter_is_only_refused_where_it_would_override() -> None:
    assert chosen(provider="3daistudio", options={"n": 4}).request.extras == {"n": 4}
    assert chosen(model="reapi/flux-2", options={"n": 4}).request.extras == {"n": 4}
    everywhere = replace(PLAIN, model="gemini-3-pro", options={"n": 4})
    able = [choice.entry.name for choice in possible(everywhere, Config(ALL_KEYS, Path("/")).accounts)]
    assert able == ["3daistudio", "gmicloud", "gptproto", "gemini", "fal"]


# Models the catalogue does not have -------------------------------------------------------------------------


def test_an_exact_name_close_to_one_of_the_catalogue_goes_unchecked_and_is_reported_so() -> None:
    found = chosen(model="reapi/gemini-3-pro-image-preveiw")

    assert (found.listed, found.request.model) == (False, "gemini-3-pro-image-preveiw")
    assert found.nearest == "reapi/gemini-3-pro-image-preview"
    assert chosen(model="reapi/flux-2").nearest is None
    assert chosen(model="reapi/gemini-3-pro-image-preview").nearest is None
