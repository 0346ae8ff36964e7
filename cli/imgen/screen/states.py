"""The state of a job in a person's words."""

from __future__ import annotations

from imgen.records import State


def state_word(state: State, remote_id: str | None) -> str:
    """The state; a job that no service ever accepted was not cancelled by anyone, it was not sent."""
    return "not sent" if state is State.CANCELLED and remote_id is None else str(state)
