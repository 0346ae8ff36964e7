"""imgen batch makes a project's pictures: what it buys, what it finds, what it leaves alone, and what it says."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

import pytest
from PIL import Image

from cli.program.program import IMGEN, OFTEN, Program, served, until
from cli.program.terminal import terminal
from imgen.batch.lock import Locked, read
from imgen.batch.paid import original
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

    from cli.program.program import Ended

RUN = ("batch", "--sandbox", *OFTEN)
SMALL = '[defaults]\nmodel = "gemini-3.1-flash"\nresolution = "0.5K"\n'


def write(here: Program, *tables: str, defaults: str = SMALL) -> None:
    """The manifest with these tables."""
    (here.cwd / "assets.toml").write_text(defaults + "".join(f"[[asset]]\n{table}\n" for table in tables))


def asset(path: str, **fields: str) -> str:
    lines = {"path": f'"{path}"', "prompt": f'"a picture for {path}"', **fields}
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def lock(here: Program) -> dict[str, Locked]:
    return read(here.cwd / "assets.lock", "assets.lock")


def counts(ended: Ended) -> dict[str, int]:
    found = ended.json["batch"]["counts"]
    assert isinstance(found, dict)
    return found


def submits(log: list[str]) -> int:
    return sum(" POST " in f" {line}" for line in log)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# The path is binding --------------------------------------------------------------------------------------------


def test_a_picture_becomes_what_its_path_says_and_the_original_is_kept(imgen: Program) -> None:
    write(
        imgen,
        asset("as-it-is.png"),
        asset("art/photo.jpg", provider='"3daistudio"'),
        asset("art/small.webp", max_width="100"),
        asset("art/tagged.png", tag="true"),
    )

    ended = imgen.run(*RUN)

    assert ended.code == 0, ended.stderr
    assert ended.lines == [
        str(imgen.cwd / name) for name in ("as-it-is.png", "art/photo.jpg", "art/small.webp", "art/tagged.png")
    ]
    for name, format in (("as-it-is.png", "PNG"), ("art/photo.jpg", "JPEG"), ("art/small.webp", "WEBP")):
        with Image.open(imgen.cwd / name) as picture:
            assert picture.format == format
            assert (picture.width == 100) == (name == "art/small.webp")
    locked, jobs = lock(imgen), {job.id: job for job in imgen.jobs()}
    for path, each in locked.items():
        kept = original(jobs[each.job or ""])
        assert kept
        assert kept.parent == imgen.home / "originals"
        assert each.sha256 == digest(imgen.cwd / path)
        assert digest(kept) == (each.original.sha256 if each.original else each.sha256)
    assert locked["as-it-is.png"].original is None
    assert locked["art/small.webp"].original
    assert locked["art/tagged.png"].original
    assert b"trainedAlgorithmicMedia" in (imgen.cwd / "art/tagged.png").read_bytes()
    assert b"trainedAlgorithmicMedia" not in (imgen.cwd / "as-it-is.png").read_bytes()


def test_another_width_or_a_tag_is_made_of_the_original_at_no_cost(imgen: Program) -> None:
    write(imgen, asset("a.png", max_width="50"))
    assert imgen.run(*RUN).code == 0

    write(imgen, asset("a.png", max_width="80", tag="true"))
    ended = imgen.run(*RUN, "--json")

    assert (ended.code, counts(ended)) == (0, {"converted": 1}), ended.stderr
    with Image.open(imgen.cwd / "a.png") as picture:
        assert picture.width == 80
    assert len(imgen.jobs()) == 1
    assert imgen.run("batch", "--check", "--sandbox").code == 0


def test_a_picture_that_may_not_be_converted_is_kept_and_named(imgen: Program) -> None:
    write(imgen, asset("a.webp", convert="false", provider='"3daistudio"'))
    odd = replace(imgen, variables={**imgen.variables, "IMGEN_SANDBOX_FAULTS": "jpeg-as-png"})

    ended = odd.run(*RUN)

    assert ended.code == 12
    assert "a.webp: The picture came as JPEG, and convert = false." in ended.stderr
    assert not (imgen.cwd / "a.webp").exists()
    assert len(list((imgen.home / "originals").iterdir())) == 1


# What is bought -------------------------------------------------------------------------------------------------


def test_an_edited_prompt_is_one_submit_and_what_follows_is_made_anew(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        here = imgen.at(origin)
        chain = asset("b.png", references='["a.png"]')
        write(here, asset("a.png"), chain, asset("c.png"), defaults=SMALL + 'provider = "3daistudio"\n')
        first, made = here.run("batch", *OFTEN), submits(log)
        before = digest(here.cwd / "b.png")
        write(
            here,
            asset("a.png"),
            chain,
            asset("c.png", prompt='"another one"'),
            defaults=SMALL + 'provider = "3daistudio"\n',
        )
        second, edited = here.run("batch", *OFTEN, "--json"), submits(log) - made
        third, nothing = here.run("batch", *OFTEN, "--json"), submits(log) - made - edited

    assert (first.code, second.code, third.code) == (0, 0, 0), first.stderr + second.stderr
    assert (counts(second), counts(third)) == ({"current": 2, "made": 1}, {"current": 3})
    assert (edited, nothing) == (1, 0)
    assert digest(here.cwd / "b.png") == before
    parents = {job.request.prompt: job.parent_id for job in here.jobs()}
    assert parents["a picture for b.png"] == lock(here)["a.png"].job


def test_a_prompt_that_comes_back_and_a_path_that_moves_cost_nothing(imgen: Program) -> None:
    write(imgen, asset("a.png", prompt='"first"'))
    assert imgen.run(*RUN).code == 0
    write(imgen, asset("a.png", prompt='"second"'))
    assert imgen.run(*RUN).code == 0
    write(imgen, asset("moved/b.jpg", prompt='"first"'))

    ended = imgen.run(*RUN, "--json")

    assert (ended.code, counts(ended)) == (0, {"found": 1}), ended.stderr
    assert len(imgen.jobs()) == 2


def test_assets_that_ask_for_the_same_have_a_job_each_also_without_the_lock(imgen: Program) -> None:
    write(imgen, asset("a-{index}.png", prompt='"the same"', count="3"), asset("b.png", prompt='"the same"'))
    assert imgen.run(*RUN).code == 0
    jobs = {path: each.job for path, each in lock(imgen).items()}
    (imgen.cwd / "assets.lock").unlink()

    ended = imgen.run(*RUN, "--json")

    assert counts(ended) == {"found": 4}, ended.stderr
    assert len(set(jobs.values())) == len(imgen.jobs()) == 4
    assert {path: each.job for path, each in lock(imgen).items()} == jobs


def test_a_file_that_is_gone_comes_back_from_what_was_kept(imgen: Program) -> None:
    write(imgen, asset("a.png"))
    assert imgen.run(*RUN).code == 0
    (imgen.cwd / "a.png").unlink()

    assert counts(imgen.run(*RUN, "--json")) == {"found": 1}

    (imgen.cwd / "a.png").unlink()
    for kept in (imgen.home / "originals").iterdir():
        kept.unlink()
    fetched = imgen.run(*RUN, "--json")

    assert (fetched.code, counts(fetched)) == (0, {"found": 1}), fetched.stderr
    assert len(imgen.jobs()) == 1


def test_a_bought_picture_that_this_ledger_does_not_know_is_not_bought_again_unasked(
    imgen: Program, tmp_path: Path
) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        here = imgen.at(origin)
        write(here, asset("a.png"))
        assert here.run("batch", *OFTEN).code == 0
        made = submits(log)
        (here.cwd / "a.png").unlink()
        elsewhere = replace(here, home=tmp_path / "another home")
        left = elsewhere.run("batch", *OFTEN)
        before_force = submits(log)
        forced = elsewhere.run("batch", *OFTEN, "--force", "a.png")

    assert left.code == 13
    assert "git checkout may bring the file back, --force buys it again" in left.stderr
    assert (made, before_force, submits(log), forced.code) == (1, 1, 2, 0)


def test_the_sandbox_replaces_nothing_that_was_bought_and_never_counts_as_made(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    write(imgen, asset("a.png"))
    assert imgen.run(*RUN).code == 0
    with served(tmp_path / "far", log) as origin:
        here = imgen.at(origin)
        unmade = here.run("batch", "--check")
        bought = here.run("batch", *OFTEN, "--json")
        real = digest(here.cwd / "a.png")
        write(here, asset("a.png", prompt='"another one"'))
        left = here.run(*RUN)

    assert (unmade.code, "was made in the sandbox only" in unmade.stdout.decode()) == (13, True)
    assert (bought.code, counts(bought), submits(log)) == (0, {"made": 1}, 1)
    assert (left.code, digest(here.cwd / "a.png")) == (13, real)
    assert "a.png was not made in the sandbox, which replaces no other picture." in left.stderr
    assert not lock(here)["a.png"].sandbox


def test_only_and_force_choose_and_a_forced_run_that_was_killed_buys_once(imgen: Program) -> None:
    write(imgen, asset("a.png"), asset("b.png"), asset("art/c.png"))
    assert counts(imgen.run(*RUN, "--json", "--only", "a.*")) == {"made": 1}
    assert counts(imgen.run(*RUN, "--json", "--only", "b.*")) == {"current": 1, "made": 1}

    submitted = imgen.run(*RUN, "--force", "a.png", "--no-wait", "--only", "a.png")
    forced = imgen.run(*RUN, "--json", "--force", "a.png", "--only", "a.png")
    again = imgen.run(*RUN, "--json", "--force", "a.png", "--only", "a.png")

    assert submitted.code == 0
    assert counts(forced) == {"current": 1, "found": 1}, forced.stderr
    assert counts(again) == {"current": 1, "made": 1}, again.stderr
    assert len(imgen.jobs()) == 4


def test_no_wait_submits_and_the_next_run_collects(imgen: Program) -> None:
    slow = replace(imgen, variables={"IMGEN_SANDBOX_SECONDS": "1"})
    write(slow, asset("a.png"), asset("b.png"))

    submitted = slow.run(*RUN, "--no-wait")
    collected = slow.run(*RUN, "--json")

    assert submitted.code == 0, submitted.stderr
    assert sorted(submitted.lines) == sorted(job.id for job in slow.jobs())
    assert counts(collected) == {"found": 2}, collected.stderr
    assert slow.run("batch", "--check", "--sandbox").code == 0


def test_a_budget_holds_for_the_run_and_the_rest_is_named(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        here = imgen.at(origin)
        write(here, *(asset(f"{name}.png", provider='"3daistudio"') for name in "abc"))
        within = here.run("batch", *OFTEN, "--max-cost", "20credits", "--json")
        unknown = here.run("batch", *OFTEN, "--max-cost", "1usd")
        rest = here.run("batch", *OFTEN, "--max-cost", "20credits", "--json")

    assert (within.code, counts(within)) == (8, {"made": 2, "failed": 1}), within.stderr
    assert within.json["error"]["code"] == "over_budget"
    assert "for this run (--max-cost), of which 20 credits went in this run" in within.json["error"]["message"]
    assert unknown.code == 8
    assert counts(rest) == {"current": 2, "made": 1}
    assert submits(log) == 3


# Failures -------------------------------------------------------------------------------------------------------


def test_a_failure_does_not_stop_the_rest_and_a_second_run_repeats_only_that(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log, faults="job-failed*1") as origin:
        here = imgen.at(origin)
        write(here, *(asset(f"{name}.png", provider='"gptproto"') for name in "abc"))
        first = here.run("batch", *OFTEN, "--jobs", "1")
        skipped = here.run("batch", *OFTEN, "--only", "z*")
        retried = here.run("batch", *OFTEN, "--json", "--retry-failed")

    assert first.code == 8
    assert "failed    a.png:" in first.stderr
    assert "assets.toml: 2 made, 1 failed" in first.stderr
    assert (skipped.code, "matches no asset" in skipped.stderr) == (2, True)
    assert (retried.code, counts(retried)) == (0, {"current": 2, "made": 1}), retried.stderr
    assert submits(log) == 4


def test_fail_fast_begins_nothing_more(imgen: Program) -> None:
    write(imgen, *(asset(f"{name}.png", provider='"gptproto"') for name in "abc"))
    odd = replace(imgen, variables={**imgen.variables, "IMGEN_SANDBOX_FAULTS": "job-failed"})

    ended = odd.run(*RUN, "--json", "--fail-fast", "--jobs", "1")
    retried = imgen.run(*RUN, "--json", "--retry-failed")

    assert (ended.code, counts(ended)) == (5, {"skipped": 2, "failed": 1}), ended.stderr
    assert counts(retried) == {"made": 1, "skipped": 2}, retried.stderr


def test_an_uncertain_asset_blocks_only_itself_until_it_is_resolved(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log, faults="lost-reply") as origin:
        here = imgen.at(origin)
        write(here, asset("a-{index}.png", provider='"reapi"', count="3"))
        first = here.run("batch", *OFTEN, "--json", "--jobs", "1")
        second = here.run("batch", *OFTEN)
        [uncertain] = [job for job in here.jobs() if job.state is State.UNCERTAIN]
        forgotten = here.run("forget", uncertain.id)
        third = here.run("batch", *OFTEN, "--json")

    assert (first.code, counts(first)) == (10, {"made": 2, "uncertain": 1}), first.stderr
    assert second.code == 10
    assert f"imgen forget {uncertain.id}" in second.stderr
    assert "--resubmit" in second.stderr
    assert (forgotten.code, third.code, counts(third)) == (0, 0, {"current": 2, "made": 1})
    assert submits(log) == 4


def test_resubmit_accepts_a_second_charge_for_what_is_uncertain(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log, faults="lost-reply") as origin:
        here = imgen.at(origin)
        write(here, asset("a.png", provider='"reapi"'))
        codes = [here.run("batch", *OFTEN, *more).code for more in ((), (), ("--resubmit",), ())]

    assert codes == [10, 10, 0, 0]
    assert submits(log) == 2


def test_what_is_left_to_a_person_is_said_and_adopted(imgen: Program) -> None:
    write(imgen, asset("a.png"), asset("b.png"), asset("c.png", references='["b.png"]'))
    assert imgen.run(*RUN, "--only", "a.png").code == 0
    Image.new("RGB", (30, 20)).save(imgen.cwd / "a.png")
    Image.new("RGB", (30, 20)).save(imgen.cwd / "b.png")

    left = imgen.run(*RUN)
    mine = digest(imgen.cwd / "a.png")
    adopted = imgen.run("batch", "--adopt", "--json")
    made = imgen.run(*RUN, "--json")

    assert left.code == 13
    assert "a.png was changed by hand since it was made: --adopt takes the file as it is" in left.stderr
    assert "c.png goes on from b.png, which is not made." in left.stderr
    assert (adopted.code, counts(adopted)) == (0, {"adopted": 2}), adopted.stderr
    assert (counts(made), digest(imgen.cwd / "a.png")) == ({"current": 2, "made": 1}, mine)
    assert len(imgen.jobs()) == 2


def test_adopt_takes_no_file_that_is_no_picture_of_its_name(imgen: Program) -> None:
    write(imgen, asset("a.png"), asset("b.png"))
    (imgen.cwd / "a.png").write_text("mine")
    Image.new("RGB", (30, 20)).save(imgen.cwd / "b.png", "JPEG")

    ended = imgen.run("batch", "--adopt")

    assert ended.code == 13
    assert "a.png is no whole picture" in ended.stderr
    assert "b.png holds JPEG, which its name does not say." in ended.stderr
    assert not (imgen.cwd / "assets.lock").exists()


def test_prune_asks_and_leaves_what_was_changed_by_hand(imgen: Program) -> None:
    write(imgen, asset("a.png"), asset("b.png"), asset("c.png"))
    assert imgen.run(*RUN).code == 0
    write(imgen, asset("c.png"))
    (imgen.cwd / "b.png").write_text("mine")

    refused = imgen.run("batch", "--prune")
    pruned = imgen.run("batch", "--prune", "--yes", "--json")

    assert (refused.code, "--yes agrees." in refused.stderr) == (2, True)
    assert (pruned.code, counts(pruned)) == (0, {"pruned": 2})
    assert sorted(path.name for path in imgen.cwd.glob("*.png")) == ["b.png", "c.png"]
    assert set(lock(imgen)) == {"c.png"}


# Two at once, and Ctrl-C ----------------------------------------------------------------------------------------


def test_two_runs_at_once_buy_each_picture_once(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log, seconds=0.5) as origin:
        here = imgen.at(origin)
        clone = here.elsewhere(tmp_path / "clone")
        for each in (here, clone):
            write(each, *(asset(f"{name}.png") for name in "abcd"), defaults=SMALL + 'provider = "3daistudio"\n')
        with (
            here.start("batch", *OFTEN, stderr=subprocess.PIPE) as one,
            here.start("batch", *OFTEN, stderr=subprocess.PIPE) as two,
            clone.start("batch", *OFTEN, stderr=subprocess.PIPE) as third,
        ):
            said = [process.communicate(timeout=40)[1] for process in (one, two, third)]

    assert [one.returncode, two.returncode, third.returncode] == [0, 0, 0], said
    assert b"waiting for it to end" in b"".join(said[:2])
    assert submits(log) == 4
    assert [each.run("batch", "--check").code for each in (here, clone)] == [0, 0]


def test_ctrl_c_leaves_the_jobs_going_on_and_the_next_run_collects_them(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log, seconds=3) as origin:
        here = imgen.at(origin)
        write(here, asset("a.png"), asset("b.png"), defaults=SMALL + 'provider = "3daistudio"\n')
        with here.start("batch", *OFTEN, stderr=subprocess.PIPE) as process:
            until(lambda: sum(job.remote_id is not None for job in here.jobs()) == 2)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        ended = here.run("batch", *OFTEN, "--json")

    assert process.returncode == 130, said
    assert b"Stopped waiting; 2 jobs go on. imgen batch goes on where it was" in said
    assert (ended.code, counts(ended)) == (0, {"found": 2}), ended.stderr
    assert submits(log) == 2


def test_a_run_that_stops_waiting_says_so_and_the_next_one_collects(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log, seconds=3) as origin:
        here = imgen.at(origin)
        write(here, asset("a.png"), asset("b.png"), defaults=SMALL + 'provider = "3daistudio"\n')
        stopped = here.run("batch", *OFTEN, "--json", "--timeout", "1")
        ended = here.run("batch", *OFTEN, "--json")

    assert (stopped.code, counts(stopped)) == (7, {"waiting": 2}), stopped.stderr
    assert (ended.code, counts(ended)) == (0, {"found": 2}), ended.stderr
    assert submits(log) == 2


# What is said ---------------------------------------------------------------------------------------------------


def test_a_report_is_written_as_json_and_as_junit(imgen: Program) -> None:
    write(imgen, asset("a.png"), asset("b.png"))

    wrong = imgen.run(*RUN, "--report", "out.txt")
    made = imgen.run(*RUN, "--report", "out.json", "--only", "a.png")
    rest = imgen.run(*RUN, "--report", "out.xml")

    assert (wrong.code, wrong.stdout, imgen.jobs() != []) == (2, b"", True)
    assert (made.code, rest.code) == (0, 0)
    report = json.loads((imgen.cwd / "out.json").read_text())
    assert (report["counts"], report["sandbox"], report["assets"][0]["job_id"]) == (
        {"made": 1},
        True,
        lock(imgen)["a.png"].job,
    )
    suite = fromstring((imgen.cwd / "out.xml").read_text()).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "0")


def test_events_end_with_the_envelope_and_name_each_asset(imgen: Program) -> None:
    write(imgen, asset("a.png"), asset("b.png"))

    ended = imgen.run(*RUN, "--events")

    lines = [json.loads(line) for line in ended.lines]
    assert ended.code == 0, ended.stderr
    assert {line["asset"]["path"] for line in lines if line["event"] == "asset"} == {"a.png", "b.png"}
    assert {line["event"] for line in lines} >= {"submitted", "changed", "saved", "asset", "ended"}
    assert (lines[-1]["event"], lines[-1]["batch"]["counts"]) == ("ended", {"made": 2})


def test_a_terminal_shows_one_summary(imgen: Program) -> None:
    write(imgen, *(asset(f"{name}.png") for name in "abc"))

    with terminal(imgen, *IMGEN, "batch", "--sandbox", *OFTEN) as shown:
        shown.until("3 of 3 made")
        assert shown.rest() == 0

    assert "made      a.png" not in shown.raw.decode()
    assert " under way · free" in shown.raw.decode()


def test_on_github_actions_a_run_is_annotated_and_summarised(imgen: Program) -> None:
    summary = imgen.cwd.parent / "summary.md"
    write(imgen, asset("a.png", prompt='"::error::x | `y`"', provider='"gptproto"'), asset("b.png"))
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    actions = replace(imgen, variables={**imgen.variables, **variables, "IMGEN_SANDBOX_FAULTS": "job-failed*1"})

    ended = actions.run(*RUN, "--jobs", "1")

    assert ended.code == 8
    annotations = [line for line in ended.stderr.splitlines() if line.startswith("::")]
    assert len(annotations) == 1
    assert annotations[0].startswith("::error file=assets.toml,line=4,title=a.png::")
    assert "| <code>b\\.png</code> | made | 3daistudio |" in summary.read_text()


# Bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="for root and on Windows all folders are writable")
def test_a_read_only_checkout_is_refused_before_anything_is_sent(imgen: Program) -> None:
    write(imgen, asset("a.png"))
    imgen.cwd.chmod(0o500)
    try:
        ended = imgen.run(*RUN)
    finally:
        imgen.cwd.chmod(0o700)

    assert ended.code == 2
    assert "assets.lock cannot be written: permission denied. Nothing was sent." in ended.stderr
    assert imgen.jobs() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"imgen_lock": 1}\n<<<<<<< HEAD\n=======\n>>>>>>> x\n', "assets.lock:2: a merge left a conflict here."),
        ('{"imgen_lock": 9}\n', "assets.lock:1: it has version 9, which this imgen does not know."),
        ("{}\n", "assets.lock:1: it is no lock of imgen."),
    ],
)
def test_a_lock_that_cannot_be_read_is_refused_and_never_overwritten(imgen: Program, text: str, said: str) -> None:
    write(imgen, asset("a.png"))
    (imgen.cwd / "assets.lock").write_text(text)

    ended = imgen.run(*RUN)

    assert (ended.code, said in ended.stderr) == (2, True), ended.stderr
    assert (imgen.cwd / "assets.lock").read_text() == text
    assert imgen.jobs() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--plan", "--check"), "--plan and --check are two things to do."),
        (("--check", "--force", "a.png"), "--force does not go with --check."),
        (("--yes",), "--yes does not go with a run."),
        (("--force", "z*"), "--force 'z*' matches no asset of assets.toml."),
        (("--max-cost", "much"), "--max-cost: 'much' is not an amount of money"),
        (("missing.toml",), "missing.toml: there is no such file."),
    ],
)
def test_a_wrong_line_costs_nothing(imgen: Program, arguments: tuple[str, ...], said: str) -> None:
    write(imgen, asset("a.png"))

    ended = imgen.run(*RUN, *arguments)

    assert (ended.code, said in ended.stderr) == (2, True), ended.stderr
    assert imgen.jobs() == []
