"""--tag: a picture says that a model made it, and by which job; off by default, and never in a signed one."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from PIL import Image

from cli.program.program import OFTEN, SMALL, Program

FOX = ("generate", "a red fox", "--sandbox", *SMALL, *OFTEN)
MARK = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@pytest.mark.parametrize("name", ["fox.png", "fox.jpg"])
def test_a_tagged_picture_names_its_source_and_job_and_keeps_its_pixels(imgen: Program, name: str) -> None:
    service = ("-p", "gptproto") if name == "fox.png" else ("-p", "3daistudio", "-f", "jpeg")

    plain = imgen.run(*FOX, *service, "-o", f"plain-{name}")
    tagged = imgen.run(*FOX, *service, "-o", name, "--tag", "--json")

    assert (plain.code, tagged.code) == (0, 0), plain.stderr + tagged.stderr
    job = tagged.json["jobs"][0]
    data = (imgen.cwd / name).read_bytes()
    assert MARK in data
    assert f"imgen:job:{job['id']}".encode() in data
    assert job["files"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert MARK not in (imgen.cwd / f"plain-{name}").read_bytes()
    with Image.open(imgen.cwd / name) as one:
        one.load()


def test_a_tag_is_part_of_the_order_and_is_made_by_whatever_fetches_it(imgen: Program) -> None:
    slow = replace(imgen, variables={"IMGEN_SANDBOX_SECONDS": "0.5"})

    submitted = slow.run(*FOX, "-o", "fox.png", "--tag", "--no-wait")
    waited = slow.run("wait", *OFTEN)

    assert (submitted.code, waited.code) == (0, 0), waited.stderr
    assert MARK in (imgen.cwd / "fox.png").read_bytes()
    inspected = imgen.run("inspect", "fox.png", "--json")
    assert inspected.json["pictures"][0]["tagged_job"] == submitted.lines[0]
