"""SecantusDB, from PyPI: MongoDB's wire protocol, not mongod.

It has an environment of its own (``tools/environment.py servers/secantus``), since its libraries
are large. It gets slow with much data: tests keep little, in a database of their own.
"""

from __future__ import annotations

import itertools
import os
from typing import Any, ClassVar
from urllib.parse import quote_plus

import pymongo
from pymongo.errors import PyMongoError

from tests.servers import beside
from tests.servers.certificates import Authority
from tests.servers.process import HOST, Server

_numbers = itertools.count(1)


class Secantus(Server):
    """The server, standing alone, with its data on disk."""

    packages: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]] = ()

    def prepare(self) -> None:
        """Keep it from finding another configuration."""
        (self.directory / "empty.toml").touch()

    def command(self) -> list[str]:
        """The program of .cache/secantus."""
        return [
            beside.program("secantus", "secantusd-py"),
            "--config",
            str(self.directory / "empty.toml"),
            "--host",
            HOST,
            "--port",
            str(self.port),
            "--storage-path",
            str(self.directory / "data"),
            "--standalone",
            "--cache-size",
            "256M",
            "--log-level",
            "WARNING",
            *self.options,
        ]

    @property
    def uri(self) -> str:
        """The connection string, without a database."""
        return f"mongodb://{HOST}:{self.port}/"

    def client(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        """Return a client of the tests' own, which waits for nothing."""
        given = {"serverSelectionTimeoutMS": 2000, "connectTimeoutMS": 2000, **options}
        return pymongo.MongoClient(self.uri, **given)

    def is_ready(self) -> bool:
        """Whether it answers a ping."""
        try:
            with self.client() as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def close(self) -> None:
        """Remove it; it would take two seconds to put in order what nobody reads again."""
        if os.getpid() == self._owner:
            self.kill()
        super().close()

    def new_database(self) -> str:
        """Return the name of a database that is not there yet."""
        return f"files-{next(_numbers)}"

    def drop(self, database: str) -> None:
        """Remove a database, behind every storage's back."""
        with self.client() as client:
            client.drop_database(database)


class SecantusTLS(Secantus):
    """The server with certificates, good for this host."""

    def prepare(self) -> None:
        """Make the certificates."""
        super().prepare()
        self.authority = Authority(self.directory)
        self.certificate = self.authority.issue("good")

    def command(self) -> list[str]:
        """Name the certificate."""
        return [*super().command(), *self._tls()]

    def _tls(self) -> list[str]:
        return ["--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.certificate)]

    def client(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        """Trust the authority."""
        return super().client(tls=True, tlsCAFile=str(self.authority.file), **options)


class SecantusAuth(Secantus):
    """The server with users: who may read and write everything, who may only read."""

    passwords: ClassVar[dict[str, str]] = {
        "writer": "w:ord/of@writer%!",
        "reader": "readers-password",
        "admin": "administrators",
    }
    _roles: ClassVar[dict[str, str]] = {
        "writer": "readWriteAnyDatabase",
        "reader": "readAnyDatabase",
        "admin": "root",
    }

    def __init__(self) -> None:
        super().__init__()
        self._knows_users = False

    def start(self) -> None:
        """The first time begin without users, and make them."""
        if not self._knows_users:
            super().start()
            with Secantus.client(self) as client:
                for user, password in self.passwords.items():
                    role = {"role": self._roles[user], "db": "admin"}
                    client.admin.command("createUser", user, pwd=password, roles=[role])
            self.kill()  # which is quicker than stopping it
            self._knows_users = True
        super().start()

    def command(self) -> list[str]:
        """Ask for passwords once there are any; until then lose nothing."""
        return [*super().command(), "--auth" if self._knows_users else "--sync-on-commit"]

    def uri_of(self, user: str, password: str | None = None) -> str:
        """The connection string with which ``user`` logs in."""
        quoted = quote_plus(self.passwords[user] if password is None else password)
        return f"mongodb://{user}:{quoted}@{HOST}:{self.port}/"

    def client(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        """Log in as the administrator."""
        if self._knows_users:
            options |= {"username": "admin", "password": self.passwords["admin"]}
        return super().client(**options)
