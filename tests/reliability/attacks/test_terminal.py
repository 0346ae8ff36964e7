"""Texts of a service on a terminal and in the log of a build: they are words there, and never commands."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, Program
from imgen.errors import ExitCode
from imgen_providers.sandbox.exchange import Reply, json_reply
from reliability.attacks.attempt import HELD, plain, rows
from reliability.attacks.hostile import edited, hostile

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.sandbox.exchange import Call
    from reliability.attacks.hostile import Answer

ESCAPES = {
    "a colour": "\x1b[31mred\x1b[0m",
    "a copy to the clipboard (OSC 52)": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "a title": "\x1b]0;owned\x07",
    "a link (OSC 8)": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "a C1 introducer": "\x9b31mred \x9d52;c;eA==\x9c",
    "a cleared screen": "\x1b[2J\x1b[H\x1bc",
    "letters that turn around": "\u202egnp.exe\u2066\u200f",
    "backspaces over the line": "fine" + "\b" * 40 + "all is saved",
    "a carriage return": "failed\rsaved /home/fox.png",
    "markup of rich": "[link=https://evil.example][bold red]x[/]",
    "a device control string": "\x1bPq#0\x1b\\ \x90q#0\x9c",
}
COMMANDS = {
    "an error of GitHub": "\n::error file=x::owned",
    "a mask of GitHub": "\n::add-mask::a",
    "the old output of GitHub": "\n::set-output name=path::/etc",
    "a variable of Azure": "\n##vso[task.setvariable variable=x]y",
    "a section of GitLab": "\n\x1b[0Ksection_start:1:x\r\x1b[0Kx",
    "a message of TeamCity": "\n##teamcity[buildStatus status='SUCCESS']",
}
SAMPLE = ("a copy to the clipboard (OSC 52)", "a C1 introducer", "a mask of GitHub")
BUILDS = {"CI": "true", "GITHUB_ACTIONS": "true", "TF_BUILD": "True"}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")


def said(imgen: Program, folder: Path, text: str, service: str, **variables: str) -> str:
    """Everything that is printed where a service says this in a refusal, in a state and in its reason of a failure."""

    def twist(at: str, call: Call, reply: Reply) -> Answer:
        if at == "poll" and reply.status == 200:
            failure = {"status": "failed", "error": {"code": text, "message": text}, "output": None, "outputs": None}
            return edited(reply, lambda body: {**body, **failure})
        return reply

    def refused(at: str, call: Call, reply: Reply) -> Answer:
        return (
            json_reply(422, {"error": {"message": text, "code": text}, "request_id": text}, {})
            if at == "submit"
            else reply
        )

    printed: list[str] = []
    with hostile(folder, twist, seconds=0.05) as services:
        here = imgen.at(services.services.origin)
        here = replace(here, variables={**here.variables, **variables})
        for change in (twist, refused):
            services.twist = change
            for form in ((), ("--verbose",), ("--json",)):
                ended = here.run("generate", f"a fox {len(printed)}", "-p", service, *OFTEN, *form, "--timeout", "3")
                assert plain(ended), ended
                assert ended.code in (ExitCode.REFUSED, ExitCode.FAILED), ended
                printed.append(ended.stderr + ended.stdout.decode())
        printed.append(here.run("history").stdout.decode())
    return "".join(printed)


@pytest.mark.parametrize("text", rows(HELD, ESCAPES, "words without a command", SAMPLE))
def test_no_escape_reaches_a_terminal(imgen: Program, tmp_path: Path, text: str) -> None:
    printed = said(imgen, tmp_path / "far side", text, "reapi")

    assert CONTROL.search(printed.replace("\n", "")) is None


@pytest.mark.parametrize("text", rows(HELD, COMMANDS, "no line of its own", SAMPLE))
def test_no_line_of_a_build_log_is_a_command(imgen: Program, tmp_path: Path, text: str) -> None:
    printed = said(imgen, tmp_path / "far side", text, "reapi", **BUILDS)

    assert [line for line in printed.splitlines() if re.match(r"\s*(::(?!error title=imgen)|##)", line)] == []
    assert "owned" not in "".join(line for line in printed.splitlines() if line.startswith("::error file=x"))
    assert CONTROL.search(printed.replace("\n", "")) is None
