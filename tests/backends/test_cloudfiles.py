"""Cloud Files: the acceptance cases, the old classes, directories, headers, digests, tokens."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.cloudfiles import (
    CloudFilesStorage,
    CloudFilesStorageFile,
    ThreadSafeCloudFilesStorage,
    cloudfiles_upload_to,
    requests,
)
from storages.errors import DirectoryNotEmpty, IsADirectory, NotFound, StorageError
from tests.backends import cloudfiles
from tests.backends.cloudfiles import Make, MiB, Wire, read
from tests.servers.http import Reply, Request, ScriptedServer
from tests.servers.swift import Swift

# Fixtures, which pytest looks for in the module of the tests that take them.
server = cloudfiles.server
container = cloudfiles.container
wire = cloudfiles.wire
make = cloudfiles.make
storage = cloudfiles.storage


# ---------------------------------------------------------- acceptance: CF-1 to 6


def test_expired_token(server: Swift, storage: CloudFilesStorage) -> None:
    """CF-1: when the token has expired, a new one is got, and nobody notices."""
    name = storage.save("a.txt", ContentFile(b"abc"))
    before = storage.connection.token
    server.forget_tokens()
    assert read(storage, name) == b"abc"
    assert storage.connection.token != before
    server.forget_tokens()
    assert storage.save("b.bin", ContentFile(b"x" * 3 * MiB)) == "b.bin"
    assert storage.size("b.bin") == 3 * MiB


def test_twenty_thousand_objects(server: Swift, make: Make, wire: Wire, container: str) -> None:
    """CF-2: 20,000 files are listed completely, 10,000 with each request."""
    server.fill(container, 20_000)
    storage = make(auth_url=wire.auth_url)
    storage.exists("")
    wire.clear()
    directories, files = storage.listdir("d")
    assert directories == []
    assert files == [f"{number:06d}.txt" for number in range(20_000)]
    # The last page was full: only an empty one tells that it was the last.
    assert wire.log == ["GET ?"] * 3
    server.fill(container, 20_001)
    wire.clear()
    assert len(storage.listdir("d")[1]) == 20_001
    assert wire.log == ["GET ?"] * 3
    entry = next(iter(storage.scandir("d")))
    assert entry.stat is not None
    assert (entry.stat.size, entry.stat.content_type) == (3, "text/plain")


def test_pages_end_anywhere(storage: CloudFilesStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and directories around the end of a page are listed once, whatever its length."""
    names = ["a", "a/x", "a/y", "a-b", "b/1/2", "b/2", "c", "d/x", "e/x", "ü/x", "ü.txt"]
    for name in names:
        storage.save(f"p/{name}", ContentFile(b"abc"))
    whole = (["a", "b", "d", "e", "ü"], ["a", "a-b", "c", "ü.txt"])
    for length in (1, 2, 3, 4, 9, 10):
        monkeypatch.setattr(requests, "PAGE", length)
        directories, files = storage.listdir("p")
        assert (sorted(directories), sorted(files)) == whole


def test_a_server_that_does_not_go_on(make: Make, container: str) -> None:
    """One that ignores the marker would be asked for ever: that is an error."""
    page = json.dumps([{"name": f"{number:05d}", "bytes": 1} for number in range(10_000)])
    page = page.replace("1}", '1, "last_modified": "2026-01-01T00:00:00"}')

    def answer(request: Request) -> Reply:
        if request.path == "/auth":
            where = {"X-Auth-Token": "t", "X-Storage-Url": f"{swift.url}/v1/a"}
            return Reply(200, headers=where)
        return Reply(200, body=page.encode())

    with ScriptedServer(handler=answer) as swift:
        storage = make(auth_url=f"{swift.url}/auth")
        with pytest.raises(StorageError, match="anew"):
            storage.listdir("")
        assert len(swift.requests) == 3


def test_nested_save(storage: CloudFilesStorage) -> None:
    """CF-3: a name with directories is saved as it is, without objects for them."""
    assert storage.save("a/b/c.txt", ContentFile(b"abc")) == "a/b/c.txt"
    assert storage.listdir("") == (["a"], [])
    assert storage.full_listdir("a/b") == ([], ["c.txt"])
    assert [each["name"] for each in storage._listing("")] == ["a/b/c.txt"]


# CF-4 to CF-6, URLs: tests/backends/test_cloudfiles_urls.py


# --------------------------------------------------------------- the old classes


def test_the_classes_of_1_1_4() -> None:
    """The old module has the same classes, and the file class reads to the end."""
    from storages.backends import mosso

    assert mosso.CloudFilesStorage is CloudFilesStorage
    assert mosso.ThreadSafeCloudFilesStorage is ThreadSafeCloudFilesStorage
    assert mosso.CloudFilesStorageFile is CloudFilesStorageFile
    assert mosso.cloudfiles_upload_to is cloudfiles_upload_to
    assert issubclass(ThreadSafeCloudFilesStorage, CloudFilesStorage)
    assert cloudfiles_upload_to(None, "a b/ü&.txt") == "a_bü.txt"


