"""The id of a job, found in the answer to a paid submit wherever it stands. Standard library only.

An answer is paid for, whatever its form: as long as it holds an id, the job can be polled and its pictures saved.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from imgen_providers.json_text import inside, loads, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgen_providers.base import Json

LONGEST_ID = 512
"""Characters of an id; a longer one is none, since no URL could hold it."""

_OTHER_NAMES = ("task_id", "taskId", "job_id", "jobId", "prediction_id", "id", "generation_id", "uuid", "request_id")
_LINKS = ("get", "polling_url", "poll_url", "status_url", "result_url")
# Ids that stand below these are of something else: a trace, an echoed picture, an account, a result.
_OF_OTHERS = frozenset(
    ("error", "errors", "payload", "input", "inputs", "request", "params", "user", "organization", "model", "usage")
) | frozenset(("media_urls", "medias", "outputs", "images", "image_urls", "results", "candidates", "metadata", "file"))
# In a text that is no JSON, a member that is there to its end: a text, or a number with something behind it; in quotes
# of either kind, or as an element of XML.
_MEMBER = (
    r"""(?<![\w-])["']?{0}["']?\s*[:=]\s*(?:["']([^"'\\]{{1,512}})["']|(\d{{1,512}})(?=[\s,}}]))"""
    r"""|<{0}>([^<]{{1,512}})</"""
)
_TOKEN = re.compile(r"(?=\D*\d)[\w.:-]{8,128}", re.ASCII)  # a whole answer that is nothing but an id
_NUMBER = re.compile(r"\d{4,512}")  # a shorter one may be a status
_MOST_READ = 64 * 1024  # bytes of a text that is no JSON
_MOST_LISTED = 10_000
_MOST_OBJECTS = 1000  # looked at in one answer
# Words of a documented path behind an id, and before one (seed 004; reference 4.B).
_AFTER_IDS = frozenset(("result", "results", "status"))
_BEFORE_IDS = frozenset(("predictions", "prediction", "tasks", "task", "jobs", "job", "requests", "result", "images"))


def identifier(value: object) -> str | None:
    """The value as an id: a text or a whole number of at most 512 characters; None for anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:  # as JavaScript writes some
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip("\0 \t\r\n")
    return text if 0 < len(text) <= LONGEST_ID else None


def listed_ids(entries: object) -> list[str]:
    """The ids in a list of texts, or of objects that have them as "id", "model" or "name"."""
    found = []
    for entry in entries[:_MOST_LISTED] if isinstance(entries, list) else ():
        values = [entry.get(name) for name in ("id", "model", "name")] if isinstance(entry, dict) else [entry]
        found += [each for each in map(identifier, values) if each][:1]
    return found


def find_id(answer: Json, names: Sequence[str]) -> str | None:
    """The id of the job in the answer to its submit: under the service's own `names` first, the outermost first;
    then under names that other services use; then in a link to poll."""
    objects = list(_objects(answer))
    for wanted in (names, _OTHER_NAMES):
        if found := _first(objects, wanted):
            return found
    links = (each.get(name) for each in objects for name in _LINKS)
    return next((found for link in links if (found := id_in_link(link))), None)


def named_id(body: bytes, names: Sequence[str]) -> str | None:
    """What may be the job's id in an answer that decides nothing: an error, or the beginning of a text that broke off.

    "request_id" counts only where it is the service's own word for a job: elsewhere it names the exchange.
    """
    try:
        values = [loads(body), *_of_lines(body)]
    except ValueError:
        text = text_of(body[:_MOST_READ]).strip()
        found = (re.search(_MEMBER.format(re.escape(name)), text) for name in (*names, "task_id"))
        members = (identifier(each[1] or each[2] or each[3]) for each in found if each)
        return next(members, text if _TOKEN.fullmatch(text) else None)
    answer = values[0]
    if isinstance(answer, str):
        values[0] = answer = inside(answer) or answer
    if not isinstance(answer, dict | list):
        bare = identifier(answer)
        is_id = _NUMBER if isinstance(answer, int | float) else _TOKEN
        return bare if bare and is_id.fullmatch(bare) else None
    objects = list(_objects(values))
    if found_id := _first(objects, (*names, "task_id", "job_id", "prediction_id")):
        return found_id
    links = (each.get(name) for each in objects for name in _LINKS)
    return next((found_id for link in links if (found_id := id_in_link(link))), None)


def id_in_link(link: object) -> str | None:
    """The id in a link to poll, such as ".../predictions/{id}/result" or ".../tasks/result/{id}"."""
    if not isinstance(link, str):
        return None
    try:
        path = urlsplit(link.strip()).path
    except ValueError:
        return None
    parts = [unquote(part) for part in path.split("/") if part]
    if parts and parts[-1] in _AFTER_IDS:
        parts.pop()
    return identifier(parts[-1]) if len(parts) > 1 and parts[-2] in _BEFORE_IDS else None


def _first(objects: Sequence[dict[str, Json]], names: Sequence[str]) -> str | None:
    """The first id under one of the names, as they are; else as they are written elsewhere ("requestId")."""
    for each in objects:
        for name in names:
            if found := identifier(_of_one(each.get(name))):
                return found
    wanted = {_plain(name) for name in names}
    values = (value for each in objects for name, value in each.items() if _plain(name) in wanted)
    return next((found for value in values if (found := identifier(_of_one(value)))), None)


def _plain(name: str) -> str:
    """The name without regard to its spelling: "task_ids" and "taskId" are one."""
    letters = name.replace("_", "").replace("-", "").lower()
    return letters.removesuffix("s") if letters.endswith("ids") else letters


def _of_one(value: object) -> object:
    """What a list or an object with nothing else in it holds: ["4711"], {"$oid": "4711"}."""
    match value:
        case [only]:
            return only
        case dict() if len(value) == 1:
            return next(iter(value.values()))
        case _:
            return value


def _of_lines(body: bytes) -> list[Json]:
    """The objects that stand behind the first, one a line."""
    found = []
    for line in body[:_MOST_READ].splitlines()[1:_MOST_OBJECTS]:
        try:
            found.append(loads(line))
        except ValueError:
            continue
    return [each for each in found if isinstance(each, dict)]


def _objects(answer: Json) -> Iterator[dict[str, Json]]:
    """The objects in which the job's own id may stand, the outermost first."""
    level: list[Json] = [inside(answer) if isinstance(answer, str) else answer]
    seen = 0
    while level and seen < _MOST_OBJECTS:
        inner: list[Json] = []
        for value in level:
            seen += 1
            if isinstance(value, dict):
                yield value
                inner += [each for name, each in value.items() if name not in _OF_OTHERS]
            elif isinstance(value, list):
                inner += value[:_MOST_OBJECTS]
        level = [each for each in inner if isinstance(each, dict | list)]
