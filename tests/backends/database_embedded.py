"""The embedded DatabaseStorage on SQLite and PostgreSQL: fixtures, rollbacks, counting rows.

They are no fixtures of conftest.py because S3's storages there have the same names. A module
takes those it wants: ``storage = database_embedded.storage``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from storages.backends.database import DatabaseStorage
from tests.servers.databases import django_alias, embedded_tables


@pytest.fixture(params=["default", "postgresql"])
def using(request: pytest.FixtureRequest) -> Iterator[str]:
    """Django's SQLite and Django's PostgreSQL, with the tables."""
    if request.param == "default":
        with embedded_tables():
            yield "default"
        return
    with django_alias() as alias, embedded_tables(alias):
        yield alias


@pytest.fixture
def storage(using: str) -> DatabaseStorage:
    """A storage in each database."""
    return DatabaseStorage(using=using)


@contextmanager
def rolled_back(using: str) -> Iterator[None]:
    """Run the block in a transaction, and roll it back."""
    with transaction.atomic(using):
        yield
        transaction.set_rollback(True, using)  # noqa: FBT003 - Django's signature


def rows(using: str, table: str) -> int:
    """How many rows a table has."""
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        count: int = cursor.fetchone()[0]
        return count
