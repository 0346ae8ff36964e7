"""The JSON answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgen.errors import Problem
from imgen.records import Cost, JobRecord, Result, ResultState, State
from imgen.screen.envelope import Envelope, JobEntry, envelope, job_json, timestamp
from imgen.screen.models import PriceEntry
from imgen_providers.base import PictureLink, Request

MakeRecord = Callable[..., JobRecord]

NASTY = '[red] \x1b[31m ::error:: ##[error] ##vso[x] 日本語 "quotes" \\ \n\u2028 \udcff 👩\u200d🚀'


def test_a_saved_job_field_by_field(record: MakeRecord) -> None:
    saved = Result(
        "k3f9",
        1,
        ResultState.SAVED,
        path=Path("/pictures/fox.png"),
        format="png",
        width=1376,
        height=768,
        size=1_400_000,
        sha256="ab" * 32,
        differences=("format: ordered webp, got png",),
    )
    expiring = Result("k3f9", 2, ResultState.READY, expires_at=1_795_260_838.2)
    request = Request(model="gemini/3.1/flash", prompt="a fox", references=(PictureLink("https://x/y.png"),), count=2)
    assert job_json(record(request=request, state=State.READY, results=(saved, expiring))) == {
        "id": "k3f9",
        "provider": "3daistudio",
        "remote_id": "a1b2c3d4-0000-4000-8000-000000000000",
        "model": "gemini/3.1/flash",
        "operation": "edit",
        "prompt": "a fox",
        "state": "ready",
        "sandbox": False,
        "created_at": "2026-11-20T11:33:58Z",
        "expires_at": "2026-11-21T11:33:58Z",
        "cost": {
            "amount": "15",
            "unit": "credits",
            "computed": False,
            "estimated": {"amount": "15", "unit": "credits"},
        },
        "differences": ("format: ordered webp, got png",),
        "files": (
            {
                "index": 1,
                "path": "/pictures/fox.png",
                "state": "saved",
                "width": 1376,
                "height": 768,
                "format": "png",
                "bytes": 1_400_000,
                "sha256": "ab" * 32,
                "expires_at": None,
                "object": None,
            },
            {
                "index": 2,
                "path": None,
                "state": "ready",
                "width": None,
                "height": None,
                "format": None,
                "bytes": None,
                "sha256": None,
                "expires_at": "2026-11-21T11:33:58Z",
                "object": None,
            },
        ),
        "error": None,
        "parent": None,
    }


@pytest.mark.parametrize("state", [ResultState.READY, ResultState.EXPIRED])
def test_a_picture_that_is_about_to_be_put_in_place_has_no_path_yet(record: MakeRecord, state: ResultState) -> None:
    placing = Result("k3f9", 1, state, path=Path("/pictures/fox.png"), sha256="ab" * 32)

    answer = json.loads(envelope("status", exit_code=0, jobs=[record(results=(placing,))]))

    (file,) = answer["jobs"][0]["files"]
    assert (file["path"], file["sha256"]) == (None, None)


def test_a_services_words_cannot_act_and_a_prompt_stays_as_it_was(record: MakeRecord) -> None:
    problem = Problem("job_failed", "It said \x1b[31mno\u202e.", "Ask\nit \u2066again.")

    answer = json.loads(envelope("wait", exit_code=5, jobs=[record(problem=problem, prompt=NASTY)], problem=problem))

    shown = {"code": "job_failed", "message": "It said \\x1b[31mno.", "hint": "Ask it again."}
    assert answer["error"] == answer["jobs"][0]["error"] == shown
    assert answer["jobs"][0]["prompt"] == NASTY


def test_a_success(record: MakeRecord) -> None:
    answer = json.loads(envelope("generate", exit_code=0, jobs=[record()]))
    assert list(answer) == ["version", "command", "ok", "exit_code", "jobs", "error"]
    assert answer | {"jobs": len(answer["jobs"])} == {
        "version": 1,
        "command": "generate",
        "ok": True,
        "exit_code": 0,
        "jobs": 1,
        "error": None,
    }


def test_a_failure_carries_its_problem() -> None:
    problem = Problem("usage", "No prompt was given.", "imgen generate --help")
    answer = json.loads(envelope("generate", exit_code=2, problem=problem))
    assert (answer["ok"], answer["exit_code"], answer["jobs"]) == (False, 2, [])
    assert answer["error"] == {
        "code": "usage",
        "message": "No prompt was given.",
        "hint": "imgen generate --help",
    }


def test_data_stands_under_its_noun() -> None:
    price = PriceEntry("15", "credits", "2026-11-20", "seed 002")
    models = [{"id": "reapi/x", "folder": Path("/pictures"), "prices": {"1K": price}}]
    answer = json.loads(envelope("models", exit_code=0, data=("models", models)))
    assert answer["models"] == [
        {
            "id": "reapi/x",
            "folder": "/pictures",
            "prices": {"1K": {"amount": "15", "unit": "credits", "seen": "2026-11-20", "source": "seed 002"}},
        }
    ]


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot hold a set"):
        envelope("models", exit_code=0, data=("models", {1, 2}))


def test_an_unknown_cost_is_null_and_not_zero(record: MakeRecord) -> None:
    unknown = {"amount": None, "unit": None}
    assert job_json(record(cost=Cost(None, None)))["cost"] == {**unknown, "computed": False, "estimated": unknown}


def test_a_computed_charge_is_marked_and_its_estimate_stands_beside_it(record: MakeRecord) -> None:
    charged = Cost("0.039683", "usd", computed=True)
    assert job_json(record(cost=Cost("0.0336", "usd"), charged=charged))["cost"] == {
        "amount": "0.039683",
        "unit": "usd",
        "computed": True,
        "estimated": {"amount": "0.0336", "unit": "usd"},
    }


def test_a_sandbox_job_says_so(record: MakeRecord) -> None:
    assert job_json(record(origin="sandbox"))["sandbox"] is True


def test_a_nasty_prompt_comes_back_unchanged_from_a_harmless_line(record: MakeRecord) -> None:
    text = envelope("generate", exit_code=0, jobs=[record(prompt=NASTY)])
    assert text.isascii()
    assert text.isprintable()
    assert "##" not in text
    assert json.loads(text)["jobs"][0]["prompt"] == NASTY


# Lone surrogates come from argv, one low one per undecodable byte; a high and a low one never meet there.
ARGV_TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('\udc80\udcff#\\"')))


@given(prompt=ARGV_TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_prompt_comes_back_unchanged(record: MakeRecord, prompt: str) -> None:
    text = envelope("generate", exit_code=0, jobs=[record(prompt=prompt)])
    assert text.isascii()
    assert json.loads(text)["jobs"][0]["prompt"] == prompt


def test_times_are_whole_seconds_of_utc() -> None:
    assert timestamp(1_795_174_438.999) == "2026-11-20T11:33:58Z"


def test_a_schema_can_be_made_from_the_types() -> None:
    """`imgen schema` does this; the answer is what the types say."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Envelope).json_schema()
    assert list(schema["properties"]) == ["version", "command", "ok", "exit_code", "jobs", "error"]
    assert set(schema["$defs"]) == {
        "CostEntry",
        "ErrorEntry",
        "FileEntry",
        "JobCostEntry",
        "JobEntry",
        "ResultState",
        "State",
    }
    assert schema["$defs"]["JobEntry"]["required"] == list(JobEntry.__dataclass_fields__)
