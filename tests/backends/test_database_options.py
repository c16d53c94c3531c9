"""DatabaseStorage: what its options mean, and what is said of wrong ones. No server is asked."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings

from storages.backends.database import DatabaseStorage
from storages.backends.database.configuration import server_string
from storages.backends.database.connecting import connection_string, secrets_in
from storages.errors import MissingLibrary, OptionError
from tests.servers.odbc import sqlite

TABLE: dict[str, Any] = {
    "db_table": "files",
    "fname_column": "name",
    "blob_column": "content",
    "size_column": "size",
    "base_url": None,
    "connection_string": "Driver=nowhere;PWD=s3cret",
}


def without(*names: str) -> dict[str, Any]:
    """The options of a table, but for some."""
    return {name: value for name, value in TABLE.items() if name not in names}


@pytest.mark.parametrize(
    "missing", ["db_table", "fname_column", "blob_column", "size_column", "base_url"]
)
def test_each_of_the_five_documented_keys_is_required(missing: str) -> None:
    """Leaving one out raises the original's ValueError, which now names the key."""
    with pytest.raises(ValueError, match="You didn't specify required options.*" + missing):
        DatabaseStorage(without(missing))


def test_nothing_configured_is_an_error() -> None:
    """Without DB_FILES and arguments the error says what to set, also for the embedded engine."""
    with pytest.raises(ImproperlyConfigured, match=r'required options.*"using": "default"'):
        DatabaseStorage()


def test_base_url_may_come_from_the_setting_that_the_manual_named() -> None:
    """DB_FILES_URL, which the original's code forgot, stands in for a missing base_url."""
    with override_settings(DB_FILES_URL="/files"):
        assert DatabaseStorage(without("base_url")).url("a b.txt") == "/files/a%20b.txt"


def test_the_settings_dict_counts_at_each_access() -> None:
    """DB_FILES configures a storage without arguments, and changing it takes effect."""
    with override_settings(DB_FILES={**TABLE, "base_url": "/one/"}):
        storage = DatabaseStorage()
        assert storage.url("x") == "/one/x"
        with override_settings(DB_FILES={**TABLE, "base_url": "/two/", "overwrite": False}):
            assert storage.url("x") == "/two/x"
            assert storage.overwrites is False


def test_a_storage_with_a_place_of_its_own_ignores_the_settings_dict() -> None:
    """Options of one table are never mixed with those of another."""
    with override_settings(DB_FILES=TABLE):
        assert DatabaseStorage(using="default").embedded_in == ("default", "storages_files")
        assert DatabaseStorage().embedded_in is None
        with pytest.raises(OptionError, match="lacks fname_column"):
            DatabaseStorage(db_table="other")


def test_a_subclass_configures_by_class_attributes() -> None:
    """A plain attribute beats the setting."""

    class Attachments(DatabaseStorage):
        using = "default"
        db_table = "attachments"

    with override_settings(DB_FILES=TABLE):
        assert Attachments().embedded_in == ("default", "attachments")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**TABLE, "blob_colum": "x"}, "no option 'blob_colum'. Did you mean 'blob_column'"),
        ({**TABLE, "db_table": 5}, "'db_table' .* must be str, not int"),
        ({**TABLE, "db_table": "files; DROP TABLE x"}, "does not name a table"),
        ({**TABLE, "db_table": "a.b.c.d"}, "does not name a table"),
        ({**TABLE, "db_table": "o'brien"}, "does not name a table"),
        ({**TABLE, "db_table": '"a"b"'}, "does not name a table"),
        ({**TABLE, "fname_column": "name = name OR 1"}, "does not name a column"),
        ({**TABLE, "size_column": ""}, "does not name a column"),
        ({**TABLE, "blob_column": "a.b"}, "does not name a column"),
        ({**TABLE, "max_size": "1 GB"}, "'max_size' .* must be int, not str"),
        ({**TABLE, "overwrite": True, "allow_overwrite": False}, "they differ"),
        ({"using": "defualt"}, "DATABASES has no 'defualt'"),
        ({"using": "default", "db_table": "no good"}, "does not name a table"),
        (["files"], "takes a dict"),
        (without("connection_string"), "does not know how to connect.*DATABASE_ODBC_DRIVER"),
    ],
)
def test_wrong_options_are_named(given: Any, message: str) -> None:
    """The constructor refuses them, and says which and why."""
    with pytest.raises(OptionError, match=message):
        DatabaseStorage(given)


@pytest.mark.parametrize("files", [{**TABLE, "fname_colunm": "x"}, "files"])
def test_a_wrong_settings_dict_is_named(files: Any) -> None:
    """DB_FILES is judged as the argument is."""
    with override_settings(DB_FILES=files), pytest.raises(OptionError, match="DB_FILES"):
        DatabaseStorage()


@pytest.mark.parametrize(
    "table",
    ["files", "app.files", "db.app.files", "[my files]", '"my files"', "`my files`", "f$#1"],
)
def test_identifiers_may_be_quoted_and_qualified(table: str) -> None:
    """Up to three parts, each plain or in one of the three kinds of quotes."""
    assert DatabaseStorage({**TABLE, "db_table": table}).db_table == table


