"""Django's connections in a forked child: the parent's are left alone.

Django leaves that to its users. A child that goes on with its parent's connection takes the
parent's answers, and closing it ends the parent's session.
"""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.db import connections

__all__ = ["own_connection"]

# Kept for ever: the destructor of one would speak on the parent's socket.
_inherited: list[Any] = []


def _note() -> None:
    if settings.configured:
        open_ones = (c.connection for c in connections.all(initialized_only=True))
        _inherited.extend(raw for raw in open_ones if raw is not None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note)


def own_connection(using: str) -> Any:
    """Return Django's connection; it connects anew if what it has open was the parent's.

    Not inside a transaction, which began before the fork, nor for SQLite in memory, which has
    nothing else to connect to.
    """
    connection: Any = connections[using]
    if any(connection.connection is raw for raw in _inherited):
        in_memory = connection.vendor == "sqlite" and connection.is_in_memory_db()
        if not (connection.in_atomic_block or in_memory):
            connection.connection = None
    return connection
