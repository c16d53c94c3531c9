"""DatabaseStorage in Django's own database: transactions, locks, what dies."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, connections, transaction

from storages.backends.database import DatabaseStorage
from storages.errors import Timeout, Unavailable
from tests.backends import database_embedded
from tests.backends.database_embedded import rolled_back, rows
from tests.backends.database_files import MIB, get, put
from tests.servers.databases import django_alias, embedded_tables
from tests.servers.process import free_port

# Fixtures, which pytest looks for in the module of the tests that take them.
using = database_embedded.using
storage = database_embedded.storage


class OnPurposeError(Exception):
    """What a test raises."""


# ------------------------------------------------------------------ transactions


def test_a_rollback_removes_the_file(storage: DatabaseStorage, using: str) -> None:
    """What was saved in a transaction has not been when it is rolled back, chunks included."""
    with rolled_back(using):
        put(storage, "f", os.urandom(MIB))
        assert storage.exists("f")
    assert not storage.exists("f")
    assert rows(using, "storages_files_chunks") == 0


def test_a_rollback_brings_back_what_was_replaced_deleted_or_moved(
    storage: DatabaseStorage, using: str
) -> None:
    """Every operation is part of the caller's transaction."""
    for name in ("replaced", "deleted", "moved", "gone"):
        put(storage, name, name.encode())
    with rolled_back(using):
        put(storage, "replaced", b"new")
        storage.delete("deleted")
        storage.move("moved", "elsewhere")
        storage.delete_many(["gone"])
        storage.copy("replaced", "copied")
        assert sorted(storage.listdir("")[1]) == ["copied", "elsewhere", "replaced"]
    assert sorted(storage.listdir("")[1]) == ["deleted", "gone", "moved", "replaced"]
    assert get(storage, "replaced") == b"replaced"
    assert get(storage, "gone") == b"gone"


def test_a_refused_name_does_not_break_the_callers_transaction(using: str) -> None:
    """On PostgreSQL too, a transaction goes on after a name was taken."""
    storage = DatabaseStorage(using=using, overwrite=False)
    put(storage, "f", b"one")
    with transaction.atomic(using):
        name = put(storage, "f", b"two")
        put(storage, "g", b"three")
    assert name != "f"
    assert get(storage, "f") == b"one"
    assert get(storage, name) == b"two"
    assert get(storage, "g") == b"three"


def test_a_failing_source_leaves_nothing_inside_a_transaction(
    storage: DatabaseStorage, using: str
) -> None:
    """Half a file does not become part of the caller's transaction either."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= MIB:
                raise OnPurposeError
            return super().read(size)

    put(storage, "f", b"old")
    with transaction.atomic(using):
        with pytest.raises(OnPurposeError):
            storage.save("f", Failing(os.urandom(2 * MIB)))
        put(storage, "g", b"new")
    assert get(storage, "f") == b"old"
    assert get(storage, "g") == b"new"
    assert rows(using, "storages_files_chunks") == 2


def test_others_see_a_file_when_it_is_committed(storage: DatabaseStorage, using: str) -> None:
    """Another connection finds nothing before, and all of it afterwards."""
    seen: list[bool] = []

    def look() -> None:
        try:
            seen.append(storage.exists("f"))
        finally:
            connections.close_all()

    def look_from_elsewhere() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with transaction.atomic(using):
        put(storage, "f", os.urandom(MIB))
        look_from_elsewhere()
    look_from_elsewhere()
    assert seen == [False, True]


def test_async_twins_belong_to_the_callers_transaction(storage: DatabaseStorage) -> None:
    """They run in the thread whose connection Django gives the caller's code."""
    from asgiref.sync import sync_to_async

    assert storage.thread_sensitive

    async def save() -> tuple[bool, bytes]:
        await storage.asave("f", ContentFile(b"async"))
        there = await sync_to_async(storage.exists)("f")
        async with await storage.aopen("f") as file:
            return there, await file.aread()

    try:
        assert asyncio.run(save()) == (True, b"async")
    finally:
        connections.close_all()


