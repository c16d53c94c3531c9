"""The manual's view of files in a database, and the database behind the common view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings

from storages.backends.database import DatabaseStorage, image_view, serve_database_file
from storages.testing import recorded_operations

CONTENT = bytes(range(256)) * 4000


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with files in two tables of Django's database."""
    tables = {"other": "serving_other", "table": "serving_table"}
    options = {
        alias: {"using": "default", "db_table": table, "base_url": None}
        for alias, table in tables.items()
    }
    with override_settings(
        ROOT_URLCONF="tests.urls_serving",
        MEDIA_ROOT=str(tmp_path),
        STORAGES={
            "default": {"BACKEND": "storages.testing.MemoryStorage"},
            **{
                alias: {
                    "BACKEND": "storages.backends.database.DatabaseStorage",
                    "OPTIONS": options[alias],
                }
                for alias in tables
            },
        },
    ):
        call_command("createstoragetable", verbosity=0)
        for alias in tables:
            storages[alias].save("d/a.png", ContentFile(CONTENT + alias.encode()))
        yield
    with connection.cursor() as cursor:
        for table in tables.values():
            cursor.execute(f"DROP TABLE {table}_chunks")
            cursor.execute(f"DROP TABLE {table}")


def test_the_manuals_view() -> None:
    """The first DatabaseStorage of STORAGES is meant; everybody gets the file, or parts of it."""
    with recorded_operations() as found:
        response = Client().get("/images/d/a.png")
        assert response.getvalue() == CONTENT + b"other"
    assert [event.operation for event in found] == ["open_read"]
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"] == 'inline; filename="a.png"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    part = Client().get("/images/d/a.png", headers={"Range": "bytes=500000-500009"})
    assert (part.status_code, part.getvalue()) == (206, CONTENT[500_000:500_010])
    assert Client().post("/images/d/a.png").status_code == 405
    assert Client().get("/images/no.png").status_code == 404
    assert Client().get("/images/..%2f..%2fsettings.py").status_code == 404


def test_a_table_by_its_alias() -> None:
    """A URLconf can name the storage."""
    assert Client().get("/table/d/a.png").getvalue() == CONTENT + b"table"


def test_a_storage_by_itself() -> None:
    """So can a view."""
    from django.test import RequestFactory

    storage = DatabaseStorage(using="default", db_table="serving_table")
    response = serve_database_file(RequestFactory().get("/"), "d/a.png", storage)
    assert response.getvalue() == CONTENT + b"table"
    response.close()


def test_the_manuals_picture_for_missing_ones(tmp_path: Path) -> None:
    """``MEDIA_ROOT/no_image.gif``, if there is one."""
    (tmp_path / "no_image.gif").write_bytes(b"GIF89a")
    response = Client().get("/images/no.png")
    assert (response.status_code, response.getvalue()) == (200, b"GIF89a")
    assert response.headers["Content-Type"] == "image/gif"


def test_files_in_a_database_have_links() -> None:
    """Without a base_url ``url()`` is signed; a range costs one operation, an end one more none."""
    url = storages["table"].url("d/a.png")
    assert url.startswith("/files/table/d/a.png?expires=")
    for asked, part in (("bytes=9-19", CONTENT[9:20]), ("bytes=-5", b"table")):
        with recorded_operations() as found:
            response = Client().get(url, headers={"Range": asked})
            assert response.getvalue() == part
        assert [event.operation for event in found] == ["open_read"]


def test_the_views_are_where_the_manual_has_them() -> None:
    """In the backend's module."""
    from storages.backends import database

    assert database.image_view is image_view
    assert database.serve_database_file is serve_database_file
