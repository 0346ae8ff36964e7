"""What TAB offers at a place of the line, asked without a shell."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from imgen.completion.answer import FILES_HERE, answer, harmless
from imgen.ledger.ledger import Ledger
from imgen_providers.catalog import FAMILIES, SERVICES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is that TAB looks into (`IMGEN_HOME` of every test)."""
    home = tmp_path / "home"
    home.mkdir()
    return home / "ledger.sqlite3"


def offered(*words: str) -> list[str]:
    """The words offered in place of the last one."""
    *before, word = words
    text = answer("zsh", [*before, f"={word}"], ascii_only=False)
    return [line.split("\t")[0] for line in text.splitlines()]


def offered_in_bash(line: str) -> list[str]:
    return answer("bash", [line], ascii_only=False).splitlines()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["ge"], ["generate"], id="command"),
        pytest.param(["sandbox", ""], ["serve"], id="command of a group"),
        pytest.param(["sandbox", "serve", "--po"], ["--port"], id="its option"),
        pytest.param(["nonsense", "--po"], [], id="wrong command"),
        pytest.param(["generate", "a fox", "--over"], ["--overwrite"], id="switch"),
        pytest.param(["generate", "-q", "--qui"], [], id="option given before"),
        pytest.param(["generate", "-qn2", "--cou"], [], id="option given in a cluster"),
        pytest.param(["generate", "--option", "a=b", "--opti"], ["--option"], id="option that may come again"),
        pytest.param(["generate", "--", "--over"], [], id="after the end of options"),
        pytest.param(["generate", "a fox"], [], id="any text"),
        pytest.param(["generate", "-n", ""], [], id="any number"),
        pytest.param(["generate", "-m", ""], list(FAMILIES), id="models"),
        pytest.param(["models", "gemini-3-"], ["gemini-3-pro"], id="model as argument"),
        pytest.param(["generate", "-p", "gmicloud", "-m", "gemini-3-"], ["gemini-3-pro"], id="models of a provider"),
        pytest.param(
            ["generate", "-m", "3daistudio/gemini/3/"], ["3daistudio/gemini/3/pro"], id="models by their exact name"
        ),
        pytest.param(["generate", "-pg"], ["-pgmicloud", "-pgptproto", "-pgemini"], id="providers, glued"),
        pytest.param(["edit", "--provider=a"], ["--provider=auto"], id="the provider that suits best"),
        pytest.param(["wait", "--provider=a"], [], id="which is nothing to wait for"),
        pytest.param(["models", "-p", ""], list(SERVICES), id="providers"),
        pytest.param(
            ["generate", "-m", "gemini-3.1-flash", "-p", ""],
            [*(name for name, entry in SERVICES.items() if entry.family("gemini-3.1-flash")), "auto"],
            id="providers of a model",
        ),
        pytest.param(["generate", "-m", "gemini-3-pro", "-a", "1:"], ["1:1"], id="aspects of a model"),
        pytest.param(["generate", "-a", "1:"], ["1:1", "1:4", "1:8"], id="aspects of the usual model"),
        pytest.param(
            ["generate", "-p", "gmicloud", "-a", "2"], ["21:9", "2:3"], id="aspects of a provider's usual model"
        ),
        pytest.param(["generate", "-qa1:", "-r", "4"], ["4K"], id="resolutions"),
        pytest.param(["generate", "-m", "gemini-2.5-flash", "-r", ""], ["1K"], id="resolutions of a model"),
        pytest.param(["generate", "-m", "gmicloud/gemini-3-pro-image", "-f", ""], ["png", "jpeg"], id="formats"),
        pytest.param(["generate", "-m", "gmicloud/of-tomorrow", "-f", ""], [], id="formats of an unknown model"),
        pytest.param(["generate", "--channel", ""], ["default", "official", "unified", "batch"], id="channels"),
        pytest.param(["generate", "-p", "gmicloud", "--channel", ""], [], id="no channels"),
        pytest.param(["completions", ""], ["bash", "zsh", "fish", "powershell"], id="shells"),
        pytest.param(["generate", "-o", "sh"], [FILES_HERE], id="files"),
        pytest.param(["edit", "bluer", "--image=sh"], [FILES_HERE], id="files, glued"),
        pytest.param(["wait", ""], [], id="jobs, without a ledger"),
        pytest.param(["config", "set", "budget.d"], ["budget.day"], id="settings"),
        pytest.param(["schema", "keys", ""], ["list", "set", "remove", "check"], id="words of an answer"),
        pytest.param(["schema", "ev"], ["events"], id="events"),
        pytest.param(["again", "--profile", ""], [], id="profiles, without a file"),
    ],
)
def test_what_can_come_is_offered(words: list[str], expected: list[str]) -> None:
    assert offered(*words) == expected


