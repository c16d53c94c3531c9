"""Clients that go away, stores that break off, and files larger than memory should be."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.faults.proxy import DOWN, Fault
from tests.servers.process import HOST
from tests.servers.s3 import Rclone
from tests.servers.web import WebServer
from tests.serving.asking import ask
from tests.serving.project import KINDS, PROJECT, Site
from tests.serving.test_curl import curl

MIB = 1024 * 1024
ALIASES = ("public", "database", "s3")
SIZE = 24 * MIB
CONTENT = random.Random(5).randbytes(SIZE)
BREAKS_AT = 3 * MIB
BIG = 512 * MIB
# What the server may grow by while BIG flows: blocks, not the file.
MOST_GROWTH = 32 * MIB
# More than a server can send to a client that takes nothing, with what it holds itself.
MOST_AHEAD = 16 * MIB
WITHIN = 30.0


@pytest.fixture(scope="module", params=ALIASES)
def path(request: pytest.FixtureRequest, site: Site) -> str:
    """Where a file of each storage is: one that fits into no socket's buffer."""
    return site.put(request.param, "breaking.bin", CONTENT)


@pytest.fixture(scope="module")
def in_s3(site: Site) -> str:
    """Where a file of radosgw is, which is behind a proxy that lets things go wrong."""
    return site.put("s3", "faulty.bin", CONTENT)


@contextmanager
def begun(server: WebServer, path: str, wanted: int) -> Iterator[socket.socket]:
    """A download of which so many bytes were taken."""
    with socket.create_connection((HOST, server.port), timeout=WITHIN) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        taken = 0
        while taken < wanted:
            block = client.recv(64 * 1024)
            assert block
            taken += len(block)
        yield client


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true."""
    deadline = time.monotonic() + WITHIN
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def under_way(port: int) -> int:
    """How many bytes wait in the system's buffers of all connections to a port here.

    ``tx_queue:rx_queue`` of both ends, see proc_pid_net(5): not sent, or sent and not read.
    """
    waiting = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if port in {int(address.partition(":")[2], 16) for address in (local, remote)}:
            waiting += sum(int(each, 16) for each in queues.split(":"))
    return waiting


@pytest.mark.parametrize("abruptly", [False, True])
def test_nothing_is_kept_for_a_client_that_went_away(
    site: Site, server: WebServer, path: str, abruptly: bool
) -> None:
    """Its file, its rows, its connection to the store are given back."""
    taken = (1, 100_000, 5 * MIB, 100_000, 1, 5 * MIB, 1, 100_000)
    with ThreadPoolExecutor(len(taken)) as pool:  # so that what is kept for reuse is there
        assert {status for status, *_ in pool.map(lambda _: ask(server, path), taken)} == {200}
    before = server.descriptors()
    for wanted in taken:
        with begun(server, path, wanted) as client:
            if abruptly:  # a reset, not an orderly end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert eventually(lambda: server.descriptors() <= before), server.descriptors() - before
    assert ask(server, path)[2] == CONTENT


def test_a_client_that_takes_nothing_gets_nothing_more(
    site: Site, server: WebServer, in_s3: str
) -> None:
    """The store is read as fast as the client reads, so that no server's memory fills up."""
    site.s3.reset()  # what is counted begins with a new connection
    with begun(server, in_s3, 1) as client:
        read = [-1, site.s3.down]
        while read[-1] != read[-2]:
            time.sleep(0.3)
            read.append(site.s3.down)
        # Receiving, the system may let a buffer grow beyond the whole file: that is not the server.
        assert 0 < read[-1] - under_way(site.s3.port) < MOST_AHEAD
        rest = 0
        while rest < SIZE - MIB:
            rest += len(client.recv(MIB))
    assert site.s3.down > SIZE - MIB


def test_a_store_that_breaks_off_is_asked_for_the_rest(
    site: Site, server: WebServer, in_s3: str
) -> None:
    """Every connection to it breaks after three megabytes; the client notices nothing."""
    site.s3.reset()
    site.s3.arm(Fault("rst", DOWN, at=BREAKS_AT, times=None))
    status, told, body = ask(server, in_s3)
    assert len(site.s3.fired) >= SIZE // BREAKS_AT - 1
    assert status == 200
    assert told["Content-Length"] == str(SIZE)
    assert hashlib.sha256(body).digest() == hashlib.sha256(CONTENT).digest()


