"""Files in PostgreSQL and MariaDB behind a proxy: over ODBC, and through Django's connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import connections

from storages.backends.database import DatabaseStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.patience import Patient
from tests.servers import odbc, shared
from tests.servers.databases import (
    OdbcDatabase,
    django_alias,
    embedded_tables,
    odbc_database,
)
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL

__all__ = ["EmbeddedScene", "MariaDBScene", "PostgreSQLScene"]

_UNGUARDED = (
    "Without TLS nothing protects bytes on their way to or from the database, and a table of your "
    "own has no hash of a file."
)


class _Storage(DatabaseStorage):
    """Repeats as it is told."""

    retry = Retry()


class DatabaseScene(Patient):
    """A file is rows of tables, and nothing else."""

    backend = "database"

    def orphans(self) -> int:
        """None: what a transaction did not commit is not there."""
        return 0

    def sweep(self) -> None:
        """Nothing has to be removed."""


class EmbeddedScene(DatabaseScene):
    """The embedded engine on PostgreSQL, through Django's connections."""

    service = "postgresql through django"
    size = 300_000  # two chunks
    secrets = (odbc.PASSWORD,)
    # What the driver beside it shows as well.
    seldom = ("answer.replace.*", "answer.delete.*", "request.save.*")
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.save.*": Declared(
            "impossible",
            "A file travels in the text of a statement: a changed bit may make another byte of it, "
            "or no statement. Only TLS protects it.",
        ),
        **dict.fromkeys(
            ("*.stall.*", "*.stall", "freeze.*", "slow.*"),
            Declared(
                "impossible",
                "Django's connection to PostgreSQL has no time limit for a server that says "
                "nothing.",
            ),
        ),
    }

    @property
    def server(self) -> PostgreSQL:
        """The process's one."""
        return shared(PostgreSQL)

    def open(self) -> None:
        """Make the tables, and two aliases."""
        self.stack.callback(self.server.start)
        self.stack.enter_context(django_alias("direct"))
        self.stack.enter_context(embedded_tables("direct"))
        port = self.proxy(self.server.port).port
        self.stack.enter_context(django_alias("behind-proxy", PORT=port))

    def start(self) -> None:
        """Start it again; our own connection to it ended with it."""
        super().start()
        connections["direct"].close()

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage, whose connection is this thread's one."""
        using = "direct" if direct else "behind-proxy"
        if not direct:
            connections[using].close()  # left by the one before it
        storage = _Storage({"using": using, "overwrite": False, **more})
        storage.retry = retry
        return storage

    def stored(self) -> dict[str, bytes]:
        """The rows; no chunk belongs to none."""
        with connections["direct"].cursor() as cursor:
            cursor.execute("SELECT name, content, size FROM storages_files")
            found = cursor.fetchall()
            cursor.execute("SELECT content, data FROM storages_files_chunks ORDER BY number")
            chunks: dict[str, bytes] = {}
            for content, data in cursor.fetchall():
                chunks[content] = chunks.get(content, b"") + bytes(data)
        files = {name: chunks.pop(content, b"") for name, content, _ in found}
        assert not chunks
        assert [len(held) for held in files.values()] == [size for _, _, size in found]
        return files


class OdbcScene(DatabaseScene):
    """A table of one row per file."""

    secrets = (odbc.PASSWORD,)
    kind: ClassVar[str]
    size = 300_000

    def open(self) -> None:
        """Make the table."""
        self.database: OdbcDatabase = odbc_database(self.kind)
        table = self.database.table(overwrite=False)
        self.options = self.stack.enter_context(table)
        self.stack.callback(self.server.start)
        self.port = self.proxy(self.server.port).port

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage of its own connections."""
        wait = 60.0 if direct else self.timeout
        given = {**self.options, "timeout": wait, "connect_timeout": wait}
        if not direct:
            text = given["connection_string"]
            assert text.count(str(self.server.port)) == 1
            given["connection_string"] = text.replace(str(self.server.port), str(self.port))
        storage = _Storage({**given, **more})
        storage.retry = retry
        return storage

    def put(self, files: Mapping[str, bytes]) -> None:
        """Store them; pyodbc asks more on the first connection to an address."""
        super().put(files)
        with self.storage() as storage:
            storage.exists("")

    def stored(self) -> dict[str, bytes]:
        """The rows."""
        rows = self.database.run(f"SELECT name, content, size FROM {self.options['db_table']}")
        assert all(len(content) == size for _, content, size in rows)
        return {name: bytes(content) for name, content, _ in rows}


class PostgreSQLScene(OdbcScene):
    """psqlodbc."""

    service = "postgresql over odbc"
    kind = "postgresql"
    seldom = ("answer.replace.*", "answer.delete.*", "request.save.*")  # 23 requests each
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.*": Declared("unnoticed", _UNGUARDED),
        **dict.fromkeys(
            ("*.stall.*", "*.stall", "freeze.*", "slow.*"),
            Declared("impossible", "psqlodbc cannot give up a server that says nothing."),
        ),
    }

    @property
    def server(self) -> PostgreSQL:
        """The process's one."""
        return shared(PostgreSQL)


class MariaDBScene(OdbcScene):
    """MariaDB's own driver."""

    service = "mariadb over odbc"
    kind = "mariadb"
    waits = 7.0  # the server's own limit comes first: five seconds are added to the driver's
    # What PostgreSQL shows as well: the core's, and the two share everything but their driver.
    seldom = (
        *("cut.*.stall.*", "cut.*.always", "cut.[!s]*", "flip.*", "refused.*", "restart.*"),
        *("answer.[!s]*", "request.[!s]*", "idle.*", "*.replace", "*.read"),
    )
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.*": Declared("unnoticed", _UNGUARDED),
        "*.stall.*": Declared(
            "error",
            "A server that does not know yet that a writer is gone keeps its lock: who writes the "
            "same name may wait for it in vain.",
        ),
        **dict.fromkeys(
            ("freeze.*", "slow.*"),
            Declared(
                "impossible",
                "Its driver says of a server that says nothing what it says of one that is gone, "
                "and its time limits are those of when it has connected.",
            ),
        ),
    }

    @property
    def server(self) -> MariaDB:
        """The process's one."""
        return shared(MariaDB)
