"""Counting the commands that a storage sends to MongoDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.monitoring import CommandListener


class Commands(CommandListener):
    """What was asked, one word for each command: its name and the collection's kind."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.received = 0

    def started(self, event: Any) -> None:
        """A command goes to the server; a new client's ping is not counted."""
        if event.command_name == "ping":
            return
        collection = event.command.get(event.command_name)
        kind = str(collection).rpartition(".")[2] if isinstance(collection, str) else ""
        self.asked.append(f"{event.command_name} {kind}".strip())

    def succeeded(self, event: Any) -> None:
        """It was answered."""
        cursor = event.reply.get("cursor") or {}
        batch = cursor.get("firstBatch") or cursor.get("nextBatch") or ()
        self.received += sum(len(document.get("data", b"")) for document in batch)

    def failed(self, event: Any) -> None:
        """It was refused."""

    @contextmanager
    def during(self) -> Iterator[list[str]]:
        """Give the list of those that a block sends."""
        self.asked = []
        yield self.asked
        self.asked = []
