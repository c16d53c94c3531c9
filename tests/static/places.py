"""The stores: each a new, empty place on a real server."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.servers import shared
from tests.servers.databases import embedded_tables
from tests.servers.ftp import Proftpd, Vsftpd
from tests.servers.ftp_base import FTPServer
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server
from tests.servers.secantus import Secantus
from tests.servers.sshd import Sshd
from tests.servers.swift import Swift
from tests.static.project import Place

__all__ = ["PLACES"]

# So that a process which dies after its third file has not sent all.
_FEW = {"workers": 2}
_ONE_LISTING = {"walk": 1}
# The root and each directory of project.FILES. Without a digest the manifest is read.
_LISTINGS = {"list": 8, "open_read": 1}
_READING = {"walk": 1, "open_read": 1}


def _classes(name: str) -> tuple[str, str]:
    return f"tests.static.classes.Static{name}", f"tests.static.classes.Manifest{name}"


def _s3(kind: type[S3Server]) -> Callable[[], AbstractContextManager[Place]]:
    @contextmanager
    def place() -> Iterator[Place]:
        server = shared(kind)
        options = server.options(bucket_name=server.new_bucket(), location="st/atic", **_FEW)
        module = "storages.backends.s3"
        yield Place(
            f"{module}.S3StaticStorage",
            f"{module}.S3ManifestStaticStorage",
            options,
            _ONE_LISTING,
        )

    return place


@contextmanager
def _sftp() -> Iterator[Place]:
    server = shared(Sshd)
    root = uuid.uuid4().hex
    yield Place(*_classes("SFTP"), server.options(root_path=root, **_FEW), _READING)
    shutil.rmtree(server.home / root, ignore_errors=True)


def _ftp(kind: type[FTPServer]) -> Callable[[], AbstractContextManager[Place]]:
    @contextmanager
    def place() -> Iterator[Place]:
        server = shared(kind)
        options = server.options(server.new_place(), **_FEW)
        # vsftpd lists without times that could be compared.
        yield Place(*_classes("FTP"), options, _LISTINGS if kind is Proftpd else None)

    return place


@contextmanager
def _cloudfiles() -> Iterator[Place]:
    server = shared(Swift)
    options = {
        "username": server.user_name,
        "api_key": server.key,
        "auth_url": server.auth_url,
        "container": server.new_container(),
        **_FEW,
    }
    # An empty file may be listed in place of a large one: it is asked about.
    yield Place(*_classes("CloudFiles"), options, {"walk": 1, "stat": 1})


@contextmanager
def _database() -> Iterator[Place]:
    with embedded_tables():
        yield Place(*_classes("Database"), {"using": "default"}, _ONE_LISTING)


@contextmanager
def _gridfs() -> Iterator[Place]:
    server = shared(Secantus)
    database = server.new_database()
    options = {"uri": server.uri, "database_name": database, **_FEW}
    yield Place(*_classes("GridFS"), options, _ONE_LISTING)
    server.drop(database)


PLACES: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "moto": _s3(Moto),
    "radosgw": _s3(RadosGW),
    "sftp": _sftp,
    "proftpd": _ftp(Proftpd),
    "vsftpd": _ftp(Vsftpd),
    "cloudfiles": _cloudfiles,
    "database": _database,
    "gridfs": _gridfs,
}
