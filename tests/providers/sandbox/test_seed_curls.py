"""Every curl command of the services' own documents, run as it stands there, with the real curl.

Only host and key are swapped, the shortened pictures ("iVBOR...") completed, and placeholders such as
YOUR_TASK_ID filled in with a job that exists.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.seeds.parser import curl_commands, seed
from providers.sandbox.asking import KEY, Clock, ask, data_uri, fetch, png

if TYPE_CHECKING:
    from imgen_providers.sandbox.server import SandboxServer

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

HOSTS = r"https://(?:api\.3daistudio\.com|reapi\.ai|gptproto\.com)(?=/)"
KEYS = r"YOUR_API_KEY|rk_live_xxx|GPTPROTO_API_KEY"
REMOTE_IDS = r"YOUR_TASK_ID|\{id\}"


@dataclass(frozen=True)
class Example:
    """One curl command of a document."""

    number: str
    arguments: list[str]

    @property
    def body(self) -> Any:
        """The JSON it sends, or None."""
        flag = next((flag for flag in ("-d", "--data") if flag in self.arguments), None)
        return json.loads(self.arguments[self.arguments.index(flag) + 1]) if flag else None

    @property
    def asks(self) -> bool:
        """Whether it asks for a job's status."""
        return re.search(REMOTE_IDS, " ".join(self.arguments)) is not None

    def run(self, server: SandboxServer, remote_id: str = "") -> Any:
        """What the sandbox answers, which must be JSON."""
        arguments = [self._filled(argument, server, remote_id) for argument in self.arguments]
        done = subprocess.run(
            [*arguments, "--silent", "--show-error", "--noproxy", "*"],
            capture_output=True,
            timeout=30,
            check=True,
        )
        return json.loads(done.stdout)

    def _filled(self, argument: str, server: SandboxServer, remote_id: str) -> str:
        argument = re.sub(HOSTS, server.origin, argument)
        argument = re.sub(KEYS, KEY, argument)
        argument = re.sub(REMOTE_IDS, remote_id, argument)
        return argument.replace("data:image/png;base64,iVBOR...", data_uri(png("red", (8, 8))))


EXAMPLES = [
    Example(number, command) for number in ("000", "002", "003", "004") for command in curl_commands(seed(number))
]
SUBMITS = [example for example in EXAMPLES if example.body]
QUESTIONS = [example for example in EXAMPLES if example.asks]


def name(example: Example) -> str:
    return f"{example.number}-{EXAMPLES.index(example)}"


def remote_id(answer: Any) -> str:
    found = answer.get("task_id") or answer.get("id") or answer["data"]["id"]
    assert isinstance(found, str)
    return found


def finished_links(server: SandboxServer, number: str, job: str) -> list[str]:
    """The links of a finished job, at the place where the document of that number shows them."""
    match number:
        case "003":
            links = ask(server, "GET", f"/api/v1/tasks/{job}").json()["output"]["image_urls"]
        case "004":
            links = ask(server, "GET", f"/api/v3/predictions/{job}/result").json()["data"]["outputs"]
        case _:
            status = ask(server, "GET", f"/v1/generation-request/{job}/status/").json()
            links = [result["asset_url"] for result in status["results"]]
    assert isinstance(links, list)
    return links


def test_every_example_is_covered() -> None:
    assert (len(EXAMPLES), len(SUBMITS), len(QUESTIONS)) == (16, 12, 3)


@pytest.mark.parametrize("example", SUBMITS, ids=name)
def test_a_documented_submit_is_accepted_and_finishes(server: SandboxServer, clock: Clock, example: Example) -> None:
    answer = example.run(server)
    match example.number:
        case "003":
            assert {key: type(value) for key, value in answer.items()} == {
                "id": str,
                "model": str,
                "status": str,
                "created_at": int,
            }
            assert answer["status"] == "processing"
        case "004":
            assert sorted(answer) == ["code", "data", "message"]
        case _:
            assert sorted(answer) == ["created_at", "task_id"]
    clock.advance(8)
    links = finished_links(server, example.number, remote_id(answer))
    assert len(links) == example.body.get("num_images", 1)
    if example.body.get("resolution") != "4K":
        pictures = [fetch(link).picture() for link in links]
        wanted = example.body.get("output_format", "png").upper()
        assert [picture.format for picture in pictures] == len(links) * [wanted]


@pytest.mark.parametrize("example", QUESTIONS, ids=name)
def test_a_documented_question_shows_every_state(server: SandboxServer, clock: Clock, example: Example) -> None:
    submit = next(each for each in SUBMITS if each.number == example.number)
    job = remote_id(submit.run(server))
    states = []
    for _ in range(3):
        answer = example.run(server, job)
        states.append(answer["status"] if "status" in answer else answer["data"]["status"])
        clock.advance(4)
    assert states in (["PENDING", "IN_PROGRESS", "FINISHED"], ["created", "processing", "completed"])


def test_the_documented_result_has_the_documented_keys(server: SandboxServer, clock: Clock) -> None:
    example = next(each for each in QUESTIONS if each.number == "004")
    submit = next(each for each in SUBMITS if each.number == "004")
    job = remote_id(submit.run(server))
    clock.advance(8)
    _, _, text = seed("004").partition("ready-to-use GET URL that already embeds the id")
    shown, _ = json.JSONDecoder().raw_decode(text.lstrip())
    answer = example.run(server, job)
    assert sorted(answer) == sorted(shown)
    assert sorted(answer["data"]) == sorted(shown["data"])


def test_the_example_without_a_key_is_refused(server: SandboxServer) -> None:
    (bare,) = [example for example in EXAMPLES if not example.body and not example.asks]
    assert bare.run(server) == {"code": 401, "message": "Token cannot be empty", "type": "error"}
