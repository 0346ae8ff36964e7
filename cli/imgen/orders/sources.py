"""What `-i` means: a file, a public URL, standard input, or a picture of an earlier job."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imgen.errors import UsageProblem
from imgen.records import JobRecord, ResultState, State, latest_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STDIN = "-"
STDIN_NAME = "standard input"
_MOST = 256 * 1024 * 1024  # bytes taken from standard input, or of a file
_BLOCK = 64 * 1024
_FEWEST = 4  # letters of a job's id: one letter too few, and another job's picture is sent
_JOB = re.compile(r"(?P<job>[^\s:/\\]+)(?::(?P<number>\d{1,2}))?")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A picture behind a public URL."""

    url: str

    @property
    def name(self) -> str:
        """What to call it; the rest of a URL may be a secret."""
        return f"the picture at {self.host}"

    @property
    def host(self) -> str:
        """The machine it is on."""
        from urllib.parse import urlsplit

        return urlsplit(self.url).hostname or "nowhere"


@dataclass(frozen=True, slots=True)
class Local:
    """A picture on this disk, called `name` by the user.

    Where it was named by a job, `job_id` is that job, and `sha256` what its picture was when it was saved.
    """

    path: Path
    name: str
    job_id: str | None = None
    sha256: str | None = None


Source = Link | Local


def find_source(
    word: str,
    *,
    cwd: Path,
    find_jobs: Callable[[str], Sequence[JobRecord]],
    take_stdin: Callable[[], Path],
) -> Source:
    """The picture that one `-i` names; a file wins over a job of the same name. Raises `UsageProblem`."""
    if word == STDIN:
        return Local(take_stdin(), STDIN_NAME)
    if word.lower().startswith("file:"):
        return Local(_file_of(word, cwd), word)
    if word.lower().startswith("data:"):
        raise UsageProblem("-i takes no picture as a data URI.", "Save the picture and name the file.")
    if found := _URL.match(word):
        return _link(word, found["scheme"].lower())
    path = _existing(cwd, word)
    if path is not None:
        return Local(path, word)
    named = _JOB.fullmatch(word)
    jobs = find_jobs(named["job"]) if named else []
    if jobs and named and latest_number(named["job"]):
        return _picture_of_order(jobs, int(named["number"] or 1), word)
    if not jobs:
        if has_magic(word):
            raise UsageProblem(f"No file matches {word!r}.", "-i takes a file, an https URL, - or the id of a job.")
        job = f", and no job {named['job']!r} in the ledger" if named and "." not in word else ""
        raise UsageProblem(f"There is no file {word!r}{job}.", "-i takes a file, an https URL, - or the id of a job.")
    assert named
    if len(named["job"]) < _FEWEST and named["job"] not in (jobs[0].id, jobs[0].remote_id):
        raise UsageProblem(
            f"There is no file {word!r}, and {named['job']!r} is too short for a job's id.",
            f"-i takes at least {_FEWEST} letters of it.",
        )
    if len(jobs) > 1:
        ids = ", ".join(record.id for record in jobs[:8])
        raise UsageProblem(f"{word!r} is the start of {len(jobs)} jobs: {ids}.", "Type one letter more.")
    return saved_picture(jobs[0], int(named["number"] or 1), word)


def _picture_of_order(jobs: Sequence[JobRecord], number: int, name: str) -> Local:
    """A picture of an order of several jobs, counted through all of them. Raises `UsageProblem`."""
    for job in jobs:
        made = max(len(job.results), 1)
        if number <= made:
            return saved_picture(job, number, name)
        number -= made
    raise UsageProblem(f"The order has no picture {name!r}.", " ".join(["imgen show", *(job.id for job in jobs)]))


