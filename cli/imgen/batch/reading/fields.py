"""The fields of a manifest: what may be written, as pydantic models. Import it in function bodies only.

The JSON Schema for editors and the checks of the reader come from the same classes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

MOST_COUNT = 100
"""The most pictures that one `count` may ask for."""

MOST_PIXELS = 16_384
"""The widest picture that `max_width` may ask for, in pixels: what WebP can hold."""

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

Text = Annotated[str, Field(min_length=1)]
Values = Annotated[list[str | int], Field(min_length=1)]
Format = Literal["png", "jpeg", "jpg", "webp"]


class Choices(BaseModel):
    """What an asset and the defaults may both say."""

    model_config = _STRICT

    model: Text | None = Field(
        None, description="A model family (gemini-3-pro), or a service's own model (gmicloud/gemini-3-pro-image)."
    )
    provider: Text | None = Field(
        None, description="The service to make it: 3daistudio, gmicloud, reapi, gptproto, or auto."
    )
    aspect: Text | None = Field(None, description="The shape, such as 16:9, or auto.")
    resolution: Text | None = Field(None, description="0.5K, 1K, 2K or 4K. Default: 1K.")
    size: Annotated[str, Field(pattern=r"^[1-9]\d{0,4}[xX×][1-9]\d{0,4}$")] | None = Field(
        None, description="Pixels to be covered, such as 1920x1080, in place of aspect and resolution."
    )
    format: Format | None = Field(
        None, description="The format to order. The file is converted where its path ends otherwise."
    )
    quality: Text | None = Field(
        None, description="How much work the service puts in, where it has that: low, medium or high at openai."
    )
    count: Annotated[int, Field(ge=1, le=MOST_COUNT)] | None = Field(
        None, description="How many pictures: art/cat.png becomes art/cat-1.png, art/cat-2.png, each an asset."
    )
    references: list[Text] | None = Field(
        None, description="Pictures to go on from: files, https links, or paths of other assets, which are made first."
    )
    channel: Text | None = Field(
        None,
        description="A service's channel, such as official at reapi. By batch, at gemini, a picture costs half and"
        " comes hours later: one run submits it, a later one collects it.",
    )
    options: dict[str, JsonValue] | None = Field(
        None, description="Parameters in the service's own words. Those of the defaults stay beside an asset's."
    )
    convert: bool | Format | None = Field(
        None,
        description="What the file is converted to: always what its path ends in, so only false changes anything."
        " With false, a picture that comes in another format is an error.",
    )
    max_width: Annotated[int, Field(ge=1, le=MOST_PIXELS)] | None = Field(
        None, description="The file is made smaller where it is wider than this, in pixels; the original is kept."
    )
    tag: bool | None = Field(
        None, description="true: the file says that it was made by a model (IPTC) and by which job (XMP)."
    )


class Defaults(Choices):
    """What holds for every asset that does not say otherwise."""


class Entry(Choices):
    """One asset, or one for each combination of the values in `for`."""

    path: Text = Field(
        description="The file, from the manifest's folder, with / between folders; it ends in .png, .jpg or .webp."
    )
    prompt: Text | None = Field(None, description="What the picture is to show.")
    prompt_file: Text | None = Field(
        None, description="A text file with the prompt, from the manifest's folder, in place of prompt."
    )
    for_: dict[str, Values] | None = Field(
        None,
        alias="for",
        description='Values by name, as {name = ["cart", "heart"]}: each takes the place of {name} in path and prompt.',
    )


class Manifest(BaseModel):
    """The whole file, in TOML and YAML; each line of JSONL and each row of CSV is one `asset`."""

    model_config = _STRICT

    defaults: Defaults | None = Field(None, description="What holds for every asset that does not say otherwise.")
    asset: list[Entry] = Field(description="The pictures of the project.", min_length=1)


WANTED = {
    "model": "the name of a model",
    "provider": "the name of a service",
    "aspect": 'a text such as "16:9"',
    "resolution": 'a text such as "2K"',
    "size": 'pixels such as "1920x1080"',
    "format": '"png", "jpeg" or "webp"',
    "quality": 'a text such as "high"',
    "count": f"a whole number from 1 to {MOST_COUNT}",
    "references": "a list of texts",
    "channel": "the name of a channel",
    "options": "a table of values that JSON has",
    "convert": 'true, false, "png", "jpeg" or "webp"',
    "max_width": f"a whole number of pixels from 1 to {MOST_PIXELS:,}",
    "tag": "true or false",
    "path": "the name of a file",
    "prompt": "a text",
    "prompt_file": "the name of a file",
    "for": 'a table of lists of texts, such as {name = ["cart", "heart"]}',
    "defaults": "a table",
    "asset": "a list of tables, [[asset]]",
}
"""What each field takes, as the end of the sentence "it is 7, which is not ..."."""


def names(of: type[BaseModel]) -> list[str]:
    """The fields of a model as they are written."""
    return [field.alias or name for name, field in of.model_fields.items()]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest in TOML or YAML, for editors."""
    schema = Manifest.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        for field in part.get("properties", {}).values():
            _without_null(field)
    entry = schema["$defs"]["Entry"]
    # A prompt stands in the manifest or in a file of its own, and never in both.
    entry["oneOf"] = [{"required": ["prompt"]}, {"required": ["prompt_file"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Manifest of imgen batch",
    }


def _without_null(field: dict[str, Any]) -> None:
    """Take `null` out of what a field takes: it stands for a field that is not written, and TOML has none."""
    field.pop("default", None)
    choices = [choice for choice in field.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        field.update(choices[0])
    elif choices:
        field["anyOf"] = choices
