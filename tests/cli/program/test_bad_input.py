"""What a person can get wrong: found before anything is sent, said in one sentence, with what to type next."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft
from cli.program.program import Program, served
from imgen.errors import ExitCode
from imgen.ledger.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mistake:
    """A command line, and what must be said of it: `says` on the first line, `hints` on the second."""

    line: tuple[str, ...]
    says: str
    hints: str
    code: ExitCode = ExitCode.USAGE
    variables: tuple[tuple[str, str], ...] = ()
    stdin: bytes = b""


def generate(*options: str, prompt: str = "a red fox") -> tuple[str, ...]:
    return ("generate", prompt, *options)


DIRECT = tuple((name, "") for name in ("GEMINI_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "FAL_KEY"))
NO_KEY = (("THREEDAISTUDIO_API_KEY", ""), ("GMI_API_KEY", ""), ("REAPI_API_KEY", ""), ("GPTPROTO_API_KEY", ""), *DIRECT)
EXAMPLE = 'imgen generate "a red fox in the snow"'

MISTAKES = {
    # keys and configuration
    "no key": Mistake(generate(), "THREEDAISTUDIO_API_KEY", "imgen keys set 3daistudio", ExitCode.KEY, NO_KEY),
    "no key of this service": Mistake(
        generate("-p", "gmicloud"), "GMI_API_KEY is not set", "imgen keys set gmicloud", ExitCode.KEY, NO_KEY
    ),
    "origin with a path": Mistake(
        generate("-p", "reapi"),
        "REAPI_BASE_URL",
        "http://127.0.0.1:1/v1",
        ExitCode.KEY,
        (("REAPI_BASE_URL", "http://127.0.0.1:1/v1"),),
    ),
    "http off this machine": Mistake(
        generate("-p", "reapi"), "unencrypted", "https://", ExitCode.KEY, (("REAPI_BASE_URL", "http://example.com"),)
    ),
    "key with a line end in it": Mistake(
        generate("-p", "reapi"), "REAPI_API_KEY", "without quotes", ExitCode.KEY, (("REAPI_API_KEY", "one\ntwo"),)
    ),
    "seconds that are no number": Mistake(
        generate("--sandbox"), "IMGEN_SANDBOX_SECONDS", "", ExitCode.KEY, (("IMGEN_SANDBOX_SECONDS", "soon"),)
    ),
    "fault that is not known": Mistake(
        generate("--sandbox"), "IMGEN_SANDBOX_FAULTS", "", ExitCode.KEY, (("IMGEN_SANDBOX_FAULTS", "rain"),)
    ),
    "home of no user": Mistake(
        ("status",), "IMGEN_HOME is '~nosuch/x'", "export IMGEN_HOME", ExitCode.KEY, (("IMGEN_HOME", "~nosuch/x"),)
    ),
    # services and models
    "unknown provider": Mistake(generate("-p", "reapy"), "Did you mean reapi?", 'imgen generate "a red fox" -p reapi'),
    "unknown model": Mistake(generate("-m", "gemini-3-por"), "Did you mean gemini-3-pro?", "-m gemini-3-pro"),
    "model of no service": Mistake(generate("-m", "unknown/gemini"), "no service 'unknown'", "Services: 3daistudio"),
    "two providers": Mistake(generate("-p", "reapi", "-m", "gmicloud/x"), "-p says reapi", "Leave one of them out"),
    "unknown model of models": Mistake(("models", "gemini-4"), "Did you mean gemini", "imgen models gemini-"),
    # parameters
    "aspect": Mistake(generate("-a", "5:7"), "does not have the aspect '5:7'", "16:9"),
    "resolution": Mistake(generate("-r", "8K"), "does not have the resolution '8K'", "4K"),
    "format": Mistake(generate("-f", "gif"), "'gif'", "png, jpeg, webp"),
    "count of 0": Mistake(generate("-n", "0"), "1 to 16 pictures, not 0", "from 1 to 16"),
    "count of 17": Mistake(generate("-n", "17"), "1 to 16 pictures, not 17", "-n"),
    "count in words": Mistake(generate("-n", "many"), "'many' is not a whole number", "imgen generate --help"),
    "unknown option": Mistake(generate("--seed", "7"), "There is no option --seed", "--option seed=VALUE"),
    "option without its value": Mistake(generate("-a"), "requires an argument", "imgen generate --help"),
    "timeout that is no number": Mistake(generate("--timeout", "nan"), "'nan' is no time to wait", "--timeout 5m"),
    "timeout without end": Mistake(generate("--timeout", "inf"), "'inf' is no time to wait", "--timeout 5m"),
    "rhythm that is no number": Mistake(generate("--poll-every", "nan"), "'nan' is no time to wait", "5m"),
    "rhythm that never asks": Mistake(("wait", "--poll-every", "inf"), "'inf' is no time to wait", "5m"),
    "file of a format that is not saved": Mistake(generate("-o", "out.gif"), "saves no .gif pictures", ".webp"),
    "size that nothing covers": Mistake(
        generate("--size", "9000x9000"), "no picture that covers 9000x9000", "--size 4096x4096"
    ),
    "resolution that no model has": Mistake(
        ("config", "set", "resolution", "8K"), "No model has the resolution '8K'", "4K"
    ),
    "provider of nothing open": Mistake(("status", "-p", "reapy"), "Did you mean reapi?", "imgen status -p reapi"),
    "timeout below 0": Mistake(generate("--timeout", "-1"), "'-1'", "--timeout 5m"),
    # prompts
    "no prompt": Mistake(("generate",), "There is no prompt", EXAMPLE),
    "empty prompt": Mistake(generate(prompt=""), "The prompt is empty", EXAMPLE),
    "prompt of blanks": Mistake(generate(prompt=" \t "), "The prompt is empty", EXAMPLE),
    "empty standard input": Mistake(generate(prompt="-"), "Standard input is empty", EXAMPLE),
    "two prompts": Mistake(generate("--prompt-file", "words.txt"), "given twice", EXAMPLE),
    "two arguments": Mistake(("generate", "a", "fox"), "The prompt needs quotes", 'imgen generate "a fox"'),
    "prompt file missing": Mistake(
        ("generate", "--prompt-file", "nowhere.txt"), "cannot be read: No such file", "--prompt-file"
    ),
    "prompt file in Latin-1": Mistake(
        ("generate", "--prompt-file", "latin.txt"), "not valid UTF-8", "Save it as UTF-8"
    ),
    "standard input in Latin-1": Mistake(generate(prompt="-"), "not valid UTF-8", "UTF-8", stdin=b"f\xfcchse"),
    # targets
    "target exists": Mistake(generate("-o", "taken.png"), "taken.png exists already", "--overwrite"),
    "second of two exists": Mistake(generate("-o", "cat.png", "-n", "2"), "cat-2.png exists already", "--overwrite"),
    "file where a folder should be": Mistake(
        generate("-o", "words.txt/fox.png"), "a file stands where a folder should be", "-o"
    ),
    "unknown field": Mistake(generate("-o", "{colour}.png"), "{colour}", "{slug}"),
    "two formats": Mistake(generate("-o", "fox.jpg", "-f", "png"), "jpeg file", "Leave one of the two out"),
    # jobs
    "unknown job": Mistake(("status", "zzzzzz"), "no job 'zzzzzz'", "imgen history"),
    "unknown job to wait for": Mistake(("wait", "zzzzzz"), "no job 'zzzzzz'", "imgen history"),
    "unknown job to download": Mistake(("download", "zzzzzz"), "no job 'zzzzzz'", "imgen history"),
    "unknown job to forget": Mistake(("forget", "zzzzzz"), "no job 'zzzzzz'", "imgen"),
    "nothing to forget": Mistake(("forget",), "takes the id of a job", "Which jobs are open"),
    # the rest
    "beginning of a command": Mistake(("gen", "a fox", "-n", "2"), "Did you mean generate?", 'generate "a fox" -n 2'),
    "command with a wrong letter": Mistake(("generat", "a fox"), "Did you mean generate?", 'imgen generate "a fox"'),
    "command of another tool": Mistake(("create", "a", "red fox"), "Did you mean generate?", 'generate "a red fox"'),
    "login": Mistake(("login",), "Did you mean keys set?", "imgen keys set 3daistudio"),
    "auth": Mistake(("auth",), "Did you mean keys set?", "imgen keys set 3daistudio"),
    "list": Mistake(("list",), "Did you mean history?", "imgen history"),
    "key to be shown": Mistake(("keys", "get", "reapi"), "There is no command 'get'. Did you mean list?", "keys list"),
    "prompt alone": Mistake(("a red fox",), "a prompt follows `generate`", 'imgen generate "a red fox" --sandbox'),
    "option with a wrong letter": Mistake(
        generate("--sanbox"), "Did you mean --sandbox?", 'imgen generate "a red fox" --sandbox'
    ),
    "option with its value": Mistake(generate("--modle=gemini-3-pro"), "Did you mean --model?", "--model=gemini-3-pro"),
    "service by its short name": Mistake(generate("-p", "GMI"), "Did you mean gmicloud?", "-p gmicloud"),
    "service joined to its option": Mistake(generate("-pGMI"), "Did you mean gmicloud?", "-pgmicloud"),
    "prompt behind -p": Mistake(("generate", "-p", "a fox"), "-p names a service", 'imgen generate "a fox"'),
    "prompt like an option": Mistake(("generate", "-dash fox"), "stands last, after --", 'generate -- "-dash fox"'),
    "picture without -i": Mistake(("edit", "at night", "fox.png"), "named with -i", 'imgen edit "at night" -i fox.png'),
    "one order too far back": Mistake(("status", "-1"), "Nothing was made yet", "--sandbox"),
    "unknown command": Mistake(("frobnicate", "x"), "There is no command 'frobnicate'", "imgen --help"),
}


@pytest.fixture
def log() -> list[str]:
    """A line for every request that reached the services."""
    return []


@pytest.fixture
def there(imgen: Program, tmp_path: Path, log: list[str]) -> Iterator[Program]:
    """imgen with a key for every service, in a folder where some names are taken."""
    for name in ("taken.png", "cat-2.png", "words.txt"):
        (imgen.cwd / name).write_text("words")
    (imgen.cwd / "latin.txt").write_bytes("ein Füchslein".encode("latin-1"))
    with served(tmp_path / "far side", log) as origin:
        yield imgen.at(origin)


def check(there: Program, mistake: Mistake) -> None:
    """What a person reads: what is wrong in one sentence, and what to type next."""
    wrong = Program(there.home, there.cwd, {**there.variables, **dict(mistake.variables)})

    ended = wrong.run(*mistake.line, stdin=mistake.stdin)

    assert ended.code == mistake.code, ended.stderr
    assert ended.stdout == b""
    sentence, *hints = ended.stderr.splitlines()
    assert sentence.startswith("imgen: ")
    assert mistake.says in sentence
    assert sentence.endswith((".", "?"))
    assert not sentence.endswith("..")
    assert all(line.startswith(("  try: ", "       ")) for line in hints)
    if mistake.hints:
        assert hints[0].startswith("  try: ")
        assert mistake.hints in hints[0]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_before_anything_is_recorded_or_sent(there: Program, log: list[str], name: str) -> None:
    before = {path: path.read_bytes() for path in there.cwd.iterdir()}

    check(there, MISTAKES[name])

    assert there.jobs() == []
    assert log == []
    assert {path: path.read_bytes() for path in there.cwd.iterdir()} == before


def test_each_mistake_is_said_to_a_program_in_one_line_of_json(there: Program, log: list[str]) -> None:
    mistakes = list(MISTAKES.values())
    lines = [((*each.line[:1], "--json", *each.line[1:]), dict(each.variables), each.stdin) for each in mistakes]

    answers = there.run_lines(lines)

    assert len(answers) == len(mistakes)
    for mistake, ended in zip(mistakes, answers, strict=True):
        answer = ended.json
        assert ended.code == answer["exit_code"] == mistake.code
        assert ended.stderr == ""
        assert (answer["ok"], answer["jobs"]) == (False, [])
        assert mistake.says in answer["error"]["message"]
        assert mistake.hints in (answer["error"]["hint"] or "").replace("--json ", "")
    assert there.jobs() == []
    assert log == []


def test_a_beginning_that_several_ids_have_names_none_of_them(there: Program, log: list[str]) -> None:
    there.home.mkdir()
    ledger = Ledger(there.home / "ledger.sqlite3", lambda: 1_800_000_000.0)
    ledger.jobs.plan([draft("k3abcd"), draft("k3abce")], "unknown", resubmit=False)
    ledger.close()

    for command in ("wait", "forget"):
        check(
            there, Mistake((command, "k3ab"), "'k3ab' is the start of 2 jobs: k3abcd, k3abce", "Type one letter more")
        )

    assert log == []


def test_standard_output_holds_one_thing(there: Program, log: list[str]) -> None:
    waiting = there.run(*generate("-o", "-", "--no-wait"))
    several = there.run(*generate("-o", "-", "-n", "2"))
    counted = there.run(*generate("-o", "-", "--option", "n=2"))
    answered = there.run(*generate("-o", "-", "--json"))

    for refused in (waiting, several, counted):
        assert (refused.code, refused.stdout) == (ExitCode.USAGE, b"")
    assert "-o - and --no-wait both want standard output" in waiting.stderr
    assert "writes one picture, and 2 were ordered" in several.stderr
    assert "writes one picture, and 2 were ordered" in counted.stderr
    assert answered.code == answered.json["exit_code"] == ExitCode.USAGE
    assert "-o - and --json both want standard output" in answered.json["error"]["message"]
    assert there.jobs() == []
    assert log == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_found_before_anything_is_sent(there: Program, log: list[str]) -> None:
    locked = there.cwd / "locked"
    locked.mkdir(mode=0o500)

    check(there, Mistake(generate("-o", "locked/"), "permission denied", "Name another folder with -o"))

    assert there.jobs() == []
    assert log == []


def test_what_cannot_be_served_is_said(imgen: Program) -> None:
    fault = imgen.run("sandbox", "serve", "--faults", "rain")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        ended = imgen.run("sandbox", "serve", "--port", port)

    assert (fault.code, fault.stdout) == (ExitCode.USAGE, b"")
    assert "'rain' is not a fault" in fault.stderr
    assert (ended.code, ended.stdout) == (ExitCode.USAGE, b"")
    assert ended.stderr.splitlines()[0].startswith(f"imgen: Port {port} cannot be used: ")
    assert ended.stderr.splitlines()[1] == "  try: Choose another with --port."


def test_a_wrong_json_option_is_answered_in_json(imgen: Program) -> None:
    ended = imgen.run(*generate("--json=yes"))
    quoted = imgen.run("generate", "--nonsense", "--", "--json")

    assert ended.code == ended.json["exit_code"] == ExitCode.USAGE
    assert "'--json' does not take a value" in ended.json["error"]["message"]
    assert (quoted.code, quoted.stdout) == (ExitCode.USAGE, b"")


def test_a_home_that_is_a_file_is_said_and_nothing_is_sent(there: Program, log: list[str]) -> None:
    there.home.write_text("a file where the folder should be")

    check(there, Mistake(generate(), str(there.home), "IMGEN_HOME", ExitCode.NOT_SAVED))

    assert log == []