def saved_picture(record: JobRecord, number: int, name: str) -> Local:
    """A picture of an earlier job, called `name`. Raises `UsageProblem` with what would bring it here."""
    result = next((result for result in record.results if result.index == number), None)
    if record.results and result is None:
        raise UsageProblem(
            f"Job {record.id} has no picture {number}, only {len(record.results)} in all.", f"imgen show {record.id}"
        )
    if result and result.state is ResultState.SAVED and result.path:
        if result.path.is_file():
            return Local(result.path, name, record.id, result.sha256)
        raise UsageProblem(f"The picture of job {record.id} is gone from {result.path}.", f"imgen download {record.id}")
    match record.state:
        case State.READY:
            hint = f"imgen download {record.id}"
        case State.PLANNED | State.SUBMITTING | State.QUEUED | State.RUNNING:
            hint = f"imgen wait {record.id}"
        case _:
            hint = "Only a job that ended with a picture can be gone on from."
    raise UsageProblem(f"Job {record.id} has no saved picture: it is {record.state.value}.", hint)


def take_stdin(stream: BinaryIO, folder: Path) -> Path:
    """Keep the bytes of standard input as a file below `folder`, named by their sha256. Raises `UsageProblem`."""
    from imgen.pictures.prepared import keep

    pieces = iter(lambda: stream.read(_BLOCK), b"")
    first = next(pieces, b"")
    if not first:
        raise UsageProblem(
            "Standard input is empty: no picture came.",
            'imgen generate "a fox" --sandbox -o - | imgen edit "at night" -i - --sandbox',
        )

    def bounded() -> Iterator[bytes]:
        received = len(first)
        yield first
        for piece in pieces:
            received += len(piece)
            if received > _MOST:
                raise UsageProblem(f"More than {_MOST:,} bytes came on standard input: that is no picture to send.")
            yield piece

    return keep(bounded(), folder, "picture").path


def _endings(folder: Path) -> list[str]:
    """How the names of the pictures in a folder end; .jpg where it has none."""
    from mimetypes import guess_type

    try:
        names = [each.name for each in folder.iterdir()]
    except OSError:
        names = []
    pictures = [name for name in names if (guess_type(name, strict=False)[0] or "").startswith("image/")]
    return sorted({Path(name).suffix for name in pictures}) or [".jpg"]


def _existing(cwd: Path, word: str) -> Path | None:
    if not word:
        raise UsageProblem("-i was given an empty name.", "-i takes a file, an https URL, - or the id of a job.")
    try:
        path = cwd / Path(word).expanduser()
        status = path.stat()
    except (OSError, ValueError, RuntimeError):
        return None  # a name that no file can have
    # A pipe can be read once only, and a device may never end.
    if stat.S_ISDIR(status.st_mode):
        folder = word.rstrip("/") or word
        named = " ".join(f"{folder}/*{ending}" for ending in _endings(path))
        raise UsageProblem(f"{word} is a folder, and -i takes pictures.", f"The pictures in it: -i {named}")
    if not stat.S_ISREG(status.st_mode):
        raise UsageProblem(f"{word} is not a file but a pipe or a device.", "-i - reads a picture from standard input.")
    if status.st_size > _MOST:
        raise UsageProblem(f"{word} has more than {_MOST:,} bytes: that is no picture to send.")
    return path


def _file_of(url: str, cwd: Path) -> Path:
    """The file behind a file: URL, as file managers and browsers copy it."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(url)
    path = _existing(cwd, url2pathname(parts.path)) if parts.netloc in ("", "localhost") and parts.path else None
    if path is None:
        raise UsageProblem(f"There is no file {url!r} on this machine.", "-i takes the path of a file as well.")
    return path


def _link(word: str, scheme: str) -> Link:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(word)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageProblem("The URL given with -i cannot be read.") from None
    if scheme not in ("http", "https"):
        raise UsageProblem(f"-i takes https URLs, not {scheme}://.", "Save the picture and name the file.")
    if not host:
        raise UsageProblem("The URL given with -i names no host.", "-i https://HOST/PATH")
    if parts.username is not None:
        raise UsageProblem(f"The URL to {host} has a user name or password in it, which would be sent on.")
    return Link(word)
