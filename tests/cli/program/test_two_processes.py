"""The services in one process, imgen in another, real sockets between them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from PIL import Image

from cli.program.program import OFTEN, Program
from imgen.errors import ExitCode
from imgen.records import State


def origin_of(serving: subprocess.Popen[bytes]) -> str:
    """The line that `imgen sandbox serve` begins with."""
    assert serving.stdout
    return serving.stdout.readline().decode().strip()


def lines_of(serving: subprocess.Popen[bytes]) -> list[str]:
    """Everything that it has logged by its end."""
    serving.terminate()
    assert serving.stderr
    return serving.stderr.read().decode().splitlines()


def test_two_pictures_of_the_exact_size_come_over_real_sockets(imgen: Program, tmp_path: Path) -> None:
    far_side = Program(tmp_path / "far side", tmp_path)
    serve = ("sandbox", "serve", "--port", "0", "--seconds", "0.3")
    order = ("generate", "a red fox in the snow", "-n", "2", "-r", "2K", "-a", "16:9", "--json", *OFTEN)
    with far_side.start(*serve, stderr=subprocess.PIPE) as serving:
        origin = origin_of(serving)
        here = Program(imgen.home, imgen.cwd, {"THREEDAISTUDIO_BASE_URL": origin, "THREEDAISTUDIO_API_KEY": "x"})
        ended = here.run(*order)
        log = lines_of(serving)

    assert ended.code == ExitCode.DONE, ended.stderr
    (job,) = ended.json["jobs"]
    assert (job["state"], job["provider"], job["sandbox"]) == ("saved", "3daistudio", False)
    assert len(job["files"]) == 2
    for file in job["files"]:
        path = Path(file["path"])
        assert path.parent == imgen.cwd
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (file["width"], file["height"], file["format"]) == (2752, 1536, "png")
        with Image.open(path) as picture:
            picture.load()
            assert (picture.size, picture.format) == ((2752, 1536), "PNG")
    (record,) = here.jobs()
    assert (record.state, record.remote_id, record.origin) == (State.SAVED, job["remote_id"], origin)
    assert sum(line.startswith("POST ") for line in log) == 1
    # The services answer 400 to a request for a picture that carries a key.
    pictures = [line for line in log if line.startswith("GET /sandbox/pictures/")]
    assert len(pictures) == 2
    assert all(line.endswith(" 200") for line in pictures)
