"""Cloud Files: what it costs, the acceptance cases, directories, deleting, names, headers."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.test import override_settings

from storages import turns
from storages.backends.cloudfiles import (
    CloudFilesStorage,
    CloudFilesStorageFile,
    ThreadSafeCloudFilesStorage,
    cloudfiles_upload_to,
    requests,
)
from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
)
from storages.retry import deadline
from tests.backends.cloudfiles import Make, MiB, Wire, making, read
from tests.servers import shared
from tests.servers.http import Reply, Request, ScriptedServer
from tests.servers.swift import Swift


@pytest.fixture
def server() -> Swift:
    """The server."""
    return shared(Swift)


@pytest.fixture
def container(server: Swift) -> str:
    """A new container."""
    return server.new_container()


@pytest.fixture
def wire(server: Swift) -> Iterator[Wire]:
    """What counts the requests."""
    with Wire(server.port) as wire:
        yield wire


@pytest.fixture
def make(container: str) -> Iterator[Make]:
    """Makes storages of the new container."""
    with making(container) as make:
        yield make


@pytest.fixture
def storage(make: Make) -> CloudFilesStorage:
    """A storage of the new container."""
    return make()


# ------------------------------------------------------------------- requests


def test_requests_per_operation(make: Make, wire: Wire) -> None:
    """Saving, opening with reading, and asking for the size take one request each."""
    storage = make(auth_url=wire.auth_url)
    table: list[tuple[str, Callable[[], Any], list[str]]] = [
        ("save", lambda: storage.save("d/a.txt", ContentFile(b"abc")), ["PUT d/a.txt"]),
        ("open, read", lambda: read(storage, "d/a.txt"), ["GET d/a.txt"]),
        ("size", lambda: storage.size("d/a.txt"), ["HEAD d/a.txt"]),
        ("exists", lambda: storage.exists("d/a.txt"), ["HEAD d/a.txt"]),
        ("exists, missing", lambda: storage.exists("d/no"), ["HEAD d/no", "GET ?"]),
        ("listdir", lambda: storage.listdir("d"), ["GET ?"]),
        ("url", lambda: storage.url("d/a.txt"), []),
        (
            "save, taken",
            lambda: storage.save("d/a.txt", ContentFile(b"abc")),
            ["PUT d/a.txt", "PUT d/a_*.txt"],
        ),
        ("open w", lambda: _write(storage, "d/w.txt"), ["HEAD d/w.txt", "PUT d/w.txt"]),
        (
            "copy",
            lambda: storage.copy("d/a.txt", "d/c.txt"),
            ["HEAD d/a.txt", "HEAD d/c.txt", "PUT d/c.txt"],
        ),
        ("delete", lambda: storage.delete("d/c.txt"), ["HEAD d/c.txt", "DELETE d/c.txt"]),
        (
            "delete_many",
            lambda: storage.delete_many([f"d/{n}" for n in range(500)]),
            ["GET segments ?", "POST ??"],
        ),
    ]
    storage.exists("")
    found = {}
    for operation, act, _ in table:
        wire.clear()
        act()
        found[operation] = [
            line.split("_")[0] + "_*.txt" if "a_" in line else line for line in wire.log
        ]
    assert found == {operation: wanted for operation, _, wanted in table}


def _write(storage: CloudFilesStorage, name: str) -> None:
    with storage.open(name, "wb") as file:
        file.write(b"abc")


def test_a_token_is_got_once_for_all_storages_and_threads(make: Make, wire: Wire) -> None:
    """Storages of one configuration share the token."""
    for _ in range(3):
        assert not make(auth_url=wire.auth_url).exists("x")
    assert [each.path for each in wire.requests].count("/auth/v1.0") == 1


def test_ten_bytes_of_a_large_file_move_little(make: Make, wire: Wire) -> None:
    """Ten bytes in the middle of 8 MiB are one ranged request."""
    storage = make(auth_url=wire.auth_url)
    data = bytes(range(256)) * (8 * MiB // 256)
    storage.save("large.bin", ContentFile(data))
    wire.clear()
    with storage.open("large.bin") as file:
        file.seek(4 * MiB)
        assert file.read(10) == data[4 * MiB : 4 * MiB + 10]
    assert wire.log == ["GET large.bin", "GET large.bin"]
    assert wire.requests[-1].headers["range"] == f"bytes={4 * MiB}-"
    assert wire.down < 2 * MiB


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


def test_metadata_beyond_the_limits(make: Make) -> None:
    """Headers that Swift does not take are refused in its words, and nothing is stored."""
    storage = make(object_headers={"X-Object-Meta-Note": "x" * 300})
    with pytest.raises(StorageError, match="longer than 256"):
        storage.save("a.txt", ContentFile(b"abc"))
    assert not make().exists("a.txt")


# --------------------------------------------------------- containers and rights


def test_a_missing_container(server: Swift, make: Make) -> None:
    """Saving and listing say which option names it; reading a file says that it is not there."""
    storage = make(container="no-such-container")
    for act in (
        lambda: storage.save("a.txt", ContentFile(b"abc")),
        lambda: storage.listdir(""),
        lambda: storage.exists("a.txt"),
        lambda: storage.exists(""),
    ):
        with pytest.raises(ImproperlyConfigured, match="CLOUDFILES_CONTAINER") as caught:
            act()
        assert isinstance(caught.value, StorageError)
    with pytest.raises(NotFound):
        storage.size("a.txt")
    assert server.request("HEAD", "no-such-container")[0] == 404


def test_a_missing_container_is_made_when_wanted(server: Swift, make: Make) -> None:
    """With create_container, the first save makes it."""
    storage = make(container="made-by-itself", create_container=True)
    assert not storage.exists("a.txt")
    assert storage.listdir("") == ([], [])
    assert storage.save("a.txt", ContentFile(b"abc")) == "a.txt"
    assert server.request("HEAD", "made-by-itself")[0] == 204


def test_another_account_is_refused(server: Swift, container: str, make: Make) -> None:
    """403 is PermissionDenied, for exists() too, and no file is taken for missing."""
    make().save("a.txt", ContentFile(b"abc"))
    stranger = make(username="test:reader", api_key="reading")
    for act in (
        lambda: stranger.exists("a.txt"),
        lambda: read(stranger, "a.txt"),
        lambda: stranger.save("b.txt", ContentFile(b"abc")),
        lambda: stranger.delete("a.txt"),
        lambda: stranger.delete_many(["a.txt", "b.txt"]),
    ):
        with pytest.raises(PermissionDenied):
            act()
    assert read(make(), "a.txt") == b"abc"


def test_a_full_container(server: Swift, make: Make) -> None:
    """A quota that is used up is StorageFull, and nothing is stored."""
    container = server.new_container(X_Container_Meta_Quota_Bytes="1000")
    storage = make(container=container)
    storage.save("a.txt", ContentFile(b"x" * 600))
    with pytest.raises(StorageFull):
        storage.save("b.txt", ContentFile(b"x" * 1100))
    assert storage.listdir("") == ([], ["a.txt"])


def test_a_name_that_is_too_long(storage: CloudFilesStorage) -> None:
    """1,024 bytes are taken, one more is refused before anything is sent."""
    name = "é" * 512
    assert storage.save(name, ContentFile(b"abc")) == name
    with pytest.raises(StorageError, match="1024 bytes"):
        storage.save(f"{name}x", ContentFile(b"abc"))
    with pytest.raises(StorageError, match="1024 bytes"):
        storage.copy(name, f"{name}x")


# ------------------------------------------------------------------ bulk delete


def test_many_are_deleted_at_once(make: Make, wire: Wire) -> None:
    """Odd names and missing ones are no trouble; the others stay."""
    storage = make(auth_url=wire.auth_url)
    names = ["a b.txt", "ü/é.txt", "100%.txt", "q?&#.txt", "plus+.txt", "keep.txt"]
    for name in names:
        storage.save(name, ContentFile(b"abc"))
    wire.clear()
    storage.delete_many([*names[:-1], "missing.txt", "a b.txt"])
    assert wire.log == ["GET segments ?", "POST ??"]
    assert storage.listdir("") == ([], ["keep.txt"])


def test_without_bulk_delete_files_are_deleted_one_by_one(
    server: Swift, make: Make, wire: Wire
) -> None:
    """A server without that middleware is asked once; the account stays as it is."""
    wire.upstream = server.bare_port
    storage = make(auth_url=wire.auth_url)
    for name in ("a.txt", "b.txt", "c.txt"):
        storage.save(name, ContentFile(b"abc"))
    before = server.request("HEAD", "")[1].get("x-account-meta-bulk-delete")
    wire.clear()
    storage.delete_many(["a.txt", "b.txt", "missing.txt"])
    assert wire.log.count("POST ??") == 1
    assert storage.listdir("") == ([], ["c.txt"])
    assert server.request("HEAD", "")[1].get("x-account-meta-bulk-delete") == before
    wire.clear()
    storage.delete_many(["c.txt"])
    assert wire.log == ["HEAD c.txt", "DELETE c.txt"]


# ------------------------------------------------------------------------ turns


def test_two_savers_take_turns() -> None:
    """Who waits longer than the deadline gets Timeout; the next one finds the turn free."""
    with turns.taking("server", "name"):
        with turns.taking("server", "another name"):
            pass
        with deadline(0.05), pytest.raises(Timeout), turns.taking("server", "name"):
            pytest.fail("two at a time")
    with turns.taking("server", "name"):
        pass


def test_processes_take_turns(tmp_path: Path) -> None:
    """Another process waits, too; and the lock of one that is killed is free at once."""
    code = (
        "import django, sys, time; from django.conf import settings; settings.configure()\n"
        "from storages import turns\n"
        "with turns.taking('server', 'name'):\n"
        "    print('mine', flush=True); time.sleep(600)"
    )
    with override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path)):
        root = Path(__file__).resolve().parents[2]
        other = subprocess.Popen(
            [
                sys.executable,
                "-c",
                code.replace("()", f"(FILE_UPLOAD_TEMP_DIR={str(tmp_path)!r})", 1),
            ],
            cwd=root,
            stdout=subprocess.PIPE,
        )
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"mine\n"
            with deadline(0.1), pytest.raises(Timeout), turns.taking("server", "name"):
                pytest.fail("two at a time")
        finally:
            other.kill()
            other.communicate()
        with deadline(30), turns.taking("server", "name"):
            assert [each.name for each in tmp_path.iterdir()] == [f"django-storages-{_uid()}"]


def _uid() -> int:
    import os

    return os.getuid()


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A link in the place of the locks' directory is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"django-storages-{_uid()}").symlink_to(elsewhere)
    with (
        override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path)),
        pytest.raises(StorageError, match="FILE_UPLOAD_TEMP_DIR"),
        turns.taking("server", "name"),
    ):
        pytest.fail("taken")
    assert list(elsewhere.iterdir()) == []


def test_no_place_for_the_locks(tmp_path: Path) -> None:
    """Where they cannot be made, nothing is written, and the error says what to set."""
    with (
        override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path / "missing")),
        pytest.raises(StorageError, match="FILE_UPLOAD_TEMP_DIR"),
        turns.taking("server", "name"),
    ):
        pytest.fail("taken")


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


def test_a_create_meets_an_existing_file(make: Make) -> None:
    """The x mode, and a copy that may not replace, leave the file as it was."""
    storage = make()
    storage.save("a.txt", ContentFile(b"first"))
    storage.save("b.txt", ContentFile(b"second"))
    with pytest.raises(AlreadyExists), storage.open("a.txt", "x") as file:
        file.write("other")
    with pytest.raises(AlreadyExists):
        storage.copy("b.txt", "a.txt")
    with pytest.raises(AlreadyExists):
        storage.move("b.txt", "a.txt")
    assert read(storage, "a.txt") == b"first"
    storage.move("b.txt", "a.txt", overwrite=True)
    assert read(storage, "a.txt") == b"second"
    assert not storage.exists("b.txt")
