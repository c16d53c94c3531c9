"""A private MariaDB: its own data directory, loopback only."""

from __future__ import annotations

from typing import ClassVar

from tests.servers import odbc
from tests.servers.process import HOST, Server, find


class MariaDB(Server):
    """MariaDB with one database, whose owner logs in by password over TCP.

    ``options`` are further arguments of the server, e.g. ``--max-allowed-packet=1M``.
    """

    packages: ClassVar[tuple[str, ...]] = ("mariadb-server", "odbc-mariadb")
    user: ClassVar[str | None] = "mysql"
    database = "files"
    login = "tester"
    password = odbc.PASSWORD

    def __init__(self, *options: str) -> None:
        super().__init__()
        self.options = options

    def prepare(self) -> None:
        """Make the data directory, and the script that makes our database and login."""
        self.run(
            find("mariadb-install-db", "mysql_install_db", package="mariadb-server"),
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--tmpdir={self.directory}",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        )
        account = f"{self._literal(self.login)}@'%'"
        (self.directory / "init.sql").write_text(
            # one statement a line, as --init-file wants it
            f"CREATE DATABASE IF NOT EXISTS {self.database} CHARACTER SET utf8mb4;\n"
            f"CREATE OR REPLACE USER {account} IDENTIFIED BY {self._literal(self.password)};\n"
            f"GRANT ALL ON *.* TO {account};\n",
        )

    def command(self) -> list[str]:
        """``mariadbd`` in the foreground."""
        return [
            find("mariadbd", "mysqld", package="mariadb-server"),
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--tmpdir={self.directory}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            f"--init-file={self.directory / 'init.sql'}",
            f"--bind-address={HOST}",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=2",  # survives a kill, not a power failure
            "--innodb-buffer-pool-size=128M",
            *self.options,
        ]

    def is_ready(self) -> bool:
        """Whether our login gets an answer to a query."""
        return self.query("select 1")

    def query(self, sql: str) -> bool:
        """Run one statement through the command-line client; whether it succeeded."""
        return self.asks(
            find("mariadb", "mysql", package="mariadb-client"),
            "--no-defaults",
            "--protocol=tcp",
            f"--host={HOST}",
            f"--port={self.port}",
            f"--user={self.login}",
            f"--database={self.database}",
            f"--execute={sql}",
            environment={"MYSQL_PWD": self.password},
        )

    @property
    def connection_string(self) -> str:
        """How pyodbc connects, without a DSN."""
        return odbc.connection_string(
            Driver=odbc.driver("libmaodbc.so", package="odbc-mariadb"),
            Server=HOST,
            Port=str(self.port),
            Database=self.database,
            UID=self.login,
            PWD=self.password,
            CHARSET="utf8mb4",
        )

    @staticmethod
    def _literal(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
