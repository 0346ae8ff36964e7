"""Does every setting take what it should, and nothing else, wherever it comes from?"""

from __future__ import annotations

import pytest

from imgen.config.settings import SETTINGS, Place, Value, from_file, from_text, shown
from imgen_providers.catalog import SERVICES


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_takes_its_own_example(name: str) -> None:
    setting = SETTINGS[name]
    example = list(setting.example) if isinstance(setting.example, tuple) else setting.example

    assert from_file(setting, example) == from_text(setting, setting.example_text)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model", "gemini-3-pro", "gemini-3-pro"),
        ("count", "4", 4),
        ("timeout", "1.5", 1.5),
        ("upload_keep", "Yes", True),
        ("upload_keep", "0", False),
        ("providers", "reapi, gmicloud", ("reapi", "gmicloud")),
    ],
)
def test_words_mean_a_value(name: str, text: str, value: Value) -> None:
    assert from_text(SETTINGS[name], text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "many"),
        ("count", "-1"),
        ("count", "0"),
        ("count", "17"),
        ("model", " "),
        ("count", "1.5"),
        ("timeout", "soon"),
        ("timeout", "nan"),
        ("timeout", "1e9"),
        ("upload_keep", "perhaps"),
        ("format", "gif"),
        ("providers", "reapi,reapy"),
        ("providers", " , "),
    ],
)
def test_words_that_mean_none_are_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError):
        from_text(SETTINGS[name], text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 3),
        ("count", "4"),
        ("count", True),
        ("count", 1.5),
        ("timeout", "600"),
        ("timeout", False),
        ("upload_keep", 1),
        ("providers", "reapi"),
        ("providers", ["reapi", 1]),
        ("providers", []),
        ("model", {"name": "gemini-3-pro"}),
    ],
)
def test_a_file_says_it_in_its_own_type(name: str, value: object) -> None:
    with pytest.raises(ValueError):
        from_file(SETTINGS[name], value)


def test_what_decides_over_keys_and_trust_is_for_no_project_to_say() -> None:
    own = {name for name, setting in SETTINGS.items() if setting.place is Place.USER}

    origins = {f"base_url.{name}" for name in SERVICES}
    assert own == {
        "timeout",
        "confirm",
        "upload",
        "upload_keep",
        "ledger",
        "store",
        "certificates",
        "ca_file",
        "submits_per_minute",
        *origins,
    }
    assert all(SETTINGS[name].why for name in own)


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        ("upload", "s3://me:sesame@bucket/x?secret=sesame&region=eu", "s3://***@bucket/x?secret=***&region=eu"),
        (
            "ledger",
            "postgresql://me:ses/a@me@db.example.com:5433/imgen?schema=studio&password=sesame&sslmode=require",
            "postgresql://***@db.example.com:5433/imgen?schema=studio&password=***&sslmode=require",
        ),
        ("base_url.reapi", "https://sesame@gateway.example", "https://***@gateway.example"),
        ("output", "a//b@c/", "a//b@c/"),
        ("count", 4, 4),
        ("model", None, None),
    ],
)
def test_a_secret_in_an_address_is_not_printed(name: str, value: Value | None, printed: Value | None) -> None:
    assert shown(SETTINGS[name], value) == printed
