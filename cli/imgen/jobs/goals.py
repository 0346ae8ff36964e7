"""How far jobs are followed, and where they were left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgen.errors import Problem
    from imgen.records import JobRecord


class Goal(Enum):
    """How far the jobs are to be followed."""

    ACCEPTANCE = "acceptance"  # submitted; pictures that came with the answer are saved
    ANSWER = "answer"  # asked once, nothing saved
    WHAT_IS_READY = "what is ready"  # asked once, and saved if finished
    FINISHED = "finished"  # the same, and what is not finished is no trouble
    PICTURES = "pictures"  # to the end


@dataclass(frozen=True, slots=True)
class Followed:
    """Where the jobs were left. `problems` are those of this process, by job id; `displayed` were shown meanwhile.

    `in_time` is False when the waiting ended before the jobs were where they were to go.
    """

    records: tuple[JobRecord, ...]
    problems: dict[str, Problem]
    displayed: frozenset[Problem]
    in_time: bool
