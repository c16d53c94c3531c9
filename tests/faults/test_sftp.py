"""SFTP: a full disk, a wrong password, silence. What else goes wrong is in test_matrix_sftp.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import paramiko
import pytest

from storages.errors import StorageFull, Timeout
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


def test_a_server_that_never_begins_sftp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timeout, in time: paramiko waits without limit for the answer to this one request."""

    def unanswered(channel: Any, _: str) -> None:
        channel._event_pending()
        channel._wait_for_event()

    monkeypatch.setattr(paramiko.Channel, "invoke_subsystem", unanswered)
    with SftpScene() as scene:
        scene.experiment = "stall"
        started = time.monotonic()
        with scene.storage(retry=Retry(attempts=1)) as storage, pytest.raises(Timeout):
            storage.exists("x")
        assert time.monotonic() - started < 3 * scene.timeout
