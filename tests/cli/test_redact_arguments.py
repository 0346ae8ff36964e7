"""Is a key that was typed in a wrong place repeated nowhere, and what is none as it was typed?"""

from __future__ import annotations

import pytest

from imgen.__main__ import run
from imgen.errors import ExitCode
from imgen.redact_arguments import without_keys

KEY = "sk-notarealkey0123456789"
PLAIN = "onlylettersandnomore"


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", KEY),
        ("keys", PLAIN),
        ("keys", "list", PLAIN),
        ("keys", "list", f"--{PLAIN}"),
        ("keys", "remove", "3daistudio", PLAIN),
        ("keys", "check", "3daistudio", f"--key={PLAIN}"),
        ("keys", "set", "reapi", PLAIN),
        ("generate", "a fox", "-p", KEY),
        ("generate", "a fox", f"-p{KEY}", "--json"),
        ("generate", "a fox", f"--provider={KEY}", "--events"),
        ("wait", f"--{KEY}"),
        (KEY,),
    ],
    ids=" ".join,
)
def test_a_key_in_a_wrong_place_is_not_repeated(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitCode.USAGE

    said = "".join(capfd.readouterr())
    assert said
    assert KEY[3:] not in said
    assert PLAIN not in said


@pytest.mark.parametrize(
    "key",
    [
        "sk-abcdef",
        "SK_live_abcdefgh",
        "0123456789abcdef0123456789abcdef",
        "AbCdEfGh12345678",
        "gp-0a1b2c3d4e5f6a7b8c9d",
        "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl",
    ],
)
def test_what_looks_like_a_key_is_hidden(key: str) -> None:
    assert without_keys(f"There is no provider {key!r}.", ["wait", "-p", key]) == "There is no provider '[hidden]'."


@pytest.mark.parametrize(
    "word",
    [
        "gmiclod",
        "gemini-3.1-flash-image-preview-official",
        "k3f9ab",
        "task_6a0edb50fde54b3a857bbb163d08b22b",
        "5cbe6f4e-909f-439f-b512-7038aebf6e90",
        "pictures/IMG20261121T093000123.png",
        "2026-11-01T08:30",
        "1920x1080",
    ],
)
def test_what_is_no_key_is_said_as_it_was_typed(word: str) -> None:
    assert without_keys(f"There is no {word!r}.", ["wait", word]) == f"There is no {word!r}."
