"""What the tests of S3 storages behind a proxy share, beside the fixtures in conftest.py."""

from __future__ import annotations

import os
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
