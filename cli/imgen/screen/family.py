"""Jobs that go on from one another, drawn as a tree: what each was asked, and what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.screen.durations import ago
from imgen.screen.states import state_word
from imgen.screen.text import cells, for_log, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgen.records import JobRecord

_LEAST_PROMPT = 12  # columns of a terminal


def family_lines(jobs: Sequence[JobRecord], now: float, *, width: int | None) -> list[str]:
    """Each job below the one it goes on from: id, state, prompt, and what is not as in that one.

    `now` is in seconds since 1970; `width` None keeps every line whole, for a pipe.
    """
    ids = {job.id for job in jobs}
    roots = [job for job in jobs if job.parent_id not in ids]
    return [line for root in roots for line in _branch(root, None, jobs, now, width, "", "")]


def changed(job: JobRecord, before: JobRecord | None) -> list[str]:
    """What a job was asked that the one before it was not, in few words; of a first job, how it was made."""
    request = job.request
    model = for_log(f"{job.provider}/{request.model}")
    if before is None:
        return [text for text in (model, request.resolution, request.aspect, request.format) if text]
    words = []
    if (job.provider, request.model) != (before.provider, before.request.model):
        words.append(model)
    pairs = (
        (request.resolution, before.request.resolution),
        (request.aspect, before.request.aspect),
        (request.format, before.request.format),
    )
    words += [new for new, old in pairs if new and new != old]
    added = len(request.references) - (0 if request.conversation else 1)
    if added > 0:
        words.append(f"+{added} picture{'' if added == 1 else 's'}")
    if request.conversation:
        words.append("same conversation")
    return words


def _branch(
    job: JobRecord,
    before: JobRecord | None,
    jobs: Sequence[JobRecord],
    now: float,
    width: int | None,
    mark: str,
    indent: str,
) -> Iterator[str]:
    yield mark + _line(job, before, now, None if width is None else width - cells(mark))
    children = [child for child in jobs if child.parent_id == job.id]
    for child in children:
        last = child is children[-1]
        yield from _branch(
            child,
            job,
            jobs,
            now,
            width,
            indent + ("└─ " if last else "├─ "),
            indent + ("   " if last else "│  "),
        )


def _line(job: JobRecord, before: JobRecord | None, now: float, width: int | None) -> str:
    head = f"{job.id}  {state_word(job.state, job.remote_id)}  "
    notes = ", ".join([*changed(job, before), ago(now - job.created_at)])
    tail = f"  ({notes})"
    if width is None:
        return f"{head}{for_log(job.request.prompt)}{tail}"
    room = width - cells(head) - cells(tail)
    if room < _LEAST_PROMPT:
        return head + one_line(job.request.prompt, max(_LEAST_PROMPT, width - cells(head)))
    return f"{head}{one_line(job.request.prompt, room)}{tail}"
