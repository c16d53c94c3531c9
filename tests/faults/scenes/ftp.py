"""FTP: a directory of vsftpd, in the clear, and over TLS."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

from storages.backends.ftp import FTPStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from storages.testing.capabilities import FULL
from tests.faults.ftpproxy import FTPProxy
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.disk import DiskScene
from tests.servers import shared
from tests.servers.ftp import PureFtpd, Vsftpd, VsftpdTLS
from tests.servers.ftp_base import FTPServer
from tests.servers.process import HOST

__all__ = ["PureFtpdScene", "TLSScene", "VsftpdScene"]

#: A session whose client is gone may keep one for a while, and vsftpd tries only some of them: the
#: whole pass needs many. Each is one that another server may have taken meanwhile.
_PORTS = 60 if FULL else 10

_CLEAR = "vsftpd tells no checksum (HASH, XSHA256), and FTP in the clear has none."
_LOCK = Declared(
    "error",
    "The lock that makes a save race-free is a directory: when the answer to making it is lost, "
    "nobody can tell whose it is. The error says which directory to remove.",
)


class RangedVsftpd(VsftpdTLS):
    """Over TLS, with passive ports that are known."""

    def __init__(self) -> None:
        super().__init__()
        self.passive = _free_range()
        first, last = self.passive[0], self.passive[-1]
        self.ranged = f"pasv_min_port={first}\npasv_max_port={last}"

    @property
    def settings_more(self) -> str:  # type: ignore[override] # of the object, not of the class
        """The range."""
        return self.ranged


def _free_range() -> range:
    """Ports in a row that nothing listens on."""
    while True:
        first = random.randrange(20_000, 30_000)  # below those that the system gives away
        found = range(first, first + _PORTS)
        try:
            for port in found:
                socket.create_server((HOST, port)).close()
        except OSError:
            continue
        return found


class VsftpdScene(DiskScene):
    """A directory of the account's home; the proxy follows data connections."""

    backend = "ftp"
    service = "vsftpd"
    short = 0.7
    long = 3.0  # so long it waits for a lock, too
    data = True
    seldom = ("answer.move.*", "answer.replace.*")  # each waits for locks
    kind: ClassVar[type[FTPServer]] = Vsftpd
    secrets: ClassVar[tuple[str, ...]] = (FTPServer.password, FTPServer.quoted_password())
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.*": Declared("unnoticed", _CLEAR),
        "cut.list.fin.*": Declared(
            "unnoticed",
            "A listing has no length: in the clear, one that somebody on the way ends in the "
            "orderly way, while the server believes that it was sent, cannot be told from a whole.",
        ),
        "answer.save.*": _LOCK,
        "answer.replace.*": _LOCK,
        "answer.copy.*": _LOCK,
        "answer.move.*": _LOCK,
    }

    def open(self) -> None:
        """Make the directory."""
        self.place = self.server.new_place()
        self.directory = self.server.file(self.place)
        self.ftp = self.stack.enter_context(self._proxy())
        self.proxies.append(self.ftp)

    def _proxy(self) -> FTPProxy:
        return FTPProxy(self.server.port)

    @property
    def server(self) -> FTPServer:
        """The process's one."""
        return shared(self.kind)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage that logs in anew."""
        given = {
            "location": self.server.location(self.place) if direct else self._location(),
            "base_url": None,
            "timeout": 60.0 if direct else self.timeout,
        }
        storage = FTPStorage(**{**given, **more})
        storage.retry = retry
        return storage

    def _location(self) -> str:
        """Through the proxy."""
        return self.server.location(self.place, port=self.ftp.port)


class PureFtpdScene(VsftpdScene):
    """pure-ftpd, which has MLSD."""

    service = "pure-ftpd"
    kind = PureFtpd


class TLSScene(VsftpdScene):
    """vsftpd over TLS: nobody on the way can end a transfer early or change a bit unnoticed."""

    service = "vsftpd over TLS"
    kind = RangedVsftpd
    declared: ClassVar[Mapping[str, Declared]] = {
        pattern: declared
        for pattern, declared in VsftpdScene.declared.items()
        if declared.instead != "unnoticed"
    }

    def _proxy(self) -> FTPProxy:
        """It cannot read what the server tells, and is on the same ports elsewhere."""
        server = self.server
        assert isinstance(server, RangedVsftpd)
        return FTPProxy(server.port, ports=server.passive)

    def _location(self) -> str:
        """The certificate is for the server's address."""
        return self.server.location(self.place).replace(f"@{HOST}:", f"@{self.ftp.host}:")

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """Verified only past the proxy."""
        return super().make(retry, direct=direct, **{"tls_verify": False, **more})
