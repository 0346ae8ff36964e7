"""A fleet through the installed program: queued without a key, made by a worker, collected into the project."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from cli.program.program import Ended, Program
    from imgen.ledger.postgres.ledger import PostgresLedger

ASSETS = """
[defaults]
resolution = "0.5K"
provider = "reapi"

[[asset]]
path = "art/fox.png"
prompt = "a red fox"

[[asset]]
path = "art/owl.png"
prompt = "an owl"
"""


def run(here: Program, *arguments: str, code: ExitCode = ExitCode.DONE) -> Ended:
    """Run a command that ends so."""
    ended = here.run(*arguments)
    assert ended.code == code, ended.stderr
    return ended


def test_queued_made_and_collected(laptop: Program, ledger: PostgresLedger, tmp_path: Path) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    worker = replace(laptop, home=tmp_path / "another home")

    run(laptop, "batch", "--queue", "--sandbox")
    waiting = run(laptop, "batch", "--collect", "--sandbox", code=ExitCode.UNFINISHED)
    standing = run(laptop, "fleet", "status", "--json").json["fleet"]
    worked = run(worker, "work", "--until-idle", "--sandbox", "--poll-every", "0.05")
    run(laptop, "batch", "--collect", "--sandbox")

    assert "2 waiting" in waiting.stderr
    assert standing["queues"] == [{"queue": "sandbox/1", "waiting": 2, "taken": 0}]
    assert standing["waiting"] == {"planned": 2}
    assert "saved file://" in worked.stderr
    for job in ledger.jobs.find(""):
        assert (job.state, job.owner is None, job.results[0].path) == (State.SAVED, False, None)
        stored = Path(str(job.results[0].object).removeprefix("file://"))
        assert (laptop.cwd / f"art/{'fox' if 'fox' in job.request.prompt else 'owl'}.png").read_bytes() == (
            stored.read_bytes()
        )
    run(laptop, "batch", "--check", "--sandbox")
    again = run(laptop, "batch", "--queue", "--sandbox")
    assert "2 current" in again.stderr or "nothing" in again.stderr.lower(), again.stderr
    assert len(ledger.jobs.find("")) == 2


def test_what_a_second_checkout_orders_is_what_the_first_has_bought(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    other = replace(laptop.elsewhere(tmp_path / "other desk"), home=tmp_path / "other home")
    for here in (laptop, other):
        (here.cwd / "assets.toml").write_text(ASSETS)
        run(here, "batch", "--queue", "--sandbox")
    run(laptop, "work", "--until-idle", "--sandbox", "--poll-every", "0.05")

    run(other, "batch", "--queue", "--sandbox")

    assert len(ledger.jobs.find("")) == 2
    assert sorted(path.name for path in (other.cwd / "art").iterdir()) == ["fox.png", "owl.png"]


def test_two_fleets_in_one_database_do_not_meet(laptop: Program, ledger: PostgresLedger) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    other = replace(
        laptop, variables={**laptop.variables, "IMGEN_LEDGER": f"{laptop.variables['IMGEN_LEDGER']}?schema=studio"}
    )
    run(other, "fleet", "init")
    run(other, "batch", "--queue", "--sandbox")

    run(laptop, "work", "--until-idle", "--sandbox")

    assert ledger.jobs.find("") == []
    assert run(other, "fleet", "status", "--json").json["fleet"]["waiting"] == {"planned": 2}


def test_commands_of_every_day_know_what_was_stored(laptop: Program) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    run(laptop, "batch", "--queue", "--sandbox")
    run(laptop, "work", "--until-idle", "--sandbox", "--poll-every", "0.05", "-q")

    history = run(laptop, "history", "--json").json["jobs"]
    waited = run(laptop, "wait", history[0]["id"])

    assert [job["state"] for job in history] == ["saved", "saved"]
    assert waited.lines[0].startswith("file://")
    assert len(waited.lines) == 1
    run(laptop, "status")
    run(laptop, "costs")


@pytest.mark.parametrize("command", [["work"], ["fleet", "status"], ["fleet", "init"], ["batch", "--queue"]])
def test_without_a_shared_ledger_there_is_no_fleet(laptop: Program, command: list[str]) -> None:
    alone = replace(laptop, variables={"REAPI_API_KEY": "a-key-of-a-test-0123456789"})
    (laptop.cwd / "assets.toml").write_text(ASSETS)

    refused = run(alone, *command, code=ExitCode.KEY)

    assert "IMGEN_LEDGER is not set" in refused.stderr


def test_a_worker_without_any_key_does_not_start(laptop: Program) -> None:
    refused = run(laptop, "work", code=ExitCode.KEY)

    assert "A worker needs the keys of the services" in refused.stderr


def test_a_queue_of_no_service_is_refused(laptop: Program) -> None:
    refused = run(laptop, "work", "--queue", "reapy", code=ExitCode.USAGE)

    assert "There is no queue 'reapy'" in refused.stderr


def test_a_worker_without_the_key_of_a_job_gives_it_back_and_says_so(laptop: Program, ledger: PostgresLedger) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    run(laptop, "batch", "--queue")

    refused = run(laptop, "work", "--until-idle", "--queue", "reapi", code=ExitCode.KEY)

    assert refused.stderr.count("is given back to the queue: reAPI needs a key") == 2
    assert [(job.state, job.owner) for job in ledger.jobs.find("")] == [(State.PLANNED, None)] * 2
    assert ledger.engine.pending(["reapi/1"], ()) == 2


def test_a_store_that_cannot_be_written_sends_nothing(laptop: Program, ledger: PostgresLedger, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    shut = replace(laptop, variables={**laptop.variables, "IMGEN_STORE": f"file://{tmp_path}/file/store"})
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    run(laptop, "batch", "--queue", "--sandbox")

    refused = run(shut, "work", "--until-idle", "--sandbox", code=ExitCode.KEY)

    assert "cannot be opened" in refused.stderr
    assert "Nothing was sent" in refused.stderr
    assert {job.state for job in ledger.jobs.find("")} == {State.PLANNED}


def test_a_worker_without_a_store_does_not_start(laptop: Program, ledger: PostgresLedger) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    run(laptop, "batch", "--queue", "--sandbox")
    bare = replace(laptop, variables={n: v for n, v in laptop.variables.items() if n != "IMGEN_STORE"})

    refused = run(bare, "work", "--until-idle", "--sandbox", code=ExitCode.KEY)

    assert "IMGEN_STORE is not set" in refused.stderr
    assert {job.state for job in ledger.jobs.find("")} == {State.PLANNED}


def test_what_is_ordered_here_on_the_shared_ledger_becomes_a_file(laptop: Program, ledger: PostgresLedger) -> None:
    made = run(laptop, "generate", "a fox", "--sandbox", "-r", "0.5K", "-o", "fox.png", "--poll-every", "0.05")

    assert made.lines == [str(laptop.cwd / "fox.png")]
    [job] = ledger.jobs.find("")
    assert (job.results[0].object, job.engine_id) == (None, None)


def test_a_store_without_a_shared_ledger_is_refused_before_anything_is_recorded(laptop: Program) -> None:
    alone = replace(laptop, variables={"IMGEN_STORE": laptop.variables["IMGEN_STORE"], "IMGEN_SANDBOX_SECONDS": "0.1"})

    refused = run(alone, "generate", "a fox", "--sandbox", code=ExitCode.KEY)

    assert "IMGEN_STORE is for a fleet" in refused.stderr
    assert alone.jobs() == []


def test_the_tables_are_not_changed_while_workers_run(laptop: Program, ledger: PostgresLedger) -> None:
    owner = ledger.new_owner()

    refused = run(laptop, "fleet", "upgrade", code=ExitCode.USAGE)
    owner.release()
    run(laptop, "fleet", "upgrade")

    assert "1 processes still use the ledger" in refused.stderr or "1 process still uses the ledger" in refused.stderr


def test_a_queue_of_another_version_is_refused_with_nothing_sent(laptop: Program, ledger: PostgresLedger) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS)
    for version, problem in (("4.0.0", "is of Procrastinate 4.0.0"), (None, "no tables for a queue")):
        with ledger.write() as write:
            write.execute("UPDATE meta SET engine_version = ?", (version,))
        for command in (["work", "--sandbox"], ["batch", "--queue", "--sandbox"]):
            assert problem in run(laptop, *command, code=ExitCode.KEY).stderr

    assert ledger.jobs.find("") == []


def test_no_password_of_the_ledger_is_printed(laptop: Program) -> None:
    url = "postgresql://imgen:a-secret-of-a-test@127.0.0.1:1/imgen"
    away = replace(laptop, variables={**laptop.variables, "IMGEN_LEDGER": url})
    (laptop.cwd / "assets.toml").write_text(ASSETS)

    for command in (["work", "--sandbox"], ["fleet", "status"], ["fleet", "init"], ["batch", "--queue", "--sandbox"]):
        refused = away.run(*command)
        assert refused.code == ExitCode.NOT_SAVED, refused.stderr
        assert "a-secret" not in refused.stderr
        assert json.dumps(refused.stdout.decode()) == '""'


def test_a_sandbox_elsewhere_is_on_this_machine(laptop: Program) -> None:
    far = replace(laptop, variables={"IMGEN_SANDBOX_SERVER": "http://sandbox.example.com"})

    refused = run(far, "generate", "a fox", "--sandbox", code=ExitCode.KEY)

    assert "IMGEN_SANDBOX_SERVER must be on this machine" in refused.stderr
