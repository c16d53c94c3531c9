"""FTP: commands by their names, a full disk, a wrong password. See also test_matrix_ftp.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage
from storages.errors import StorageFull, Unavailable
from storages.retry import Retry
from tests.faults.matrix.checking import check_stored
from tests.faults.matrix.operations import READ, SAVE
from tests.faults.proxy import DOWN, UP, Fault
from tests.faults.scenes.ftp import VsftpdScene
from tests.faults.transfers import CONTENT, TIMEOUT, attempt, check_full_disk, check_wrong_password
from tests.servers import shared
from tests.servers.ftp import Vsftpd
from tests.servers.process import HOST

ROOM = 2 * 1024 * 1024


class SmallVsftpd(Vsftpd):
    """With a disk that is soon full."""

    room = ROOM


@pytest.fixture
def scene() -> Iterator[VsftpdScene]:
    """A place on vsftpd, with two files."""
    with VsftpdScene() as scene:
        scene.experiment = "stall"  # its timeout is short
        scene.put(SAVE.before(scene))
        yield scene


@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize("kind", ["rst", "fin", "stall"])
@pytest.mark.parametrize("way", [UP, DOWN])
def test_the_answer_to_publishing_is_lost(
    scene: VsftpdScene, kind: Any, way: Any, replacing: bool
) -> None:
    """Or the command itself: no twin, and no error where the file is there."""
    scene.arm(fault := Fault(kind, way, command="RNTO"))
    storage = scene.storage(allow_overwrite=replacing)
    name = "replaced.bin" if replacing else "new.bin"
    outcome = attempt(lambda: storage.save(name, ContentFile(CONTENT)))
    assert scene.ftp.fired == [fault]
    assert outcome.value == name
    check_stored(scene, {**SAVE.before(scene), name: CONTENT})


@pytest.mark.parametrize("command", ["STOR", "RETR"])
def test_the_last_answer_to_a_transfer_is_lost(scene: VsftpdScene, command: str) -> None:
    """All bytes have passed, and the server does not say so in time."""
    scene.arm(fault := Fault("stall", DOWN, command=command, line="226"))
    storage = scene.storage()
    if command == "STOR":
        assert attempt(lambda: SAVE.call(scene, storage)).value == SAVE.result(scene)
        check_stored(scene, SAVE.after(scene))
    else:
        with storage.open("other.bin") as file:
            assert attempt(file.read, TIMEOUT).value == READ.result(scene)
    assert scene.ftp.fired == [fault]


def test_a_full_disk() -> None:
    """An error, nothing left of it, and room again for what fits."""
    server = shared(SmallVsftpd)
    place = server.new_place()
    with FTPStorage(server.location(place), timeout=30.0) as storage:
        # "Failure writing to local file", it says, and not why.
        check_full_disk(server.file(place), storage, ROOM, StorageFull, Unavailable)


def test_a_wrong_password(scene: VsftpdScene) -> None:
    """PermissionDenied, at once, without the password; nothing changes."""
    user = scene.server.username
    location = f"ftp://{user}:not-%2Fthis@{HOST}:{scene.server.port}/"
    with scene.make(Retry(), direct=True, location=location) as storage:
        check_wrong_password(storage, "not-/this")
    check_stored(scene, SAVE.before(scene))
