"""The backends without a server of their own: files on this machine, and databases."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.place import OURS, RAW, Place, Setup, storage
from benchmarks.rows import MB

__all__ = ["PLACES"]


class Local(Place):
    """Beside Django's FileSystemStorage, in one directory."""

    page = "local"
    server = "a directory in memory"
    remote = False
    path: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    subjects: ClassVar[dict[str, str]] = {RAW: "FileSystemStorage", OURS: "this package"}
    most_names = 100_000
    fillers = (OURS,)

    def start(self) -> None:
        """Make the directory."""
        self.root = Path(tempfile.mkdtemp(prefix="storages-bench-"))
        self.stack.callback(shutil.rmtree, self.root)

    def setup(self, subject: str, line: str) -> Setup:
        """The same directory for both."""
        del line
        django = "django.core.files.storage.FileSystemStorage"
        given = {"location": str(self.root), "base_url": "/media/"}
        if subject == OURS:
            return storage(self.path, **given, **self.options)
        return storage(django, **given)

    def fill(self, count: int) -> int:
        """Empty files."""
        directory = self.root / "many" / str(count)
        directory.mkdir(parents=True, exist_ok=True)
        for number in range(1, count):
            (directory / f"{number}.png").touch()
        return count


class Overwrite(Local):
    """OverwriteStorage replaces; FileSystemStorage chooses another name."""

    name = page = "overwrite"
    path = "storages.backends.overwrite.OverwriteStorage"


class HashPath(Local):
    """Names follow from contents."""

    name = page = "hashpath"
    path = "storages.backends.hashpath.HashPathStorage"
    not_measured: ClassVar[dict[str, str]] = {"ours taken near": "no name is chosen"}


class SymlinkOrCopy(Local):
    """What is saved here lies where no link may lead, so it is copied."""

    name = page = "symlinkorcopy"
    path = "storages.backends.symlinkorcopy.SymlinkOrCopyStorage"


class Image(Local):
    """Everything that is saved is a picture of one pixel, and a tail."""

    name = page = "image"
    path = "storages.backends.image.ImageStorage"


class Embedded(Place):
    """Django's own connection; beside sqlite3 with one row for each file."""

    name = "database-embedded"
    page = "database"
    server = "SQLite, in memory"
    remote = False
    subjects: ClassVar[dict[str, str]] = {RAW: "sqlite3", OURS: "this package"}
    fillers = (OURS, RAW)
    fill_threads = 1  # SQLite lets one write at a time

    def start(self) -> None:
        """Make the tables."""
        import subprocess
        import sys

        from benchmarks.shared import ROOT

        self.root = Path(tempfile.mkdtemp(prefix="storages-bench-"))
        self.stack.callback(shutil.rmtree, self.root)
        settings = {**self._settings(), "DB_FILES": {"using": "default"}}
        code = (
            "import django; from django.conf import settings; from django.core.management import"
            f" call_command; settings.configure(**{settings!r}); django.setup();"
            " call_command('createstoragetable', verbosity=0)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

    def _settings(self) -> dict[str, Any]:
        engine = "django.db.backends.sqlite3"
        # Threads that save at once wait for each other; Django's default gives up after 5 s.
        options = {"timeout": 60}
        database = {"ENGINE": engine, "NAME": str(self.root / "db.sqlite3"), "OPTIONS": options}
        return {"INSTALLED_APPS": ["storages"], "DATABASES": {"default": database}}

    def setup(self, subject: str, line: str) -> Setup:
        """A file for each of them: the tables are not alike."""
        del line
        if subject == RAW:
            return {"kind": "sqlite3", "path": str(self.root / "raw.sqlite3")}
        path = "storages.backends.database.DatabaseStorage"
        given = storage(path, using="default", overwrite=False, base_url="/media/")
        return {**given, "settings": self._settings()}


class Odbc(Place):
    """A table of one's own in PostgreSQL; beside pyodbc, on the same table."""

    name = "database-odbc"
    page = "database"
    server = "PostgreSQL"
    subjects: ClassVar[dict[str, str]] = {RAW: "pyodbc", OURS: "this package"}
    most_names = 100_000

    def start(self) -> None:
        """Start the server, make the table."""
        from tests.servers.databases import COLUMNS, OdbcDatabase
        from tests.servers.postgresql import PostgreSQL

        server = self.stack.enter_context(PostgreSQL())
        self.connection_string = server.connection_string
        self.lines(server.port)
        self.database = OdbcDatabase("postgresql", self.connection_string)
        self.database.run(f"CREATE TABLE bench_files ({COLUMNS['postgresql']})")

    def setup(self, subject: str, line: str) -> Setup:
        """The port is in the connection string."""
        given = self.connection_string.replace(
            f"Port={self.ports['near']};", f"Port={self.ports[line]};"
        )
        if subject == RAW:
            return {"kind": "pyodbc", "connection_string": given, "table": "bench_files"}
        return storage(
            "storages.backends.database.DatabaseStorage",
            connection_string=given,
            db_table="bench_files",
            fname_column="name",
            blob_column="content",
            size_column="size",
            overwrite=False,
            base_url="/media/",
            max_size=100 * MB,  # of what one row is to hold
        )

    def fill(self, count: int) -> int:
        """One statement."""
        self.database.run(
            "INSERT INTO bench_files (name, content, size)"
            " SELECT ? || n || '.png', '', 0 FROM generate_series(1, CAST(? AS integer)) n",
            f"many/{count}/",
            count - 1,
        )
        return count


PLACES = (Overwrite, HashPath, SymlinkOrCopy, Image, Embedded, Odbc)
