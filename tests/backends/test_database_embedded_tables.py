"""DatabaseStorage in Django's own database: missing tables, and the command that makes them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from storages.backends.database import DatabaseStorage
from storages.errors import StorageError
from tests.backends.database_embedded import rolled_back
from tests.backends.database_files import get, put


def test_a_missing_table_says_how_to_make_it() -> None:
    """Every operation fails with the command to run; none takes it for a missing file."""
    storage = DatabaseStorage(using="default", db_table="not_made")
    operations: list[Callable[[], object]] = [
        lambda: storage.exists("x"),
        lambda: storage.exists(""),
        lambda: storage.open("x"),
        lambda: storage.listdir(""),
        lambda: storage.delete("x"),
        lambda: put(storage, "x", b"x"),
    ]
    for operation in operations:
        with pytest.raises(StorageError, match=r"not_made.*manage\.py createstoragetable") as error:
            operation()
        assert not isinstance(error.value, FileNotFoundError)


def create(*args: str, **options: Any) -> str:
    """Run createstoragetable; return what it printed."""
    out = io.StringIO()
    call_command("createstoragetable", *args, stdout=out, **options)
    return out.getvalue()


def tables() -> set[str]:
    """The tables of the default database."""
    return set(connection.introspection.table_names())


def drop(*names: str) -> None:
    """Drop tables of the default database."""
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TABLE {name}")


def test_the_command_finds_the_tables_in_the_settings() -> None:
    """Those of STORAGES and of DB_FILES, each once; a second run changes nothing."""
    backend = "storages.backends.database.DatabaseStorage"
    one = {"BACKEND": backend, "OPTIONS": {"using": "default", "db_table": "one"}}
    files = {"using": "default", "db_table": "two"}
    with override_settings(STORAGES={"default": one, "again": one}, DB_FILES=files):
        try:
            assert create().count("created") == 4
            assert {"one", "one_chunks", "two", "two_chunks"} <= tables()
            assert DatabaseStorage().save("x", ContentFile(b"x")) == "x"
            assert create().count("exists") == 4
            assert DatabaseStorage().exists("x")
        finally:
            drop("one", "one_chunks", "two", "two_chunks")


def test_a_dry_run_prints_sql_and_does_nothing() -> None:
    """The SQL can be run by hand."""
    before = tables()
    printed = create("by_hand", dry_run=True)
    assert tables() == before
    assert printed.count("CREATE TABLE") == 2
    try:
        with connection.cursor() as cursor:
            for statement in printed.strip().splitlines():
                cursor.execute(statement)
        storage = DatabaseStorage(using="default", db_table="by_hand")
        put(storage, "f", b"x")
        assert get(storage, "f") == b"x"
    finally:
        drop("by_hand", "by_hand_chunks")


def test_routers_are_asked() -> None:
    """A router that keeps the app out of a database is obeyed."""

    class Out:
        def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
            return False if app_label == "storages" else None

    with override_settings(DATABASE_ROUTERS=[Out()]):
        assert create("routed").count("routers keep") == 2
    assert "routed" not in tables()


def test_the_command_works_inside_a_transaction() -> None:
    """As in a test's setUpTestData; what it made goes when that is rolled back."""
    with rolled_back("default"):
        create("passing")
        put(DatabaseStorage(using="default", db_table="passing"), "f", b"x")
    assert "passing" not in tables()


def test_the_command_says_when_there_is_nothing_to_do() -> None:
    """A project without an embedded storage gets a sentence, not silence."""
    disk = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    with override_settings(STORAGES=disk), pytest.raises(CommandError, match="No storage"):
        create()
    with pytest.raises(CommandError, match="invalid choice: 'nosuch'"):
        call_command("createstoragetable", "t", "--database=nosuch")


def test_the_command_leaves_other_storages_alone() -> None:
    """A project that serves no static files has a storage for them that cannot be constructed."""
    configured = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "files": {
            "BACKEND": "storages.backends.database.DatabaseStorage",
            "OPTIONS": {"using": "default", "db_table": "t_alone"},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with override_settings(STORAGES=configured, STATIC_URL=None, DEBUG=True):
        assert "t_alone" in create("--dry-run")
