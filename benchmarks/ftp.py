"""The FTP storage beside ``curl``, raw ftplib and today's django-storages, on vsftpd.

``make bench-ftp``, or ``.venv/bin/python benchmarks/ftp.py --check --docs``; see beside.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.beside import Benchmark, Place
from tests.faults.ftpproxy import FTPProxy
from tests.servers.ftp import Vsftpd
from tests.servers.process import HOST

GOALS = {
    "begin": "moved 1024",
    "save-connect": "command 0.9",
    "read-connect": "command 0.9",
}


class Server(Vsftpd):
    """With a password that needs no quoting: django-storages 1.14.6 does not undo it."""

    password = "benchmark"  # noqa: S105 - of a server that lives as long as this program


@contextmanager
def place() -> Iterator[Place]:
    """vsftpd, its port behind proxies too: one that counts, one that is 20 ms away."""
    with (
        Server() as server,
        FTPProxy(server.port) as watched,
        FTPProxy(server.port, delay=0.01) as slow,
    ):
        root = server.new_place()
        setup = {
            "protocol": "ftp",
            "ports": {"direct": server.port, "watched": watched.port, "slow": slow.port},
            "host": HOST,
            "root": root,
            "user": server.username,
            "password": server.password,
            "url": server.location(root).replace(f":{server.port}/", ":{port}/") + "/",
        }
        yield Place(setup, server.file(root), watched)


def main() -> None:
    """Measure."""
    Benchmark("ftp", place, "curl", "ftplib", "", GOALS).main()


if __name__ == "__main__":
    main()
