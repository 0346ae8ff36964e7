"""What a far side may answer that is no success: documented errors, and bodies that no document describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen_providers.testing.wire import Reply, reply

if TYPE_CHECKING:
    from imgen_providers.base import Json
    from imgen_providers.errors import ServiceError

GARBAGE: dict[str, Json | str] = {
    "empty": "",
    "html": "<html><body>Welcome</body></html>",
    "cut json": '{"id": "x", ',
    "null": None,
    "list": [],
    "number": 7,
    "empty object": {},
    "wrong types": {"id": {}, "task_id": [], "request_id": {}, "data": 3, "status": {}},
    "not utf-8": "\udcff",
}
"""Bodies of a 2xx that no document describes; text stands for itself, values for their JSON."""


def garbage_reply(value: Json | str) -> Reply:
    """A 2xx with one of these bodies."""
    if isinstance(value, str):
        return Reply(body=value.encode(errors="surrogateescape"))
    return reply(value)


@dataclass(frozen=True)
class Refusal:
    """A documented error answer, and what it means; `again` is the Retry-After in seconds."""

    status: int
    body: Json | str
    meaning: type[ServiceError]
    code: str | None = None
    again: float | None = None

    def answer(self) -> Reply:
        """The answer as it goes over the wire."""
        return reply(self.body, self.status, {} if self.again is None else {"Retry-After": str(int(self.again))})
