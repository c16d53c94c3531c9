"""FTP: a directory of vsftpd, in the clear, and over TLS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from storages.backends.ftp import FTPStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.ftpproxy import FTPProxy
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.disk import DiskScene
from tests.servers import shared
from tests.servers.ftp import Vsftpd
from tests.servers.ftp_base import FTPServer

__all__ = ["VsftpdScene"]

_CLEAR = "vsftpd tells no checksum (HASH, XSHA256), and FTP in the clear has none."
_LOCK = Declared(
    "error",
    "The lock that makes a save race-free is a directory: when the answer to making it is lost, "
    "nobody can tell whose it is. The error says which directory to remove.",
)


class VsftpdScene(DiskScene):
    """A directory of the account's home; the proxy follows data connections."""

    backend = "ftp"
    service = "vsftpd"
    short = 0.7
    data = True
    secrets: ClassVar[tuple[str, ...]] = (FTPServer.password, FTPServer.quoted_password())
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.*": Declared("unnoticed", _CLEAR),
        "answer.save.*": _LOCK,
        "answer.replace.*": _LOCK,
        "answer.copy.*": _LOCK,
        "answer.move.*": _LOCK,
    }

    def open(self) -> None:
        """Make the directory."""
        self.place = self.server.new_place()
        self.directory = self.server.file(self.place)
        proxy = self.stack.enter_context(FTPProxy(self.server.port))
        self.proxies.append(proxy)
        self.port = proxy.port

    @property
    def server(self) -> FTPServer:
        """The process's one."""
        return shared(Vsftpd)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage that logs in anew."""
        port = self.server.port if direct else self.port
        given = {"base_url": None, "timeout": 60.0 if direct else self.timeout, **more}
        storage = FTPStorage(location=self.server.location(self.place, port=port), **given)
        storage.retry = retry
        return storage
