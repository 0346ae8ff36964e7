"""Conversations of services in the database: another machine may go on with one, and a worker's disk vanishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.conversations import Conversations

if TYPE_CHECKING:
    from imgen.ledger.postgres.database import PostgresDatabase


class StoredConversations(Conversations):
    """The rows of `conversation`, each named by the sha256 of what it holds."""

    def __init__(self, database: PostgresDatabase) -> None:
        super().__init__(database.folder)
        self._database = database

    def _keep(self, name: str, data: bytes) -> None:
        self._database.touch(
            "INSERT INTO conversation (name, content) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, data.decode())
        )

    def _kept(self, name: str) -> bytes | None:
        rows = self._database.read("SELECT content FROM conversation WHERE name = ?", (name,))
        return rows[0]["content"].encode() if rows else None
