"""The line of a field in a TOML text is the one on which an editor shows it."""

from __future__ import annotations

import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from imgen.batch.reading.toml_lines import DEFAULTS, TOP, TomlLines

if TYPE_CHECKING:
    from imgen.batch.reading.toml_lines import Scope

MANIFEST = '''# [[asset]] in a comment
[defaults] # and behind a header
model = "gemini-3-pro"
references = [
  "style.png", # [[asset]]
  "other.png",
]
options.seed = 7

[[asset]]
path = "cart.png"
prompt = """
[[asset]]
path = "not a field"
It is a "quoted" \\""" one, and ends in a quote""""
for = { name = ["a", "b"] }
"aspect" = "16:9"

  [[ asset ]]
  'path' = \'\'\'
[defaults]\'\'\'
  [asset.options]
  temperature = 0.5
  [asset.for]
  name = ["x"]

[unknown]
'''


@pytest.mark.parametrize(
    ("scope", "field", "line"),
    [
        (DEFAULTS, None, 2),
        (DEFAULTS, "model", 3),
        (DEFAULTS, "references", 4),
        (DEFAULTS, "options", 8),
        (0, None, 10),
        (0, "path", 11),
        (0, "prompt", 12),
        (0, "for", 16),
        (0, "aspect", 17),
        (0, "resolution", 10),
        (1, None, 19),
        (1, "path", 20),
        (1, "options", 22),
        (1, "for", 24),
        (TOP, "unknown", 27),
        (TOP, "nothing", 0),
    ],
)
def test_every_field_is_found_where_it_stands(scope: Scope, field: str | None, line: int) -> None:
    assert len(tomllib.loads(MANIFEST)["asset"]) == 2

    assert TomlLines(MANIFEST).line(scope, field) == line


def test_assets_of_an_inline_list_are_found() -> None:
    text = 'asset = [\n  {path = "a.png", prompt = "{y}"},\n\n  {path = "b.png", options = {a = [{}]}},\n]\nlast = 1\n'

    lines = TomlLines(text)

    assert [lines.line(number, "path") for number in range(2)] == [2, 4]
    assert lines.line(TOP, "last") == 6


def test_windows_line_ends_and_a_last_line_without_one_count_the_same() -> None:
    text = '[[asset]]\r\npath = "a.png"\r\n\r\nprompt = "x"'

    assert TomlLines(text).line(0, "prompt") == 4


def test_ten_thousand_assets_take_no_time() -> None:
    text = "".join(f'[[asset]]\npath = "{n}.png"\nprompt = "a cart, [{n}] # {{}}"\n\n' for n in range(10_000))
    began = time.process_time()

    lines = TomlLines(text)

    assert lines.line(9_999, "prompt") == 39_999
    assert time.process_time() - began < 5  # it takes 0.2 s; squares of it would take minutes
