"""What was made is found again, and made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.program.program import SMALL, Program

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_yet_is_no_error_and_makes_no_ledger(imgen: Program) -> None:
    ended = imgen.run("history")

    assert (ended.code, ended.stdout) == (0, b"")
    assert ended.stderr == "Nothing was made yet.\n"
    assert not imgen.home.exists()


def test_an_order_is_found_by_a_word_and_repeated_with_a_change(imgen: Program, tmp_path: Path) -> None:
    made = imgen.run("generate", "夜の赤い狐", "--sandbox", *SMALL, "-q", "-o", str(tmp_path / "fox.png"))
    assert made.code == 0, made.stderr
    (fox,) = imgen.jobs()

    listed, none, wrong, again, edited, twice = imgen.run_lines(
        [
            (("history", "赤い狐"), {}, b""),
            (("history", "owl"), {}, b""),
            (("history", "--state", "savd"), {}, b""),
            (("again", fox.id[:4], "--set", "aspect=16:9", "--json"), {}, b""),
            (("edit", "at night", "--from", fox.id, "--sandbox", "-q", *SMALL), {}, b""),
            (("history", "-n", "1", "--json"), {}, b""),
        ]
    )

    heading, line = listed.lines
    assert heading.split()[:2] == ["JOB", "STATE"]
    assert line.split()[:2] == [fox.id, "saved"]
    assert "夜の赤い狐" in listed.stdout.decode()
    assert (none.code, none.stdout) == (0, b"")
    assert (wrong.code, "Did you mean saved?" in wrong.stderr) == (2, True)
    (repeated,) = again.json["jobs"]
    assert (repeated["prompt"], repeated["state"], repeated["sandbox"]) == ("夜の赤い狐", "saved", True)
    assert (repeated["files"][0]["width"], repeated["files"][0]["height"]) == (688, 384)
    assert "aspect  (not set) -> 16:9" in again.stderr
    assert edited.code == 0, edited.stderr
    (latest,) = twice.json["jobs"]
    assert latest["operation"] == "edit"

    once_more = imgen.run("again", latest["id"], "--json", "-o", str(tmp_path / "again.png"))

    assert once_more.json["jobs"][0]["parent"] == fox.id
    assert once_more.json["jobs"][0]["operation"] == "edit"


def test_a_picture_that_was_changed_since_is_sent_only_where_it_is_named_again(imgen: Program) -> None:
    made = imgen.run("generate", "a red fox", "--sandbox", *SMALL, "-q", "-o", "fox.png")
    other = imgen.run("generate", "a blue owl", "--sandbox", *SMALL, "-q", "-o", "owl.png")
    edited = imgen.run("edit", "at night", "-i", "fox.png", "--sandbox", *SMALL, "-q", "-o", "night.png")
    assert (made.code, other.code, edited.code) == (0, 0, 0), edited.stderr
    job = imgen.jobs()[-1]
    fox = imgen.cwd / "fox.png"
    fox.write_bytes((imgen.cwd / "owl.png").read_bytes())

    refused, sent = imgen.run_lines(
        [(("again", job.id), {}, b""), (("again", job.id, "-i", "fox.png", "-o", "again.png"), {}, b"")]
    )

    assert (refused.code, refused.stdout) == (2, b"")
    assert f"was changed since: {fox}" in refused.stderr
    assert f"imgen again {job.id} -i {fox}" in refused.stderr
    assert sent.code == 0, sent.stderr
    assert "-> changed since: " in sent.stderr
    assert len(imgen.jobs()) == 4
