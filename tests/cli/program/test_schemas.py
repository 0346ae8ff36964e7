"""What `imgen schema` promises, every answer of the installed program keeps: through a pipe and on a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cli.program.program import IMGEN, SMALL, Program
from cli.program.terminal import terminal
from imgen.completion.tree import Command, tree
from imgen.screen.envelope import PROGRAM
from imgen.screen.schemas import ANSWERS, EVENTS, schemas

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOX = ("generate", 'a red [fox] \x1b[31m ::error:: ##[x] 日本語 "q"', "--sandbox", *SMALL)


def closed(schema: Any) -> Any:
    """The schema without its promise that fields may be added: here, none may."""
    if isinstance(schema, dict):
        shut = {"additionalProperties": False} if "properties" in schema else {}
        return {**{key: closed(value) for key, value in schema.items()}, **shut}
    return list(map(closed, schema)) if isinstance(schema, list) else schema


@pytest.fixture(scope="module")
def known() -> dict[str, jsonschema.Draft202012Validator]:
    return {name: jsonschema.Draft202012Validator(closed(schema)) for name, schema in schemas().items()}


def test_a_wrong_line_points_to_the_help_of_its_own_command(imgen: Program) -> None:
    few, bare = imgen.run_lines(
        [(("config", "set", "model"), {}, b""), (("generate", "a fox", "-m", "gemini/3/pro", "--sandbox"), {}, b"")]
    )

    assert (few.code, "imgen config set --help" in few.stderr) == (2, True)
    assert (bare.code, "try: -m 3daistudio/gemini/3/pro" in bare.stderr) == (2, True)


def check_events(text: str, validator: jsonschema.Draft202012Validator) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        validator.validate(event)
    return events


def test_a_schema_for_every_command_that_answers_in_json() -> None:
    def names(command: Command, name: str) -> Iterator[str]:
        yield name or PROGRAM
        for word, below in command["commands"].items():
            yield from names(below, f"{name} {word}".strip())

    assert sorted(ANSWERS) == sorted(names(tree(), ""))


def test_every_schema_is_one_and_is_printed(imgen: Program) -> None:
    whole, one, two, wrong, far = imgen.run_lines(
        [
            (("schema",), {}, b""),
            (("schema", "wait"), {}, b""),
            (("schema", "keys list"), {}, b""),
            (("schema", "wiat"), {}, b""),
            (("schema", "zzz"), {}, b""),
        ]
    )

    printed = json.loads(whole.stdout)
    assert set(printed) == {*ANSWERS, EVENTS}
    for schema in printed.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(one.stdout) == printed["wait"]
    assert json.loads(two.stdout) == printed["keys list"]
    assert (wrong.code, wrong.stdout) == (2, b"")
    assert "Did you mean wait?" in wrong.stderr
    assert "Did you mean" not in far.stderr


def test_every_answer_through_a_pipe_keeps_its_schema(
    imgen: Program, known: dict[str, jsonschema.Draft202012Validator], tmp_path: Path
) -> None:
    picture = tmp_path / "fox.png"
    lines = [
        (*FOX, "-o", str(picture)),
        (*FOX, "--dry-run"),
        (*FOX, "--no-wait"),
        (*FOX, "-a", "7:7"),
        ("edit", "bluer", "-i", str(picture), "--sandbox", *SMALL),
        ("edit", "bluer", "-i", str(picture), "--sandbox", "--dry-run"),
        ("edit", "bluer", "-i", "no.png", "--sandbox"),
        ("status",),
        ("status", "--tree"),
        ("wait",),
        ("wait",),
        ("wait", "unknown"),
        ("download",),
        ("download", "unknown"),
        ("cancel", "unknown"),
        ("forget", "unknown"),
        ("costs",),
        ("costs", "--since", "someday"),
        ("history",),
        ("history", "--state", "no"),
        ("gallery", "-o", str(tmp_path / "page.html")),
        ("gallery", "unknown"),
        ("inspect", str(picture), "no.png"),
        ("inspect", "no.png"),
        ("batch", "--init"),
        ("batch", "--init"),
        ("batch", "--check"),
        ("batch", "--plan", "--sandbox"),
        ("batch", "--plan", "--sandbox", "--only", "nothing"),
        ("batch", "other.toml", "--check"),
        ("again", "unknown"),
        ("completions", "bash"),
        ("config",),
        ("config", "set", "count", "2"),
        ("config", "set", "cuont", "2"),
        ("keys", "list"),
        ("keys", "check"),
        ("keys", "check", "unknown"),
        ("keys", "set", "unknown"),
        ("keys", "remove", "reapi"),
        ("keys", "remvoe"),
        ("config", "unset", "count"),
        ("config", "set", "count"),
        ("schema", "keys", "list"),
        ("schema", "nope"),
        ("sandbox",),
        ("sandbox", "serve"),
        ("nonsense",),
        (),
        ("costs",),
        ("status", "--lost"),
        ("download", "--all"),
        ("models",),
        ("models", "gemini-3-pro"),
        ("models", "--live", "--sandbox"),
        ("models", "--live"),  # without a key
        ("models", "gemini-9"),
        ("generate", "a fox", "--json=yes"),
    ]
    fast = {"IMGEN_SANDBOX_SECONDS": "0.1"}

    for line, ended in zip(lines, imgen.run_lines([((*line, "--json"), fast, b"") for line in lines]), strict=True):
        command = ended.json["command"]
        assert (" ".join(line) + " ").startswith(f"{command} ") or command == PROGRAM, line
        known[command].validate(ended.json)
        assert ended.json["exit_code"] == ended.code
        assert (ended.json["error"] is None) == (ended.code == 0)


def test_the_whole_story_of_jobs_as_events(imgen: Program, known: dict[str, jsonschema.Draft202012Validator]) -> None:
    fast = {"IMGEN_SANDBOX_SECONDS": "0.1"}
    lost = {**fast, "IMGEN_SANDBOX_FAULTS": "lost-reply"}
    made, stayed, waited, unclear, wrong = imgen.run_lines(
        [
            ((*FOX, "-n", "2", "--events"), fast, b""),
            ((*FOX, "--no-wait", "--events"), fast, b""),
            (("wait", "--events"), fast, b""),
            (("generate", "an owl", "--sandbox", "--events"), lost, b""),
            (("download", "--events", "--json"), {}, b""),
        ]
    )

    runs = {"made": made, "stayed": stayed, "waited": waited, "unclear": unclear, "wrong": wrong}
    events = {name: check_events(ended.stdout.decode(), known[EVENTS]) for name, ended in runs.items()}
    assert kinds(events["made"]) == ["changed", "submitted", "saved", "saved", "ended"]
    submitted = next(event for event in events["made"] if event["event"] == "submitted")
    assert submitted["prompt"] == FOX[1]
    jobs = imgen.jobs()
    assert submitted["remote_id"] == jobs[0].remote_id
    saved = {event["file"]["path"] for event in events["made"] if event["event"] == "saved"}
    assert saved == {str(result.path) for result in jobs[0].results}
    assert kinds(events["stayed"]) == ["changed", "submitted", "ended"]
    assert kinds(events["waited"]) == ["changed", "saved", "ended"]
    assert kinds(events["unclear"]) == ["changed", "failed", "ended"]
    assert (events["unclear"][-2]["state"], events["unclear"][-1]["exit_code"]) == ("uncertain", 10)
    assert (kinds(events["wrong"]), wrong.code) == (["ended"], 2)
    for name, ended in runs.items():
        assert events[name][-1]["exit_code"] == ended.code
        assert ended.stdout.isascii()


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The kinds of event without progress, each run of changes once."""
    found: list[str] = []
    for event in events:
        if (event["event"] == "changed" and "changed" in found) or event["event"] == "progress":
            continue
        found.append(event["event"])
    return found


def test_on_a_terminal_answers_and_events_are_whole_lines_too(
    imgen: Program, known: dict[str, jsonschema.Draft202012Validator]
) -> None:
    """Standard output and standard error are one terminal: what is drawn must not tear the lines apart."""
    with terminal(imgen, *IMGEN, *FOX, "--events") as shown:
        assert shown.rest() == 0
    events = check_events(shown.raw.decode(), known[EVENTS])
    assert kinds(events) == ["changed", "submitted", "saved", "ended"]

    with terminal(imgen, *IMGEN, *FOX, "--json") as shown:
        assert shown.rest() == 0
    line = shown.raw.splitlines()[-1]
    known["generate"].validate(json.loads(line[line.index(b"{") :]))  # before it, the rows are taken away
