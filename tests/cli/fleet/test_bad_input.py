"""What can be wrong with a fleet, through the installed program: each with its own sentence, and nothing is sent."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.fleet.test_program import ASSETS, run
from cli.ledger.postgres.test_bad_databases import BAD, change
from cli.program.editing import Bucket
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    import postgres
    from cli.program.program import Program
    from imgen.ledger.postgres.ledger import PostgresLedger


def sent(here: Program) -> list[Path]:
    """The jobs that the sandbox of a machine was asked for."""
    return list((here.home / "sandbox").rglob("*.json"))


@pytest.mark.parametrize("which", BAD)
def test_a_ledger_that_cannot_be_opened(laptop: Program, fleet_url: str, which: str) -> None:
    bad, sentence, step = BAD[which]
    here = replace(laptop, variables={**laptop.variables, "IMGEN_LEDGER": bad(fleet_url)})
    (here.cwd / "assets.toml").write_text(ASSETS)

    for command in (["generate", "a fox"], ["work", "--until-idle"], ["batch", "--queue"]):
        refused = run(here, *command, "--sandbox", code=ExitCode.NOT_SAVED)
        text = " ".join(refused.stderr.split())
        assert re.search(sentence, text)
        assert " ".join(step.split()) in text
    assert sent(here) == []


def test_a_ledger_that_can_only_be_read(
    laptop: Program, fleet_url: str, postgres_server: postgres.Server, ledger: PostgresLedger
) -> None:
    database = fleet_url.rpartition("/")[2]
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    postgres_server.admin(f"ALTER DATABASE {database} SET default_transaction_read_only = on")

    for command in (["generate", "a fox"], ["work", "--until-idle"], ["batch", "--queue"]):
        refused = run(laptop, *command, "--sandbox", code=ExitCode.NOT_SAVED)
        assert "can only be read." in refused.stderr
        assert "Nothing was sent" in refused.stderr
    assert sent(laptop) == []
    assert ledger.jobs.find("") == []


def test_a_ledger_whose_disk_is_full(laptop: Program, fleet_url: str, ledger: PostgresLedger) -> None:
    change(
        fleet_url,
        "CREATE FUNCTION imgen.full() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON imgen.job FOR EACH ROW EXECUTE FUNCTION imgen.full()",
    )
    (laptop.cwd / "assets.toml").write_text(ASSETS)

    for command in (["generate", "a fox"], ["batch", "--queue"]):
        assert "is full." in run(laptop, *command, "--sandbox", code=ExitCode.NOT_SAVED).stderr
    assert sent(laptop) == []
    assert ledger.jobs.find("") == []


def test_a_storage_whose_credentials_may_not_write(laptop: Program, ledger: PostgresLedger, s3: str) -> None:
    bucket = Bucket(s3, "refusing-fleet")
    shut = replace(
        laptop, variables={**laptop.variables, **bucket.variables, "IMGEN_STORE": bucket.variables["IMGEN_UPLOAD"]}
    )
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    run(laptop, "batch", "--queue", "--sandbox")

    refused = run(shut, "work", "--until-idle", "--sandbox", code=ExitCode.KEY)

    assert "its credentials may not do that." in refused.stderr
    assert "Nothing was sent." in refused.stderr
    assert {job.state for job in ledger.jobs.find("")} == {State.PLANNED}


def test_an_object_that_is_there_with_other_bytes(laptop: Program, ledger: PostgresLedger) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    run(laptop, "batch", "--queue", "--sandbox", "--only", "art/fox.png")
    run(laptop, "work", "--until-idle", "--sandbox", "--poll-every", "0.05", "-q")
    [job] = ledger.jobs.find("")
    url = str(job.results[0].object)
    Path(url.removeprefix("file://")).write_bytes(b"another picture")
    ledger.results.reopen(job.id, 1)

    ended = run(laptop, "work", "--until-idle", "--sandbox", "--poll-every", "0.05", code=ExitCode.NOT_SAVED)

    assert f"{url} has another picture already, which is left as it is." in ended.stderr.replace("\n", " ")
    assert Path(url.removeprefix("file://")).read_bytes() == b"another picture"
    assert ledger.jobs.get(job.id).state is State.READY
    assert len(sent(laptop)) == 1


def test_a_model_that_no_column_holds(laptop: Program, ledger: PostgresLedger) -> None:
    (laptop.cwd / "assets.jsonl").write_text('{"path": "a.png", "prompt": "a fox", "model": "reapi/x\\u0000y"}\n')

    refused = run(laptop, "batch", "assets.jsonl", "--queue", "--sandbox", code=ExitCode.USAGE)

    assert "The name of a model has no NUL in it." in refused.stderr
    assert ledger.jobs.find("") == []
