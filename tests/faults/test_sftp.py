"""SFTP: a full disk, a wrong password. What else goes wrong is in test_matrix_sftp.py."""

from __future__ import annotations

from pathlib import Path

from storages.errors import StorageFull
from storages.retry import Retry
from tests.faults.scenes.sftp import SftpScene
from tests.faults.transfers import check_full_disk, check_wrong_password
from tests.servers.sshd import SMALL


def test_a_full_disk() -> None:
    """StorageFull, nothing left of it, and room again for what fits."""
    with SftpScene() as scene:
        server = scene.server
        assert server.process is not None
        small = f"{server.home}/small"  # as the server's processes see it
        storage = scene.storage(direct=True, root_path=small)
        check_full_disk(
            Path(f"/proc/{server.process.pid}/root{small}"), storage, SMALL, StorageFull
        )


def test_a_wrong_password() -> None:
    """PermissionDenied, at once, without the password; nothing is stored."""
    with SftpScene() as scene:
        secret = "not-that-one"
        given = scene.storage(direct=True).given["params"]
        params = {name: value for name, value in given.items() if name != "key_filename"}
        storage = scene.make(Retry(), direct=True, params={**params, "password": secret})
        with storage:
            check_wrong_password(storage, secret)
        assert scene.stored() == {}