def test_migrations_import_without_requests() -> None:
    """The upload_to function, which migrations name, needs no library."""
    code = (
        "import sys; sys.modules['requests'] = None\n"
        "from storages.backends.cloudfiles import cloudfiles_upload_to, CloudFilesStorage\n"
        "print(cloudfiles_upload_to.__module__, CloudFilesStorage.__module__)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["storages.backends.cloudfiles"] * 2


def test_a_file_reads_to_its_end(storage: CloudFilesStorage) -> None:
    """``read()`` without a size gives all, then ``b""`` (1.1.4: TypeError, then None)."""
    storage.save("a.txt", ContentFile(b"abc"))
    with storage.open("a.txt") as file:
        assert isinstance(file, CloudFilesStorageFile)
        assert (file.read(), file.read()) == (b"abc", b"")


def test_a_copy_by_pickle_holds_no_token(storage: CloudFilesStorage) -> None:
    """What is pickled holds options, and neither connections nor tokens."""
    storage.save("a.txt", ContentFile(b"abc"))
    dumped = pickle.dumps(storage)
    assert storage.connection.token.encode() not in dumped
    assert read(pickle.loads(dumped), "a.txt") == b"abc"


# ------------------------------------------------------------- directory markers


def test_markers_of_1_1_4_are_directories(server: Swift, container: str, make: Make) -> None:
    """An empty object of type application/directory is a directory, listed once, never a file."""
    storage = make()
    for name in ("a", "a/b", "c/"):
        server.request("PUT", f"{container}/{name}", Content_Type="application/directory")
    storage.save("a/b/x.txt", ContentFile(b"abc"))
    storage.save("a-b.txt", ContentFile(b"abc"))
    assert storage.listdir("") == (["a", "c"], ["a-b.txt"])
    assert storage.listdir("a") == (["b"], [])
    assert storage.listdir("c") == ([], [])
    assert storage.exists("a")
    with pytest.raises(IsADirectory):
        storage.open("a")
    with pytest.raises(IsADirectory):
        storage.size("a/b")
    with pytest.raises(IsADirectory):
        storage.copy("a-b.txt", "a", overwrite=True)
    with pytest.raises(DirectoryNotEmpty):
        storage.delete("a/b")
    storage.delete("a/b/x.txt")
    storage.delete("a/b")
    storage.delete("a")
    assert storage.listdir("") == (["c"], ["a-b.txt"])


def test_markers_are_made_when_wanted(server: Swift, container: str, make: Make) -> None:
    """With directory_markers, saving makes an object for each directory, as 1.1.4 meant to."""
    storage = make(directory_markers=True)
    storage.save("a/b/c.txt", ContentFile(b"abc"))
    storage.save("a/d.txt", ContentFile(b"abc"))
    for name in ("a", "a/b"):
        status, headers, _ = server.request("HEAD", f"{container}/{name}")
        assert (status, headers["content-type"]) == (200, "application/directory")
    assert storage.listdir("") == (["a"], [])
    assert storage.listdir("a") == (["b"], ["d.txt"])


# ---------------------------------------------------------------------- headers


def test_headers_of_every_file(server: Swift, container: str, make: Make) -> None:
    """object_headers and delete_after are what the file has; they are kept by copies."""
    storage = make(
        object_headers={"Cache-Control": "max-age=60", "X-Object-Meta-Owner": "me"},
        delete_after=1000,
    )
    storage.save("a.css", ContentFile(b"abc"))
    storage.copy("a.css", "b.css")
    for name in ("a.css", "b.css"):
        _, headers, _ = server.request("HEAD", f"{container}/{name}")
        assert headers["content-type"] == "text/css"
        assert headers["cache-control"] == "max-age=60"
        assert headers["x-object-meta-owner"] == "me"
        assert abs(int(headers["x-delete-at"]) - time.time() - 1000) < 60


def test_headers_by_name(server: Swift, container: str, make: Make) -> None:
    """A callable gives each file its own headers."""
    storage = make(object_headers=lambda name: {"X-Object-Meta-Name": name.upper()})
    storage.save("a.txt", ContentFile(b"abc"))
    assert server.request("HEAD", f"{container}/a.txt")[1]["x-object-meta-name"] == "A.TXT"


def test_a_file_vanishes_by_itself(make: Make) -> None:
    """A file with delete_after is gone when its time has come."""
    storage = make(delete_after=1)
    storage.save("a.txt", ContentFile(b"abc"))
    until = time.monotonic() + 30
    while storage.exists("a.txt") and time.monotonic() < until:
        time.sleep(0.1)
    with pytest.raises(NotFound):
        storage.size("a.txt")


# --------------------------------------------------------------------- integrity


def test_the_digest_goes_with_the_file(make: Make, wire: Wire) -> None:
    """Small and larger contents are sent with their MD5, which the server compares."""
    storage = make(auth_url=wire.auth_url)
    for size in (0, 10, 3 * MiB):
        data = bytes(size)
        storage.save(f"{size}.bin", ContentFile(data))
        assert wire.requests[-1].headers["etag"] == hashlib.md5(data).hexdigest()
        assert wire.requests[-1].headers["if-none-match"] == "*"


def test_tokens_are_renewed_before_they_expire(make: Make, monkeypatch: Any) -> None:
    """In the last minute of its life a token is not used any more."""
    storage = make()
    storage.exists("")
    first = storage.connection
    now = time.time()
    assert (first.expires or 0) > now + 3600
    monkeypatch.setattr(time, "time", lambda: (first.expires or now) - 30)
    assert storage.connection is not first
