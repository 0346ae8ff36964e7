"""Conversations beside the ledger: whole again when they are sent, and in the way of no command that reads rows."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from cli.drafts import MODEL, draft
from cli.states import JOB, bring_to
from imgen.errors import LedgerUnusable
from imgen.ledger.conversations import Conversations
from imgen.records import State
from imgen_providers.base import Request

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.ledger.ledger import Ledger
    from imgen_providers.base import Json

LONG: Json = [{"role": "model", "parts": [{"inlineData": {"data": "A" * 100_000}}]}]


def finish(ledger: Ledger, conversation: Json) -> None:
    ledger.jobs.finished(JOB, ["https://x/1"], link_seconds=None, took_seconds=None, conversation=conversation)


def test_a_long_conversation_comes_back_whole(ledger: Ledger) -> None:
    bring_to(ledger, State.RUNNING)
    finish(ledger, LONG)

    kept = ledger.jobs.get(JOB).conversation

    assert len(str(kept)) == 64
    assert ledger.conversations.get(kept) == LONG


def test_a_long_one_stands_beside_the_file_for_its_owner_only(sqlite_ledger: Ledger, ledger_path: Path) -> None:
    bring_to(sqlite_ledger, State.RUNNING)
    finish(sqlite_ledger, LONG)

    sqlite_ledger.close()
    assert ledger_path.stat().st_size < 300_000
    (file,) = ledger_path.with_name("conversations").iterdir()
    if os.name != "nt":
        assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)


def test_the_same_conversation_is_kept_once_also_in_the_order_that_goes_on_from_it(ledger: Ledger) -> None:
    bring_to(ledger, State.RUNNING)
    finish(ledger, LONG)
    order = draft("other", request=Request(MODEL, "bluer", conversation=LONG))

    ledger.jobs.plan([order], "owner", resubmit=False)

    assert ledger.jobs.get("other").request.conversation == ledger.jobs.get(JOB).conversation
    if not ledger.is_shared:
        assert len(list((ledger._database.folder / "conversations").iterdir())) == 1


@pytest.mark.parametrize("short", [None, [], [{"role": "user"}], {"turns": 1}, 7, True])
def test_a_short_one_stands_in_the_row(tmp_path: Path, short: Json) -> None:
    kept = Conversations(tmp_path / "conversations")

    assert kept.put(short) == short
    assert kept.get(short) == short
    assert not (tmp_path / "conversations").exists()


def test_one_without_bounds_is_not_kept(tmp_path: Path) -> None:
    kept = Conversations(tmp_path / "conversations", most=50_000)

    assert kept.put(LONG) is None
    assert not (tmp_path / "conversations").exists()


def test_a_service_cannot_name_a_file(tmp_path: Path) -> None:
    """A text from a service is itself kept in a file, so it is never taken for the name of one."""
    kept = Conversations(tmp_path / "conversations")
    name = kept.put(LONG)

    for text in (name, "../ledger.sqlite3", "f" * 64):
        assert kept.get(kept.put(text)) == text
    assert kept.get("../ledger.sqlite3") == "../ledger.sqlite3"


@pytest.mark.parametrize("damage", [None, b"", b"[1]"])
def test_one_whose_file_is_gone_or_damaged_is_no_conversation(tmp_path: Path, damage: bytes | None) -> None:
    kept = Conversations(tmp_path / "conversations")
    name = str(kept.put(LONG))
    file = tmp_path / "conversations" / name
    file.unlink() if damage is None else file.write_bytes(damage)

    assert kept.get(name) == name


def test_a_folder_that_cannot_take_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "conversations").write_text("a file where the folder should be")

    with pytest.raises(LedgerUnusable, match="cannot take the conversation"):
        Conversations(tmp_path / "conversations").put(LONG)