def test_options_are_offered_where_nothing_else_can_come() -> None:
    words = offered("generate", "a fox", "")

    assert "--aspect" in words
    assert "-a" not in words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("imgen gen", ["generate"]),
        ("imgen  generate 'it is' -a 16:", ["16:9"]),
        ('imgen generate "a \\" fox" --aspect=16:', ["--aspect=16:9"]),
        ("imgen generate -a '16:", ["16:9"]),
        ("imgen generate 'an open quo", []),
        ("imgen generate it\\'s -m gemini-2", ["gemini-2.5-flash"]),
        ("imgen generate # -m gemini-2", ["gemini-2.5-flash"]),
        ("imgen sandbox ", ["serve"]),
    ],
)
def test_a_line_of_bash_is_read_as_bash_reads_it(line: str, expected: list[str]) -> None:
    assert offered_in_bash(line) == expected


def test_helps_say_what_a_value_means_for_this_order() -> None:
    def lines(*words: str) -> list[str]:
        return answer("fish", words, ascii_only=False).splitlines()

    assert lines("generate", "-p", "reapi", "-r", "2K", "-a", "=16:") == ["16:9\t2752x1536 at 2K"]
    assert "2K\t20 credits" in lines("generate", "-p", "3daistudio", "-r", "=")
    assert lines("generate", "-m", "=gemini-3.") == [
        "gemini-3.1-flash\t3D AI Studio, GMI Cloud, reAPI, GPTProto, Google Gemini, fal",
        "gemini-3.1-flash-lite\tGPTProto, Google Gemini",
    ]


def test_profiles_are_those_of_the_persons_file(path: Path) -> None:
    path.with_name("config.toml").write_text("[profiles.work]\ncount = 2\n", encoding="utf-8")

    assert offered("generate", "a fox", "--profile", "") == ["work"]


def test_jobs_come_newest_first_and_for_wait_only_the_open_ones(path: Path) -> None:
    ledger = Ledger(path, time.time)
    ledger.jobs.plan([draft("aaa"), draft("abb"), draft("bcc"), draft("add")], "unknown", resubmit=False)
    for job_id in ("abb", "bcc", "add"):
        ledger.jobs.submitting(job_id)
        ledger.jobs.accepted(job_id, taken(job_id))
        ledger.jobs.finished(
            job_id, ["https://example.com/1.png"], link_seconds=60.0, took_seconds=1.0, conversation=None
        )
    ledger.results.expired("bcc", 1)
    ledger.jobs.forget(["add"])
    ledger.close()

    assert offered("status", "") == ["last", "bcc", "abb", "aaa"]
    assert offered("show", "la") == ["last"]
    assert offered("wait", "") == ["abb", "aaa"]
    assert offered("wait", "abb", "a") == ["aaa"]
    assert offered("edit", "bluer", "--from=b") == ["--from=bcc"]
    assert offered("wait", "\udcff") == []  # a byte that is no text


def test_a_ledger_that_cannot_be_read_at_once_offers_nothing(path: Path) -> None:
    path.write_bytes(b"no ledger" * 1000)
    assert offered("wait", "") == []
    path.unlink()

    ledger = Ledger(path, time.time)
    ledger.jobs.plan([draft("aaa")], "unknown", resubmit=False)
    ledger.close()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert offered("wait", "") == []
        assert time.monotonic() - began < 2.0
        other.execute("ROLLBACK")
    other.close()

    assert offered("wait", "") == ["aaa"]


def test_looking_changes_nothing(path: Path) -> None:
    ledger = Ledger(path, time.time)
    ledger.jobs.plan([draft("aaa")], "unknown", resubmit=False)  # whose owner is dead: any command would settle it
    ledger.close()
    before = path.read_bytes()

    assert offered("wait", "") == ["aaa"]
    assert path.read_bytes() == before


def test_no_character_of_any_prompt_means_anything_to_a_shell() -> None:
    # Every script but the thousands of ideographs, and the forms that look like ASCII.
    everything = [chr(number) for number in (*range(0x3100), *range(0xD000, 0x10000))]
    kept = {each for each in everything if harmless(f"a{each}b") == f"a{each}b"}
    kept_in_unicode = {each for each in everything if harmless(f"a{each}b", ascii_only=False) == f"a{each}b"}

    assert {each for each in kept if not each.isalnum()} == set(" .,:-_/")
    assert {each for each in kept_in_unicode if each.isascii()} == kept
    assert all(each.isalnum() for each in kept_in_unicode - kept)
    assert not {each for each in kept_in_unicode if each.isspace()} - {" "}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the service's own", "the services own"),
        ('$(rm -rf /) `id`\n[/x]\t"q"', "rm -rf / id /x q"),
        ("夜の赤い狐 é", ""),
        ("word " * 40, "word " * 13 + "word..."),
    ],
)
def test_a_text_is_reduced_to_one_readable_line(text: str, expected: str) -> None:
    assert harmless(text) == expected
