"""How many requests each operation on Cloud Files costs, counted on the wire; bulk deletes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile

from storages.backends.cloudfiles import CloudFilesStorage
from tests.backends import cloudfiles
from tests.backends.cloudfiles import Make, MiB, Wire, read
from tests.servers.swift import Swift

# Fixtures, which pytest looks for in the module of the tests that take them.
server = cloudfiles.server
container = cloudfiles.container
wire = cloudfiles.wire
make = cloudfiles.make


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
