"""Orders of a manifest put into the queue: all in one commit, within one budget, with the pictures they go on from."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import reliability
from cli.fleet.test_program import run
from cli.program.editing import png
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.base import PictureFile
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from cli.program.program import Program
    from imgen.ledger.postgres.ledger import PostgresLedger

MORTAL = Path(next(iter(reliability.__path__))) / "fleet" / "mortal.py"
MANY = 40


def manifest(here: Program, assets: int = MANY, more: str = "") -> None:
    """Assets that cost 15 credits each."""
    fox = '[[asset]]\npath = "art/{0}.png"\nprompt = "fox {0}"\nprovider = "3daistudio"\n'
    (here.cwd / "assets.toml").write_text("".join(map(fox.format, range(assets))) + more)


def in_queue(ledger: PostgresLedger) -> set[str]:
    """The ids of the jobs that the queue carries."""
    with psycopg.connect(ledger.address.conninfo) as connection:
        rows = connection.execute("SELECT args->>'job_id' FROM imgen_engine.procrastinate_jobs").fetchall()
    return {row[0] for row in rows}


def test_a_manifest_is_queued_in_one_commit(laptop: Program, ledger: PostgresLedger) -> None:
    manifest(laptop)

    run(laptop, "batch", "--queue")

    jobs = ledger.jobs.find("")
    assert len(jobs) == MANY
    assert len({job.created_at for job in jobs}) == 1, "the time at which the one transaction had the ledger"
    assert in_queue(ledger) == {job.id for job in jobs}
    assert all(job.engine_id for job in jobs)


@pytest.mark.parametrize("moment", ["before the plan is committed", "after the plan is committed"])
def test_a_run_that_is_killed_has_queued_everything_or_nothing(
    laptop: Program, ledger: PostgresLedger, moment: str
) -> None:
    manifest(laptop)
    command = [sys.executable, "-P", str(MORTAL), "SIGKILL", moment, "batch", "--queue"]

    ended = subprocess.run(command, cwd=laptop.cwd, env=laptop.environ, capture_output=True, timeout=50.0)
    jobs = ledger.jobs.find("")
    carried = in_queue(ledger)
    run(laptop, "batch", "--queue")

    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert len(jobs) == (0 if moment.startswith("before") else MANY)
    assert carried == {job.id for job in jobs}
    assert len(ledger.jobs.find("")) == MANY
    assert in_queue(ledger) == {job.id for job in ledger.jobs.find("")}


def test_ctrl_c_in_the_middle_leaves_nothing_behind(laptop: Program, ledger: PostgresLedger) -> None:
    manifest(laptop)
    command = [sys.executable, "-P", str(MORTAL), "SIGINT", "before the plan is committed", "batch", "--queue"]

    ended = subprocess.run(command, cwd=laptop.cwd, env=laptop.environ, capture_output=True, timeout=50.0)

    assert ended.returncode == ExitCode.INTERRUPTED, ended.stderr.decode()
    assert "All of it was put into the queue, or nothing" in ended.stderr.decode()
    assert (ledger.jobs.find(""), in_queue(ledger)) == ([], set())


@pytest.mark.parametrize(
    ("options", "variables"), [(["--max-cost", "100credits"], {}), ([], {"IMGEN_BUDGET_DAY": "100 credits"})]
)
def test_what_is_queued_together_is_within_the_budget(
    laptop: Program, ledger: PostgresLedger, options: list[str], variables: dict[str, str]
) -> None:
    manifest(laptop, 10)
    limited = replace(laptop, variables={**laptop.variables, **variables})

    over = run(limited, "batch", "--queue", *options, code=ExitCode.PARTIAL)

    assert len(ledger.jobs.find("")) == 6, "15 credits each"
    assert (
        "art/6.png, art/7.png, art/8.png and 1 more: This order costs 15 credits, and the limit is 100" in over.stderr
    )


def test_two_at_once_order_everything_once(laptop: Program, ledger: PostgresLedger, tmp_path: Path) -> None:
    other = replace(laptop.elsewhere(tmp_path / "other desk"), home=tmp_path / "other home")
    manifest(laptop)
    manifest(other, MANY + 5)

    with ExitStack() as both:
        runs = [both.enter_context(here.start("batch", "--queue")) for here in (laptop, other)]
        codes = [each.wait(50.0) for each in runs]

    assert codes == [0, 0]
    assert len(ledger.jobs.find("")) == MANY + 5
    assert in_queue(ledger) == {job.id for job in ledger.jobs.find("")}


def test_a_picture_of_this_disk_goes_to_the_worker_by_way_of_the_storage(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    (laptop.cwd / "photo.png").write_bytes(png("teal"))
    reference = '[[asset]]\npath = "edit.png"\nprompt = "at night"\nprovider = "{}"\nreferences = ["photo.png"]\n'
    manifest(laptop, 0, reference.format("3daistudio") + reference.format("gptproto").replace("edit.", "other."))

    run(laptop, "batch", "--queue", "--sandbox")
    [job, other] = ledger.jobs.find("")
    [picture] = job.request.references
    shutil.rmtree(laptop.home)
    (laptop.cwd / "photo.png").unlink()
    run(replace(laptop, home=tmp_path / "worker"), "work", "--until-idle", "--sandbox", "--poll-every", "0.05")

    assert isinstance(picture, PictureFile)
    assert (tmp_path / "store" / "references" / picture.sha256).is_file()
    assert [job.state for job in ledger.jobs.get_many([job.id, other.id])] == [State.SAVED, State.SAVED]


def test_a_picture_that_is_gone_from_the_storage_is_sent_by_none(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    (laptop.cwd / "photo.png").write_bytes(png("teal"))
    manifest(laptop, 0, '[[asset]]\npath = "edit.png"\nprompt = "at night"\nreferences = ["photo.png"]\n')
    run(laptop, "batch", "--queue", "--sandbox")
    [kept] = (tmp_path / "store" / "references").iterdir()
    kept.write_bytes(png("crimson"))

    worker = replace(laptop, home=tmp_path / "worker")
    ended = run(worker, "work", "--until-idle", "--sandbox", code=ExitCode.KEY)

    assert "of this order is not in the storage any more" in ended.stderr.replace("\n", " ")
    [job] = ledger.jobs.find("")
    assert (job.state, job.remote_id) == (State.CANCELLED, None)


def test_without_a_storage_a_picture_of_this_disk_is_for_no_worker(laptop: Program, ledger: PostgresLedger) -> None:
    (laptop.cwd / "photo.png").write_bytes(png("teal"))
    manifest(laptop, 1, '[[asset]]\npath = "edit.png"\nprompt = "at night"\nreferences = ["photo.png"]\n')
    bare = replace(laptop, variables={n: v for n, v in laptop.variables.items() if n != "IMGEN_STORE"})

    refused = run(bare, "batch", "--queue", "--sandbox", code=ExitCode.PARTIAL)

    assert "photo.png is on this disk, where no worker can read it, and IMGEN_STORE is not set here" in refused.stderr
    assert [job.request.prompt for job in ledger.jobs.find("")] == ["fox 0"]


def test_a_worker_that_lacks_what_a_job_needs_gives_it_back(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    """reAPI fetches pictures from a storage of the user's, which is that of the worker."""
    (laptop.cwd / "photo.png").write_bytes(png("teal"))
    edit = '[[asset]]\npath = "edit.png"\nprompt = "at night"\nprovider = "reapi"\nreferences = ["photo.png"]\n'
    manifest(laptop, 0, edit)
    run(laptop, "batch", "--queue")
    worker = replace(
        laptop, home=tmp_path / "worker", variables={**laptop.variables, "REAPI_API_KEY": "a-key-of-a-test-0123456789"}
    )

    ended = run(worker, "work", "--until-idle", code=ExitCode.KEY)

    assert "is given back to the queue: reAPI fetches pictures from public URLs" in ended.stderr.replace("\n", " ")
    assert [(job.state, job.owner) for job in ledger.jobs.find("")] == [(State.PLANNED, None)]


