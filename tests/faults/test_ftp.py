"""FTP storages behind a proxy that lets things go wrong; see transfers.py."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage
from storages.base import RemoteStorage
from storages.errors import StorageError, StorageFull, Unavailable
from tests.faults import transfers
from tests.faults.ftpproxy import FTPProxy
from tests.faults.proxy import DOWN, UP, Fault
from tests.faults.transfers import (
    CONTENT,
    TIMEOUT,
    CutFaults,
    RequestFaults,
    Scene,
    ServerFaults,
    attempt,
)
from tests.servers import shared
from tests.servers.ftp import PureFtpd, Vsftpd, VsftpdTLS
from tests.servers.ftp_base import FTPServer
from tests.servers.process import HOST

ROOM = 2 * 1024 * 1024
PORTS = 10


class SmallVsftpd(Vsftpd):
    """With a disk that is soon full."""

    room = ROOM


class RangedVsftpd(VsftpdTLS):
    """Over TLS, with passive ports that are known."""

    def __init__(self) -> None:
        super().__init__()
        self.passive = free_range()
        first, last = self.passive[0], self.passive[-1]
        self.ranged = f"pasv_min_port={first}\npasv_max_port={last}"

    @property
    def settings_more(self) -> str:  # type: ignore[override] # of the object, not of the class
        """The range."""
        return self.ranged


def free_range() -> range:
    """Ports in a row that nothing listens on."""
    while True:
        first = random.randrange(20_000, 30_000)  # below those that the system gives away
        found = range(first, first + PORTS)
        try:
            for port in found:
                socket.create_server((HOST, port)).close()
        except OSError:
            continue
        return found


class Faults(transfers.Faults):
    """A place on a server; in the clear everything passes that TCP passes, flipped bits too."""

    kind: ClassVar[type[FTPServer]]
    protected: ClassVar[bool] = False

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        """A place on the server, whose data connections the proxy follows."""
        server = shared(self.kind)
        place = server.new_place()

        def options(port: int) -> dict[str, Any]:
            return {"location": server.location(place, port=port), "base_url": None}

        with FTPProxy(server.port) as proxy:
            scene = Scene(FTPStorage, options, server, proxy, server.file(place), data=True)
            yield scene
            scene.close()

    def tolerates(self, error: StorageError) -> bool:
        """A lock whose making was not confirmed stays, because it may be another client's."""
        return isinstance(error, Unavailable) and "remove the directory" in error.hint


class TestVsftpd(Faults, CutFaults, RequestFaults, ServerFaults):
    """vsftpd, which has no MLSD."""

    kind = Vsftpd
    sizes: ClassVar[dict[str, int]] = {}
    full = (StorageFull, Unavailable)  # "Failure writing to local file", it says, and not why

    def small(self, scene: Scene) -> tuple[Path, RemoteStorage, int]:
        """Another server."""
        server = shared(SmallVsftpd)
        place = server.new_place()
        storage = FTPStorage(server.location(place), timeout=30.0)
        scene.made.append(storage)
        return server.file(place), storage, ROOM

    def with_wrong_password(self, scene: Scene) -> tuple[RemoteStorage, str]:
        """The location as it is, and another password."""
        location = f"ftp://{self.kind.username}:not-%2Fthis@{HOST}:{scene.server.port}/"
        scene.made.append(storage := FTPStorage(location, timeout=30.0))
        return storage, "not-/this"

    @pytest.mark.parametrize("replacing", [False, True])
    @pytest.mark.parametrize("kind", ["rst", "fin", "stall"])
    @pytest.mark.parametrize("way", [UP, DOWN])
    def test_the_answer_to_publishing_is_lost(
        self, scene: Scene, old: dict[str, bytes], kind: Any, way: Any, replacing: bool
    ) -> None:
        """Or the command itself: no twin, and no error where the file is there."""
        scene.proxy.arm(fault := Fault(kind, way, command="RNTO"))
        storage = scene.storage(allow_overwrite=replacing)
        name = "replaced.bin" if replacing else "new.bin"
        outcome = attempt(lambda: storage.save(name, ContentFile(CONTENT)))
        assert scene.proxy.fired == [fault]
        assert outcome.value == name
        assert scene.files() == {**old, name: CONTENT}

    @pytest.mark.parametrize("command", ["STOR", "RETR"])
    def test_the_last_answer_to_a_transfer_is_lost(
        self, scene: Scene, old: dict[str, bytes], command: str
    ) -> None:
        """All bytes have passed, and the server does not say so in time."""
        scene.proxy.arm(fault := Fault("stall", DOWN, command=command, line="226"))
        storage = scene.storage()
        if command == "STOR":
            assert attempt(lambda: storage.save("new.bin", ContentFile(CONTENT))).value == "new.bin"
            assert scene.files() == {**old, "new.bin": CONTENT}
        else:
            (scene.directory / "a.bin").write_bytes(CONTENT)
            with storage.open("a.bin") as file:
                assert attempt(file.read, TIMEOUT).value == CONTENT
        assert scene.proxy.fired == [fault]


class TestPureFtpd(Faults, RequestFaults):
    """pure-ftpd, which has MLSD."""

    kind = PureFtpd
    sizes: ClassVar[dict[str, int]] = {}


class TestTLS(Faults, CutFaults):
    """vsftpd over TLS: nobody on the way can end a transfer early or change a bit unnoticed."""

    kind = RangedVsftpd
    sizes: ClassVar[dict[str, int]] = {}
    protected: ClassVar[bool] = True

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        """The proxy cannot read what the server tells; it is on the same ports elsewhere."""
        server = shared(RangedVsftpd)
        place = server.new_place()

        def options(port: int) -> dict[str, Any]:
            # Both have the same port; the certificate is for the server's address.
            location = server.location(place).replace(f"@{HOST}:", f"@{proxy.host}:")
            return {"location": location, "base_url": None, "tls_verify": False}

        with FTPProxy(server.port, ports=server.passive) as proxy:
            scene = Scene(FTPStorage, options, server, proxy, server.file(place), data=True)
            yield scene
            scene.close()


del CutFaults, RequestFaults, ServerFaults, Faults  # not to be collected themselves
