"""Memory: large files pass through, threads share what is expensive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Rclone, S3Server

GIB = 1024  # MiB


def grown(server: S3Server, bucket: str, *works: str, size: int = 0) -> list[float]:
    """What each of ``works`` makes a fresh process grow by, in MiB."""
    options = json.dumps(server.options(bucket_name=bucket))
    script = str(Path(__file__).with_name("s3_memory.py"))
    figures = []
    for work in works:
        done = subprocess.run(
            [sys.executable, script, work, str(size), options],
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        figures.append(float(done.stdout))
    return figures


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Rclone, RadosGW])
def test_a_gigabyte_grows_a_process_by_less_than_64_mib(kind: type[S3Server]) -> None:
    """Saved, in one PUT or in parts, written through ``open("wb")``, and read: 1 GiB each."""
    server = shared(kind)
    works = ("up", "down", "written")
    figures = dict(zip(works, grown(server, server.new_bucket(), *works, size=GIB), strict=True))
    assert max(figures.values()) < 64, figures
    assert figures["down"] < 4, figures


def test_threads_share_one_client() -> None:
    """32 threads grow a process by less than 8 MiB over what one has made it."""
    server = shared(RadosGW)
    (figure,) = grown(server, server.new_bucket(), "threads")
    assert figure < 8
