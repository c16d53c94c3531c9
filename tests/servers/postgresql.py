"""A private PostgreSQL: its own cluster in a temporary directory, loopback only, no fsync."""

from __future__ import annotations

import signal
from typing import ClassVar

from tests.servers import odbc
from tests.servers.process import HOST, Server, find

BINARIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "logging_collector": "off",
}


class PostgreSQL(Server):
    """PostgreSQL with one database, whose owner logs in by password."""

    packages: ClassVar[tuple[str, ...]] = ("postgresql", "odbc-postgresql")
    user: ClassVar[str | None] = "postgres"
    stop_signal: ClassVar[int] = signal.SIGINT  # "fast": connections are ended, not waited for
    database = "files"
    login = "tester"
    password = odbc.PASSWORD

    def prepare(self) -> None:
        """Make the cluster."""
        password = self.directory / "password"
        password.write_text(self.password)
        self._give_away(password)
        self.run(
            self._program("initdb"),
            f"--pgdata={self.directory / 'data'}",
            f"--username={self.login}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )

    def command(self) -> list[str]:
        """``postgres`` in the foreground."""
        command = [self._program("postgres"), "-D", str(self.directory / "data")]
        for name, value in {**SETTINGS, "port": str(self.port)}.items():
            command += ["-c", f"{name}={value}"]
        return command

    def is_ready(self) -> bool:
        """Whether our login gets an answer to a query; our database is made on the first."""
        if self.query("select 1"):
            return True
        return self.query("select 1", database="postgres") and self.query(
            f"create database {self.database}", database="postgres"
        )

    def query(self, sql: str, database: str | None = None) -> bool:
        """Run one statement through psql; whether it succeeded."""
        return self.asks(
            find("psql", package="postgresql"),
            "--no-psqlrc",
            "--quiet",
            f"--host={HOST}",
            f"--port={self.port}",
            f"--username={self.login}",
            f"--dbname={database or self.database}",
            f"--command={sql}",
            environment={"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"},
        )

    @property
    def connection_string(self) -> str:
        """How pyodbc connects, without a DSN."""
        return odbc.connection_string(
            Driver=odbc.driver("psqlodbcw.so", package="odbc-postgresql"),
            Server=HOST,
            Port=str(self.port),
            Database=self.database,
            UID=self.login,
            PWD=self.password,
        )

    @property
    def django(self) -> dict[str, object]:
        """An entry for ``settings.DATABASES``."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.database,
            "USER": self.login,
            "PASSWORD": self.password,
            "HOST": HOST,
            "PORT": str(self.port),
            "OPTIONS": {},
        }

    @staticmethod
    def _program(name: str) -> str:
        return find(name, package="postgresql", directories=BINARIES)