OPEN = '[[asset]]\npath = "fox.png"\nprompt = "a fox"\n'


def test_a_service_that_is_chosen_for_the_user_is_named_with_the_key_that_a_worker_needs(
    laptop: Program, ledger: PostgresLedger
) -> None:
    manifest(laptop, 0, OPEN)

    queued = run(laptop, "batch", "--queue")

    entry = SERVICES[ledger.jobs.find("")[0].provider]
    assert f"no service is named, so {entry.title} was chosen for 1 of them" in queued.stderr
    assert f"A worker needs the key of {entry.title} ({entry.key_variable}) for 1 of them." in queued.stderr


@pytest.mark.parametrize("where", ["the manifest", "IMGEN_PROVIDER", "IMGEN_PROVIDERS", "a key"])
def test_a_service_that_is_named_is_used_without_its_key(laptop: Program, ledger: PostgresLedger, where: str) -> None:
    variables = {
        "IMGEN_PROVIDER": "gptproto",
        "IMGEN_PROVIDERS": "gptproto reapi",
        "a key": "a-key-of-a-test-0123456789",
    }
    name = "GPTPROTO_API_KEY" if where == "a key" else where
    here = replace(laptop, variables={**laptop.variables, **({name: variables[where]} if where in variables else {})})
    manifest(laptop, 0, OPEN if where in variables else f'{OPEN}provider = "gptproto"\n')

    queued = run(here, "batch", "--queue")

    assert "no service is named" not in queued.stderr
    assert ledger.jobs.find("")[0].provider in (("gptproto", "reapi") if where == "IMGEN_PROVIDERS" else ("gptproto",))
    assert ("A worker needs the key of" in queued.stderr) == (where != "a key")


def test_a_prompt_with_a_nul_is_kept_whole(laptop: Program, ledger: PostgresLedger) -> None:
    """PostgreSQL takes none in a text; it is held as JSON."""
    asset = {"path": "fox.png", "prompt": "a f\0ox", "provider": "3daistudio", "model": "gemini-3.1-flash"}
    (laptop.cwd / "assets.jsonl").write_text(json.dumps(asset) + "\n")

    run(laptop, "batch", "assets.jsonl", "--queue", "--sandbox")
    run(laptop, "work", "--until-idle", "--sandbox", "--poll-every", "0.05", "-q")
    run(laptop, "batch", "assets.jsonl", "--collect", "--sandbox")
    made = laptop.run(
        "generate", "-", "--sandbox", "-r", "0.5K", "-o", "owl.png", "--poll-every", "0.05", stdin=b"an o\0wl"
    )

    assert made.code == ExitCode.DONE, made.stderr
    assert [job.request.prompt for job in ledger.jobs.find("")] == ["a f\0ox", "an o\0wl"]
    assert (laptop.cwd / "fox.png").exists()
    assert len(run(laptop, "history", "a f", "--sandbox", "--json").json["jobs"]) == 1
