"""The embedded engine's two tables, described by models that belong to no app.

They are made by ``manage.py createstoragetable``, not by migrations: which database and which name
is for the project's settings to say. Names are compared byte by byte in every database; times are
microseconds since 1970, so that no setting of a time zone moves them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from django.apps.registry import Apps
from django.db import connections, models

__all__ = ["CHUNK", "NAME_LENGTH", "Models", "models_for"]

#: Bytes in one row of content.
CHUNK = 256 * 1024
#: Characters in a name. Four bytes each, they fit into an index of every database.
NAME_LENGTH = 640

# In these, unlike in "utf8mb4_bin", "a" and "a " are two names.
_COLLATIONS = {"postgresql": "C", "sqlite": "BINARY"}
_MARIADB, _MYSQL = "utf8mb4_nopad_bin", "utf8mb4_0900_bin"


@dataclass(frozen=True)
class Models:
    """The models of one pair of tables."""

    file: Any
    chunk: Any


def models_for(using: str, table: str) -> Models:
    """Return the models for the tables ``table`` and ``table_chunks`` in that database."""
    connection = connections[using]
    collation = _COLLATIONS.get(connection.vendor)
    if connection.vendor == "mysql":
        collation = _MARIADB if getattr(connection, "mysql_is_mariadb", True) else _MYSQL
    return _models(table, collation)


@functools.cache
def _models(table: str, collation: str | None) -> Models:
    registry = Apps()

    def meta(name: str, **more: Any) -> type:
        attributes = {"apps": registry, "app_label": "storages", "db_table": name, **more}
        return type("Meta", (), attributes)

    class File(models.Model):  # noqa: DJ008 - nobody gets to see one
        name = models.CharField(max_length=NAME_LENGTH, primary_key=True, db_collation=collation)
        #: Which chunks are the file's: new ones each time it is written.
        content = models.CharField(max_length=32, unique=True)
        size = models.BigIntegerField()
        sha256 = models.CharField(max_length=64)
        content_type = models.CharField(max_length=255)
        created = models.BigIntegerField()
        modified = models.BigIntegerField()

        Meta = meta(table)

    class Chunk(models.Model):  # noqa: DJ008 - likewise
        id = models.BigAutoField(primary_key=True)
        file = models.ForeignKey(
            File,
            models.DO_NOTHING,
            to_field="content",
            db_column="content",
            db_constraint=False,  # the file's row changes its content before the old chunks go
            db_index=False,
            related_name="+",
        )
        number = models.IntegerField()
        data = models.BinaryField()

        Meta = meta(
            f"{table}_chunks",
            constraints=[
                models.UniqueConstraint(fields=["file", "number"], name=f"{table}_chunk"),
            ],
        )

    return Models(File, Chunk)
