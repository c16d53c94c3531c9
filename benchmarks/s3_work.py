"""What benchmarks/s3.py measures, and the process that measures it.

Run by that program, as ``s3_work.py SUBJECT ROW SETUP``: it knows no other module of this
repository, because one of its subjects is a package of the same name.
"""

from __future__ import annotations

import io
import json
import os
import resource
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

MIB = 1024 * 1024
SMALL = b"x" * 1024
FEW = 10
WARM_UP = 8 * MIB

# Each work is a function of (storage or boto3 client, bucket, size in bytes): it prepares, and
# returns what is to be timed. A child runs it; "ours" and "peer" are given a storage, "boto3" a
# client.

Work = Callable[[Any, str, int], Callable[[], Any]]


def must(met: bool, what: str) -> None:
    """Fail when the work did not give what it should."""
    if not met:
        raise RuntimeError(f"The work did not give {what}.")


def fresh(prefix: str) -> Iterator[str]:
    """Names that nobody has used."""
    number = 0
    while True:
        number += 1
        yield f"{prefix}/{os.getpid()}-{time.monotonic_ns()}-{number}.bin"


def filled(client: Any, bucket: str, key: str, size: int) -> str:
    """Make an object of that size, unless it is there."""
    try:
        client.head_object(Bucket=bucket, Key=key)
    except client.exceptions.ClientError:
        client.upload_fileobj(upload(size) if size >= MIB else io.BytesIO(SMALL), bucket, key)
    return key


def raw_client(storage: Any) -> Any:
    """The boto3 client of either storage."""
    return storage.connection.meta.client


def drained(file: Any) -> int:
    """Read all of a Django file in its own chunks."""
    return sum(len(chunk) for chunk in file.chunks())


def content(data: bytes) -> Any:
    """What a view hands to ``save()``."""
    from django.core.files.base import ContentFile

    return ContentFile(data)


def upload(size: int) -> Any:
    """A file on disk, as an upload of that size is, positioned at its start."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    block = os.urandom(MIB)
    for _ in range(size // MIB):
        file.write(block)
    file.seek(0)
    return file


def storage_save(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Save ``size`` bytes under a free name."""
    names = fresh(bucket)
    if size < MIB:
        return lambda: storage.save(next(names), content(b"x" * size))
    from django.core.files.base import File

    file = File(upload(size))
    return lambda: storage.save(next(names), file)


def boto3_save(client: Any, bucket: str, size: int) -> Callable[[], Any]:
    """put_object for small, upload_fileobj for large content."""
    names = fresh(bucket)
    if size < MIB:
        return lambda: client.put_object(Bucket=bucket, Key=next(names), Body=b"x" * size)
    file = upload(size)
    unclosed = type("Unclosed", (), {"read": file.read, "seek": file.seek, "tell": file.tell})

    def save() -> None:
        file.seek(0)
        client.upload_fileobj(unclosed, bucket, next(names))

    return save


