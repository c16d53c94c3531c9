"""What the tests of S3 storages behind a proxy share, beside the fixtures in conftest.py."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from storages.backends.s3 import S3Storage
from tests.servers.s3proxy import Fault, S3Proxy, error_body

MiB = 1024 * 1024
SMALL = os.urandom(300_000)
LARGE = os.urandom(12 * MiB)  # three parts of 5 MiB
PARTS = 3
Make: TypeAlias = Callable[..., S3Storage]

CUT = Fault(refuse=True)
LOST = Fault(lose=True)
BUSY = Fault(status=503, body=error_body("SlowDown"))


def refusal(status: int, code: str, message: str = "", **more: str) -> Fault:
    """An answer that says no."""
    return Fault(status=status, body=error_body(code, message, **more))


def stored(raw: Any, bucket: str) -> dict[str, bytes]:
    """Every object of the bucket, read past the proxy; no upload is left unfinished."""
    assert raw.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    names = [found["Key"] for found in raw.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {name: raw.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}


def fired(proxy: S3Proxy, count: int = 1) -> None:
    """So many faults have happened: a test of what does not happen proves nothing."""
    assert len(proxy.faults) == count


def received(sock: socket.socket) -> int:
    """How many bytes the system has received on a socket, whether or not anybody read them.

    It goes on until the buffers are full; this waits until nothing has come for a while.
    """
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 0.2:
        information = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        # tcpi_bytes_received of struct tcp_info, linux/tcp.h
        (now,) = struct.unpack_from("=Q", information, 128)
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.01)
    return count