def test_a_store_that_is_gone_breaks_the_download_off(
    site: Site, server: WebServer, in_s3: str, tmp_path: Path
) -> None:
    """Half a file never looks like a whole one; when the store is back, the rest can be had."""
    site.s3.reset()
    gone = Fault("call", DOWN, at=BREAKS_AT, action=lambda: site.s3._refuse(math.inf))
    site.s3.arm(gone, Fault("rst", DOWN, at=BREAKS_AT))
    file = tmp_path / "file"
    try:
        done = curl("--output", file, server.url + in_s3)
        assert len(site.s3.fired) == 2
    finally:
        site.s3.accept()
    assert done.returncode in {18, 56}, done.stderr  # CURLE_PARTIAL_FILE, CURLE_RECV_ERROR
    size = file.stat().st_size
    assert 0 < size < SIZE
    assert file.read_bytes() == CONTENT[:size]
    assert curl("--continue-at", "-", "--output", file, server.url + in_s3).returncode == 0
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [0, SIZE // 2])
def test_a_file_that_is_cut_breaks_the_download_off(
    site: Site, server: WebServer, left: int
) -> None:
    """Also one that gunicorn sends by itself: no other answer can pass for the missing bytes."""
    name = f"cut-{left}-{server.port}.bin"
    path = site.put("public", name, CONTENT)
    with begun(server, path, 1) as client:
        os.truncate(site.root / "media" / name, left)
        client.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        rest = b""
        with suppress(ConnectionResetError):
            while block := client.recv(MIB):  # until the server closes the connection
                rest += block
    assert len(rest) < SIZE
    assert b"HTTP/1.1" not in rest
    assert ask(server, path)[::2] == (200, CONTENT[:left])


def test_a_library_sees_it_too(site: Site, server: WebServer, in_s3: str) -> None:
    """Requests raises in the middle of the body."""
    site.s3.reset()
    gone = Fault("call", DOWN, at=BREAKS_AT, action=lambda: site.s3._refuse(math.inf))
    site.s3.arm(gone, Fault("rst", DOWN, at=BREAKS_AT))
    try:
        with pytest.raises(requests.RequestException):
            requests.get(server.url + in_s3, timeout=WITHIN)
        assert len(site.s3.fired) == 2
    finally:
        site.s3.accept()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_store_that_cannot_be_reached_is_unavailable(
    site: Site, server: WebServer, in_s3: str, method: str
) -> None:
    """503 and when to ask again, without a word about the client library; then it works again."""
    site.s3.refuse()
    site.s3.reset()
    try:
        status, told, body = ask(server, in_s3, method)
        missing = ask(server, "/files/s3/missing.bin", method)[0]
    finally:
        site.s3.accept()
    assert (status, missing) == (503, 503)  # of a file that is not there, it cannot tell either
    assert int(told["Retry-After"]) > 0
    assert told["Cache-Control"] == "no-store"
    for word in (b"Traceback", b"boto", b"Errno", str(site.s3.port).encode()):
        assert word not in body
    assert ask(server, in_s3, method)[0] == 200


def flows(server: WebServer, path: str, size: int, **headers: str) -> int:
    """Download a file and look at none of it; return by how much the server's peak grew."""
    before = server.peak()
    with requests.get(server.url + path, headers=headers, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        taken = sum(map(len, answer.iter_content(MIB)))
    assert taken == size
    return server.peak() - before


def sparse(path: Path, size: int = BIG) -> Path:
    """Make a large file, which takes no place on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.fixture(scope="module")
def big(site: Site) -> Path:
    """Such a file, in the public storage."""
    path = site.root / "media" / "big.bin"
    path.parent.mkdir(exist_ok=True)
    return sparse(path)


def test_memory_does_not_grow_with_a_file_on_the_disk(
    site: Site, server: WebServer, big: Path
) -> None:
    """Whole, which gunicorn sends by itself, and as a range, which it does not."""
    flows(server, site.put_once("public", "small.bin", CONTENT), SIZE, Range="bytes=0-")
    assert flows(server, "/files/public/big.bin", BIG) < MOST_GROWTH
    assert flows(server, "/files/public/big.bin", BIG - 1, Range="bytes=1-") < MOST_GROWTH


def test_memory_does_not_grow_with_a_file_in_the_database(
    site: Site, server: WebServer, tmp_path: Path
) -> None:
    """Its chunks come one by one."""
    small = site.put_once("database", "small.bin", CONTENT)
    path = site.put_once("database", "big.bin", sparse(tmp_path / "half", BIG // 2))
    flows(server, small, SIZE)
    assert flows(server, path, BIG // 2) < MOST_GROWTH


@pytest.mark.parametrize("kind", KINDS)
def test_memory_does_not_grow_with_a_file_in_s3(kind: str, tmp_path: Path) -> None:
    """What the store sends is passed on."""
    with Rclone() as store:
        bucket = store.directory / "data" / store.new_bucket()
        (bucket / "small.bin").write_bytes(CONTENT)
        sparse(bucket / "big.bin")
        options = json.dumps(store.options(bucket_name=bucket.name))
        with KINDS[kind](PROJECT, SERVING_ROOT=str(tmp_path), SERVING_S3=options) as server:
            flows(server, "/files/s3/small.bin", SIZE)
            assert flows(server, "/files/s3/big.bin", BIG) < MOST_GROWTH
