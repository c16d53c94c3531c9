"""``manage.py createstoragetable``: the tables of ``DatabaseStorage`` in Django's own database."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.storage import Storage, storages
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, Error, connections, models, router, transaction
from django.utils.module_loading import import_string

from storages.backends.database import DatabaseStorage
from storages.backends.database.tables import models_for


class Command(BaseCommand):
    """Creates the tables in which DatabaseStorage keeps files in Django's own database."""

    help = (
        "Creates the tables in which DatabaseStorage keeps files in Django's own database. "
        "Tables that exist are left alone."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments, those of ``createcachetable``."""
        parser.add_argument(
            "args",
            metavar="table_name",
            nargs="*",
            help="Tables to create. Otherwise those that STORAGES, DB_FILES and the fields of "
            "models use.",
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="Create tables in this database only; for named tables the default one.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print the SQL that would be run, and run nothing.",
        )

    def handle(self, *tables: str, **options: Any) -> None:
        """Create the tables."""
        database = options["database"]
        if tables:
            wanted = [(database or DEFAULT_DB_ALIAS, table) for table in tables]
        else:
            wanted = [place for place in _used() if database in (None, place[0])]
        if not wanted:
            raise CommandError(
                "No storage of this project keeps files in "
                + (f"the database {database!r}" if database else "Django's own database")
                + ': set DB_FILES = {"using": "default"}, or OPTIONS={"using": "default"} of a '
                "storage in STORAGES."
            )
        for using, table in dict.fromkeys(wanted):
            self._create(using, table, dry_run=options["dry_run"], verbosity=options["verbosity"])

    def _create(self, using: str, table: str, *, dry_run: bool, verbosity: int) -> None:
        connection = connections[using]
        described = models_for(using, table)
        there = connection.introspection.table_names()
        for model in (described.file, described.chunk):
            name = model._meta.db_table  # noqa: SLF001 - Django's documented API
            if not router.allow_migrate_model(using, model):
                said = f"The database routers keep {name!r} out of {using!r}."
            elif name in there:
                said = f"Table {name!r} in {using!r} exists."
            elif dry_run:
                self.stdout.write("\n".join(_statements(connection, model)))
                continue
            else:
                self._execute(connection, _statements(connection, model), name)
                said = f"Table {name!r} in {using!r} created."
            if verbosity:
                self.stdout.write(said)

    def _execute(self, connection: Any, statements: list[str], name: str) -> None:
        atomic = transaction.atomic(
            using=connection.alias, savepoint=connection.features.can_rollback_ddl
        )
        try:
            with atomic, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement.rstrip(";"))
        except Error as error:
            raise CommandError(f"Table {name!r} could not be created: {error}") from error


def _statements(connection: Any, model: Any) -> list[str]:
    """Return the SQL that makes a table.

    It is run by a cursor and not by the schema editor, which SQLite refuses inside a transaction:
    tests run in one.
    """
    editor = connection.schema_editor(collect_sql=True)
    editor.deferred_sql = []
    editor.create_model(model)
    return [*editor.collected_sql, *(f"{statement};" for statement in editor.deferred_sql)]


def _used() -> Iterator[tuple[str, str]]:
    """Yield database and table of each embedded storage that the project has configured."""
    found: list[Storage] = [storages[alias] for alias in _aliases()]
    if hasattr(settings, "DB_FILES"):
        found.append(DatabaseStorage())
    for model in apps.get_models():
        fields = model._meta.get_fields()  # noqa: SLF001 - Django's documented API
        found += [field.storage for field in fields if isinstance(field, models.FileField)]
    for storage in found:
        place = storage.embedded_in if isinstance(storage, DatabaseStorage) else None
        if place is not None:
            yield place


def _aliases() -> Iterator[str]:
    """Yield the aliases in STORAGES of our kind; other storages may want settings of their own."""
    entries: Mapping[str, Any] = storages.backends
    for alias, entry in entries.items():
        kind = import_string(entry["BACKEND"])
        if isinstance(kind, type) and issubclass(kind, DatabaseStorage):
            yield alias
