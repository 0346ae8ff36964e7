"""A prompt that begins with a hyphen: the hint is a line that orders it."""

from __future__ import annotations

import shlex

import pytest

from cli.program.program import SMALL, Program
from imgen.errors import ExitCode


@pytest.fixture
def imgen(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("hyphens")
    return Program(folder / "home", folder, {"IMGEN_SANDBOX_SECONDS": "0.1"})


@pytest.mark.parametrize("prompt", ["-5 degrees", "-5°", "-bright fox, it's cold"])
def test_the_hint_is_a_line_that_orders_it(imgen: Program, prompt: str) -> None:
    refused = imgen.run("generate", prompt, "--sandbox", *SMALL, "--dry-run")

    assert refused.code == ExitCode.USAGE
    line = refused.stderr.partition("try: ")[2].strip()
    words = shlex.split(line)
    assert words[0] == "imgen"
    assert words[-2:] == ["--", prompt]
    ended = imgen.run(*words[1:])
    assert ended.code == ExitCode.DONE, ended.stderr


def test_a_misspelt_option_is_no_prompt(imgen: Program) -> None:
    refused = imgen.run("generate", "a fox", "--sandbx")

    assert refused.code == ExitCode.USAGE
    assert "after --" not in refused.stderr