def test_a_locked_database_is_tried_again_and_then_a_timeout() -> None:
    """SQLite: a writer that holds the lock makes ours wait, then try again, then give up."""
    with embedded_tables():
        storage = DatabaseStorage(using="default")
        put(storage, "f", b"old")
        locked, release = threading.Event(), threading.Event()

        def hold() -> None:
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("UPDATE storages_files SET size = size")
                    locked.set()
                    release.wait(30)
            finally:
                connection.close()

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            locked.wait()
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 50")
            attempts: list[int] = []

            def count(*, sender: Any, storage: Any, event: Any, **_: Any) -> None:
                attempts.append(event.attempt)

            from storages.events import operation

            operation.connect(count)
            try:
                with pytest.raises(Timeout, match="locked"):
                    put(storage, "f", b"new")
            finally:
                operation.disconnect(count)
            assert attempts == [1, 2, 3]
            # In a transaction of the caller's it is the caller who repeats.
            with transaction.atomic():
                assert storage.retry.attempts == 1
                with pytest.raises(Timeout):
                    put(storage, "f", b"new")
        finally:
            release.set()
            holder.join()
            connection.close()
        put(storage, "f", b"new")
        assert get(storage, "f") == b"new"


# ------------------------------------------------------------------ what dies


def test_a_connection_that_died_is_opened_anew() -> None:
    """Outside a transaction a storage survives a restart of the server, as ODBC's does."""
    from tests.servers import shared
    from tests.servers.postgresql import PostgreSQL

    with django_alias() as alias, embedded_tables(alias):
        storage = DatabaseStorage(using=alias)
        put(storage, "f", b"x")
        shared(PostgreSQL).restart()
        assert get(storage, "f") == b"x"
        shared(PostgreSQL).restart()
        put(storage, "f", b"y")
        assert get(storage, "f") == b"y"


def test_a_server_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unavailable, whatever is called; where there is no connection none is asked about."""
    with django_alias("nowhere", PORT=free_port()) as alias:
        wrapper = connections[alias]

        def is_usable() -> bool:
            """As MySQL's and Oracle's do, and in Django 4.2 PostgreSQL's."""
            wrapper.connection.cursor().close()
            return True

        monkeypatch.setattr(wrapper, "is_usable", is_usable)
        storage = DatabaseStorage(using=alias)
        for call in (
            lambda: storage.exists("f"),
            lambda: storage.listdir(""),
            lambda: storage.open("f"),
            lambda: put(storage, "f", b"x"),
            lambda: storage.delete("f"),
            lambda: storage.move("f", "g"),
        ):
            with pytest.raises(Unavailable, match=r"(?i)connection.*failed"):
                call()


def test_a_killed_writer_leaves_old_or_new(tmp_path: Path) -> None:
    """Processes killed while they overwrite: the file is always one of theirs, whole."""
    import subprocess
    import sys
    import time

    with embedded_tables():
        storage = DatabaseStorage(using="default")
        put(storage, "f", b"\0" * 3 * MIB)
        script = tmp_path / "writer.py"
        script.write_text(
            "import django, itertools; django.setup()\n"
            "from django.core.files.base import ContentFile\n"
            "from storages.backends.database import DatabaseStorage\n"
            "storage = DatabaseStorage(using='default')\n"
            "for n in itertools.count(1):\n"
            "    storage.save('f', ContentFile(bytes([n % 256]) * 3 * 2**20))\n"
            "    print(n, flush=True)\n"
        )
        for number in range(10):
            writer = subprocess.Popen(
                [sys.executable, str(script)],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=subprocess.PIPE,
            )
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"1\n"  # it is writing the second one now
            time.sleep(0.007 * number)
            writer.kill()
            writer.wait()
            writer.stdout.close()
            found = get(storage, "f")
            assert found == found[:1] * 3 * MIB
            assert found[0] != 0
            assert rows("default", "storages_files_chunks") == 12
