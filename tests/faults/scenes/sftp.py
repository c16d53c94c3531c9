"""SFTP: a directory of OpenSSH's sshd. Everything passes encrypted, and with a MAC."""

from __future__ import annotations

import itertools
import os
from typing import Any, ClassVar

from storages.backends.sftp import SFTPStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.scenes.disk import DiskScene
from tests.servers import shared
from tests.servers.sshd import PASSWORD, Sshd

__all__ = ["SftpScene"]

_numbers = itertools.count(1)


class SftpScene(DiskScene):
    """A directory in the account's home."""

    backend = "sftp"
    service = "OpenSSH"
    # A login takes its time.
    short = 1.0
    varies = 2000  # a message may go in one packet with another, or by itself
    secrets: ClassVar[tuple[str, ...]] = (PASSWORD,)

    def open(self) -> None:
        """Make the directory; the proxy has the server's host key."""
        server = self.server
        self.directory = server.new_directory(f"matrix-{os.getpid()}-{next(_numbers)}")
        self.port = self.proxy(server.port).port
        known = server.known_hosts.read_text()
        self.hosts = server.directory / f"known-{self.port}"
        self.hosts.write_text(known.replace(f":{server.port} ", f":{self.port} ") + known)
        self.stack.callback(self.hosts.unlink)

    @property
    def server(self) -> Sshd:
        """The process's one."""
        return shared(Sshd)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """The key lets in; the password is there to be kept secret."""
        wait = 60.0 if direct else self.timeout
        given = {
            "root_path": str(self.directory),
            "known_host_file": str(self.hosts),
            "params": {"port": self.server.port if direct else self.port, "password": PASSWORD},
            "timeout": wait,
            "connect_timeout": wait,
        }
        storage = SFTPStorage(**{**self.server.options(**given), **more})
        storage.retry = retry
        return storage
