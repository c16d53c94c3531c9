"""The storage nodes, as the tracker uses them: over HTTP, with short timeouts."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import random
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO
from urllib.parse import urlsplit

from tests.servers.mogile_tracker.store import Store

BLOCK = 256 * 1024
WITHIN = 2.0  # seconds for a question
WATCH_WITHIN = 1.0  # seconds for each of a round's requests
COPY_WITHIN = 60.0
READABLE = {"alive", "readonly", "drain"}
HASHES = {"MD5": "md5", "SHA-1": "sha1"}


class MissingError(Exception):
    """The node answers that it has no such file."""


class Nodes:
    """Devices on hosts.

    ``direct`` leads to the node itself; ``shown`` is what clients are told, which may be a proxy
    that a test has put before the node.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.observed: dict[int, str] = {}  # device -> writeable, readable, unreachable
        self._watching = threading.Lock()

    def device(self, devid: int) -> sqlite3.Row | None:
        """A device with its host."""
        return self.store.row(
            "select device.*, hostname, hostip, http_port, http_get_port, shown_port,"
            " host.status as host_status from device join host using (hostid) where devid = ?",
            devid,
        )

    def shown(self, devid: int, fid: int, *, get: bool = False) -> str:
        """The URL of a file for clients; empty when there is no such device."""
        if (found := self.device(devid)) is None:
            return ""
        port = found["shown_port"] or (get and found["http_get_port"]) or found["http_port"]
        return f"http://{found['hostip']}:{port}{_path(devid, fid)}"

    def direct(self, devid: int, fid: int) -> str:
        """The URL of a file for ourselves."""
        found = self.device(devid)
        assert found is not None
        return f"http://{found['hostip']}:{found['http_port']}{_path(devid, fid)}"

    def can_be_read(self, devid: int) -> bool:
        """Whether the administrator says that its files are there."""
        found = self.device(devid)
        return (
            found is not None
            and found["status"] in READABLE
            and found["host_status"] in {"alive", "readonly"}
        )

    def is_down(self, devid: int) -> bool:
        """Whether the last round found that it does not answer."""
        return self.observed.get(devid) == "unreachable"

    def writable(self) -> list[sqlite3.Row]:
        """Devices that take new files, in no order."""
        found = self.store.rows(
            "select devid, hostid from device join host using (hostid)"
            " where device.status = 'alive' and host.status = 'alive' and weight > 0"
        )
        random.shuffle(found)
        return [each for each in found if self.observed.get(each["devid"]) == "writeable"]

    def watch(self) -> None:
        """One round of the monitor: write a little file on every device, and read it."""
        with self._watching:
            observed: dict[int, str] = {}
            devices = self.store.rows(
                "select devid, hostip, http_port, host.status as host_status, device.status"
                " from device join host using (hostid)"
            )
            for device in devices:
                if device["host_status"] == "down" or device["status"] in {"down", "dead"}:
                    continue
                observed[device["devid"]] = self._watch(device)
            self.observed = observed

    def _watch(self, device: sqlite3.Row) -> str:
        name = f"test-write/test-write-{random.randrange(100)}"
        url = f"http://{device['hostip']}:{device['http_port']}/dev{device['devid']}/{name}"
        token = f"time={time.time()}\n".encode()
        try:
            with _request("PUT", url, token, within=WATCH_WITHIN) as answer:
                written = answer.status < 300
            with _request("GET", url, within=WATCH_WITHIN) as answer:
                return "writeable" if written and answer.read() == token else "readable"
        except (OSError, http.client.HTTPException):
            return "unreachable"

    def size(self, devid: int, fid: int) -> int:
        """How long the file is; MissingError, OSError."""
        with _request("HEAD", self.direct(devid, fid)) as answer:
            if answer.status != 200:
                raise MissingError
            return int(answer.headers["Content-Length"])

    def digest(self, devid: int, fid: int, kind: str) -> str:
        """The hash of the file, in hexadecimal digits."""
        found = hashlib.new(HASHES[kind])
        self._read(devid, fid, found.update)
        return found.hexdigest()

    def copy(self, source: int, target: int, fid: int, length: int) -> bool:
        """Copy a file to another device; whether that was done."""
        with tempfile.TemporaryFile() as file:
            self._read(source, fid, file.write)
            if file.tell() != length:
                return False
            file.seek(0)
            url = self.direct(target, fid)
            with _request("PUT", url, file, length=length, within=COPY_WITHIN) as answer:
                return answer.status < 300

    def remove(self, devid: int, fid: int) -> bool:
        """Remove a file; whether it is gone."""
        with _request("DELETE", self.direct(devid, fid)) as answer:
            return answer.status in {200, 204, 404}

    def _read(self, devid: int, fid: int, take: Callable[[bytes], object]) -> None:
        with _request("GET", self.direct(devid, fid), within=COPY_WITHIN) as answer:
            if answer.status != 200:
                raise MissingError
            while block := answer.read(BLOCK):
                take(block)


def _path(devid: int, fid: int) -> str:
    digits = f"{fid:010}"
    return f"/dev{devid}/{digits[0]}/{digits[1:4]}/{digits[4:7]}/{digits}.fid"


@contextlib.contextmanager
def _request(
    method: str,
    url: str,
    body: bytes | IO[bytes] | None = None,
    *,
    length: int | None = None,
    within: float = WITHIN,
) -> Iterator[http.client.HTTPResponse]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=within)
    headers = {} if length is None else {"Content-Length": str(length)}
    try:
        connection.request(method, parts.path, body, headers)
        answer = connection.getresponse()
        yield answer
        answer.close()
    finally:
        connection.close()