def storage_taken(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Save under a name that is taken."""
    del bucket
    storage.save("taken.bin", content(SMALL))
    return lambda: storage.save("taken.bin", content(b"x" * size))


def storage_read(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Open and read all."""
    key = filled(raw_client(storage), bucket, f"read-{size}", size)

    def read() -> None:
        with storage.open(key) as file:
            must(drained(file) == size, "all of the file")

    return read


def boto3_read(client: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Stream get_object."""
    key = filled(client, bucket, f"read-{size}", size)

    def read() -> None:
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        for _ in body.iter_chunks(64 * 1024):
            pass

    return read


def boto3_download(client: Any, bucket: str, size: int) -> Callable[[], Any]:
    """download_fileobj, which uses threads."""
    key = filled(client, bucket, f"read-{size}", size)
    return lambda: client.download_fileobj(bucket, key, io.BytesIO())


def storage_begin(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Read the first ten bytes of a large file."""
    key = filled(raw_client(storage), bucket, f"read-{size}", size)

    def read() -> None:
        with storage.open(key) as file:
            must(len(file.read(FEW)) == FEW, "ten bytes")

    return read


def boto3_begin(client: Any, bucket: str, size: int) -> Callable[[], Any]:
    """The same by a ranged GET."""
    key = filled(client, bucket, f"read-{size}", size)
    wanted = {"Bucket": bucket, "Key": key, "Range": f"bytes=0-{FEW - 1}"}
    return lambda: must(len(client.get_object(**wanted)["Body"].read()) == FEW, "ten bytes")


def storage_missing(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Open what does not exist."""
    del bucket, size

    def read() -> None:
        try:
            with storage.open("missing.bin") as file:
                file.read()
        except FileNotFoundError:
            return
        must(met=False, what="FileNotFoundError")

    return read


def storage_facts(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Ask exists, size and modified time."""
    key = filled(raw_client(storage), bucket, "fact", size)
    return lambda: (storage.exists(key), storage.size(key), storage.get_modified_time(key))


def storage_write(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Write through ``open("wb")``."""
    names = fresh(bucket)

    def write() -> None:
        with storage.open(next(names), "wb") as file:
            file.write(b"x" * size)

    return write


def storage_list(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """List a directory of ``size`` names."""
    client = raw_client(storage)
    if client.list_objects_v2(Bucket=bucket, Prefix="many/", MaxKeys=1)["KeyCount"] == 0:
        for number in range(size):
            client.put_object(Bucket=bucket, Key=f"many/{number}", Body=b"")

    def listing() -> None:
        must(len(storage.listdir("many")[1]) == size, "every name")

    return listing


def storage_delete(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Delete ``size`` names."""
    del bucket
    names = [f"gone/{number}" for number in range(size)]
    if hasattr(storage, "delete_many"):
        return lambda: storage.delete_many(names)
    return lambda: [storage.delete(name) for name in names]


def storage_url(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Make ``size`` URLs of different names."""
    del bucket
    names = [f"photos/2026/picture-{number}.jpg" for number in range(size)]
    return lambda: [storage.url(name) for name in names]


def storage_threads(storage: Any, bucket: str, size: int) -> Callable[[], Any]:
    """Use the storage in ``size`` new threads at once."""
    key = filled(raw_client(storage), bucket, "fact", len(SMALL))
    storage.exists(key)

    def use() -> None:
        storage.exists(key)
        barrier.wait()

    barrier = threading.Barrier(size)

    def all_of_them() -> None:
        threads = [threading.Thread(target=use) for _ in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return all_of_them


@dataclass(frozen=True)
class Row:
    """One line of the table: what, how large, how often, with which options, and the goals.

    A goal is "peer 1.5" or "boto3 0.95" (so many times as fast as that), "unsigned 50" (as the
    peer's unsigned URLs), "requests 1", "growth 8" or "received 2" (at most, in MiB).
    """

    title: str
    storage: Work
    boto3: Work | None = None
    size: int = len(SMALL)
    times: int = 60
    per: int = 1
    goal: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def work(self, subject: str) -> Work | None:
        """What ``subject`` (ours, peer, boto3) has to do."""
        return self.boto3 if subject == "boto3" else self.storage


def rows(size: int) -> dict[str, Row]:
    """Every row, by a short name; ``size`` is that of the large file in bytes."""
    large = f"{size // MIB} MB"
    big = partial(Row, size=size, times=7)
    whole = "boto3 0.95, growth 64"
    begin = "requests 2, received 2"
    url = partial(Row, storage=storage_url, size=300, times=10, per=300)
    unsigned = {"querystring_auth": False}
    domain = {"custom_domain": "cdn.example", **unsigned}
    return {
        "save": Row(
            "save 1 kB, replacing",
            storage_save,
            boto3_save,
            goal="peer 1.5, requests 1",
            options={"file_overwrite": True},
        ),
        "save-free": Row(
            "save 1 kB, name free", storage_save, boto3_save, goal="peer 1.5, requests 1"
        ),
        "save-taken": Row("save 1 kB, name taken", storage_taken),
        "write": Row('``open("wb")``, 1 kB', storage_write, boto3_save, goal="requests 1"),
        "read": Row("open and read 1 kB", storage_read, boto3_read, goal="peer 1.5, requests 1"),
        "read-1": Row("open and read 1 MB", storage_read, boto3_read, size=MIB, times=20),
        "missing": Row("open a missing name", storage_missing, goal="requests 1"),
        "facts": Row("exists, size and time", storage_facts, goal="requests 3"),
        "begin": big(f"first 10 bytes of {large}", storage_begin, boto3_begin, goal=begin),
        "save-large": big(f"save {large}", storage_save, boto3_save, goal=whole),
        "read-large": big(f"open and read {large}", storage_read, boto3_read, goal=whole),
        "list": Row("list 2,500 names", storage_list, size=2500, times=3, goal="requests 3"),
        "delete": Row("delete 1,000 names", storage_delete, size=1000, times=2, goal="requests 1"),
        "url": url("url(), signed"),
        "url-plain": url("url(), unsigned", goal="unsigned 50", options=unsigned),
        "url-domain": url("url(), custom domain", goal="unsigned 50", options=domain),
        "threads": Row(
            "32 new threads, one HEAD each", storage_threads, size=32, times=3, goal="growth 8"
        ),
    }


# ------------------------------------------------------------------- the child


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


class Received:
    """How much this process receives, as the system counts it: also what nobody reads."""

    def __init__(self) -> None:
        from urllib3.connection import HTTPConnection

        self._closed = 0
        self._open: set[socket.socket] = set()
        made: Any = HTTPConnection._new_conn  # noqa: SLF001 - there is no other way in
        closed: Any = socket.socket._real_close  # type: ignore[attr-defined]  # noqa: SLF001

        def making(connection: Any) -> Any:
            sock = made(connection)
            self._open.add(sock)
            return sock

        def closing(sock: Any, *args: Any) -> None:
            if sock in self._open:
                self._open.remove(sock)
                self._closed += of_socket(sock)
            closed(sock, *args)

        HTTPConnection._new_conn = making  # type: ignore[assignment,method-assign]  # noqa: SLF001
        socket.socket._real_close = closing  # type: ignore[attr-defined]  # noqa: SLF001

    @property
    def bytes(self) -> int:
        """All that came so far."""
        return self._closed + sum(map(of_socket, self._open))


def of_socket(sock: socket.socket) -> int:
    """tcpi_bytes_received of Linux's struct tcp_info (linux/tcp.h); 0 elsewhere."""
    if sys.platform != "linux" or sock.fileno() < 0:
        return 0
    information = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    count: int = struct.unpack_from("=Q", information, 128)[0]
    return count


def child(subject: str, name: str, setup: dict[str, Any]) -> None:
    """Do one row's work in this process; print what it took as JSON."""
    import django
    from django.conf import settings

    settings.configure(USE_TZ=True)
    django.setup()
    import botocore.httpsession

    received = Received()
    sent: Counter[str] = Counter()
    original = botocore.httpsession.URLLib3Session.send

    def send(self: Any, request: Any) -> Any:
        sent[request.method] += 1
        return original(self, request)

    botocore.httpsession.URLLib3Session.send = send
    row = rows(setup["size"])[name]
    bucket, options = setup["bucket"], setup["options"]
    work = row.work(subject)
    if work is None:
        raise ValueError(f"{subject} has no work in {name}")
    if subject == "boto3":
        import boto3

        subject_is: Any = boto3.client(
            "s3",
            endpoint_url=options["endpoint_url"],
            region_name=options["region_name"],
            aws_access_key_id=options["access_key"],
            aws_secret_access_key=options["secret_key"],
        )
    else:
        from storages.backends.s3 import S3Storage

        given = {"file_overwrite": False, "signature_version": "s3v4", **options, **row.options}
        subject_is = S3Storage(bucket_name=bucket, **given)
    # A smaller file first: everything is imported and connected, and every buffer was used once.
    work(subject_is, bucket, min(row.size, WARM_UP))()
    timed = work(subject_is, bucket, row.size)
    before, came = peak(), received.bytes
    took = []
    for _ in range(row.times):
        sent.clear()  # a first time may try out what the server can
        started = time.perf_counter()
        timed()
        took.append(time.perf_counter() - started)
    growth = peak() - before
    seconds = statistics.median(took) / row.per
    figures = {
        "seconds": seconds,
        "requests": dict(sent),
        "growth": growth,
        "received": (received.bytes - came) / row.times,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
