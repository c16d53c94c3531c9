"""SFTP storages behind a proxy that lets things go wrong; see transfers.py."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from storages.backends.sftp import SFTPStorage
from storages.base import RemoteStorage
from tests.faults.proxy import TCPProxy
from tests.faults.transfers import CutFaults, RequestFaults, Scene, ServerFaults
from tests.servers import shared
from tests.servers.sshd import SMALL, Sshd

_numbers = itertools.count(1)


class TestSftp(CutFaults, RequestFaults, ServerFaults):
    """OpenSSH's sshd. Everything passes encrypted, and with a MAC that a flipped bit breaks."""

    sizes: ClassVar[dict[str, int]] = {}
    varies: ClassVar[int] = 2000  # a message may go in one packet with another, or by itself
    short_connecting: ClassVar[dict[str, Any]] = {"connect_timeout": 1.0}

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        """A directory of the account's home."""
        server = shared(Sshd)
        directory = server.new_directory(f"faults-{os.getpid()}-{next(_numbers)}")
        with TCPProxy(server.port) as proxy:
            line = server.known_hosts.read_text().replace(f":{server.port} ", f":{proxy.port} ")
            hosts = server.directory / "proxied_hosts"
            hosts.write_text(line + server.known_hosts.read_text())

            def options(port: int) -> dict[str, Any]:
                return server.options(
                    root_path=str(directory), known_host_file=str(hosts), params={"port": port}
                )

            scene = Scene(SFTPStorage, options, server, proxy, directory, data=False)
            yield scene
            scene.close()

    def small(self, scene: Scene) -> tuple[Path, RemoteStorage, int]:
        """The small disk in the account's home, as the server's processes see it."""
        server = scene.server
        assert isinstance(server, Sshd)
        assert server.process is not None
        small = f"{server.home}/small"
        storage = scene.storage(direct=True, root_path=small, timeout=30.0)
        return Path(f"/proc/{server.process.pid}/root{small}"), storage, SMALL

    def with_wrong_password(self, scene: Scene) -> tuple[RemoteStorage, str]:
        """The account's name, and another password."""
        secret = "not-that-one"
        params = {**scene.options(scene.server.port)["params"], "password": secret}
        del params["key_filename"]
        return scene.storage(direct=True, params=params), secret


del CutFaults, RequestFaults, ServerFaults  # not to be collected themselves