def test_saving_again_overwrites_unless_told() -> None:
    """The documented policy, and the two names under which it can be changed."""
    assert DatabaseStorage(TABLE).overwrites is True
    assert DatabaseStorage(TABLE, overwrite=False).overwrites is False
    assert DatabaseStorage(TABLE, allow_overwrite=False).overwrites is False
    assert DatabaseStorage(using="default").overwrites is True


@pytest.fixture
def odbc_setting() -> Iterator[None]:
    """The settings of Django 1.1 that the manual tells to set."""
    with override_settings(
        DATABASE_ODBC_DRIVER="{SQL Server}",
        DATABASE_HOST="db.example.com",
        DATABASE_NAME="files",
        DATABASE_USER="me",
        DATABASE_PASSWORD="se;cr}et",
    ):
        yield


@pytest.mark.usefixtures("odbc_setting")
def test_the_settings_of_django_1_1_make_a_connection_string() -> None:
    """In the original's order; a value that needs braces gets them."""
    assert server_string(DatabaseStorage(without("connection_string"))) == (
        "DRIVER=SQL Server;SERVER=db.example.com;DATABASE=files;UID=me;PWD={se;cr}}et};"
    )
    with override_settings(DATABASE_PORT=1434):
        text = server_string(DatabaseStorage(without("connection_string")))
    assert "SERVER=db.example.com,1434;" in text


def test_a_database_of_django_makes_a_connection_string() -> None:
    """``using`` with columns is the documented engine, at the place that DATABASES names."""
    connections.settings["warehouse"] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "h",
        "PORT": 5433,
        "NAME": "n",
        "USER": "u",
        "PASSWORD": "p w",
        "OPTIONS": {"driver": "PostgreSQL Unicode"},
    }
    try:
        storage = DatabaseStorage({**without("connection_string"), "using": "warehouse"})
        assert storage.embedded_in is None
        assert server_string(storage) == (
            "DRIVER=PostgreSQL Unicode;SERVER=h;PORT=5433;DATABASE=n;UID=u;PWD=p w;"
        )
    finally:
        del connections.settings["warehouse"]


def test_values_are_braced_only_where_they_need_it() -> None:
    """The drivers of SQLite and PostgreSQL take needless braces for part of the value."""
    text = connection_string({"A": "plain", "B": "a;b", "C": "{x}", "D": " y", "E": "", "F": None})
    assert text == "A=plain;B={a;b};C={{x}}};D={ y};"


def test_passwords_are_found_whole_and_in_pieces() -> None:
    """A driver that stumbles over a password may quote a piece of it."""
    text = "Driver=x;UID=me;PWD={one;two}}three};"
    for shown in (text, "one;two}three", "{one;two}}three}", "near 'one'", "no key two", "three."):
        assert any(secret.search(shown) for secret in secrets_in(text)), shown
    for harmless in ("everyone", "me", "Driver"):
        assert not any(secret.search(harmless) for secret in secrets_in(text)), harmless


def test_secrets_are_never_shown_nor_recorded() -> None:
    """Neither repr, nor a migration, nor a pickle of a storage configured by settings has them."""
    storage = DatabaseStorage(TABLE, password="hunter2")
    path, args, kwargs = storage.deconstruct()
    assert path == "storages.backends.database.DatabaseStorage"
    assert args == []
    assert kwargs == without("connection_string")
    assert "s3cret" not in repr(storage)
    with override_settings(DB_FILES=TABLE):
        assert b"s3cret" not in pickle.dumps(DatabaseStorage())
        text, imports = MigrationWriter.serialize(DatabaseStorage())
        assert text == "storages.backends.database.DatabaseStorage()"
        assert imports == {"import storages.backends.database"}


def test_constructing_needs_no_library_and_using_it_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without pyodbc the documented engine says what to install, when it is first used."""
    monkeypatch.setitem(sys.modules, "pyodbc", None)
    storage = DatabaseStorage(TABLE)
    with pytest.raises(MissingLibrary, match=r"django-storages\[database\]"):
        storage.exists("x")


@pytest.mark.parametrize(
    "text",
    ["DRIVER=/no/such/library.so;PWD=s3cret", "DSN=nosuch;PWD=s3cret", "nonsense s3cret"],
)
def test_a_driver_that_cannot_be_loaded_is_an_option_error(text: str) -> None:
    """It says what to check, without the password, also where the cause is shown."""
    storage = DatabaseStorage({**TABLE, "connection_string": text})
    with pytest.raises(OptionError, match=r"ODBC driver.*odbcinst\.ini") as caught:
        storage.exists("x")
    assert "s3cret" not in str(caught.value) + repr(caught.value.__cause__)
    assert caught.value.__context__ is None or "s3cret" not in repr(caught.value.__context__)


def test_a_database_that_cannot_be_opened_is_an_error_and_not_absence(tmp_path: Any) -> None:
    """exists() cannot tell, so it raises."""
    nowhere = sqlite(tmp_path / "missing" / "db")
    with (
        DatabaseStorage({**TABLE, "connection_string": nowhere}) as storage,
        pytest.raises(OSError, match="does not exist, or cannot be opened"),
    ):
        storage.exists("x")
