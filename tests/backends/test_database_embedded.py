"""DatabaseStorage in Django's own database: transactions, chunks, tables."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from storages.backends.database import DatabaseStorage
from storages.backends.database.tables import CHUNK, NAME_LENGTH
from storages.errors import Changed, Corrupt, StorageError, Timeout
from tests.servers.databases import django_alias, embedded_tables

MIB = 1024 * 1024


class OnPurposeError(Exception):
    """What a test raises."""


@pytest.fixture(params=["default", "postgresql"])
def using(request: pytest.FixtureRequest) -> Iterator[str]:
    """Django's SQLite and Django's PostgreSQL, with the tables."""
    if request.param == "default":
        with embedded_tables():
            yield "default"
        return
    with django_alias() as alias, embedded_tables(alias):
        yield alias


@pytest.fixture
def storage(using: str) -> DatabaseStorage:
    """A storage in each database."""
    return DatabaseStorage(using=using)


def put(storage: DatabaseStorage, name: str, data: bytes) -> str:
    """Save; return the name."""
    return storage.save(name, ContentFile(data))


def get(storage: DatabaseStorage, name: str) -> bytes:
    """Read it all."""
    with storage.open(name) as file:
        return bytes(file.read())


@contextmanager
def rolled_back(using: str) -> Iterator[None]:
    """Run the block in a transaction, and roll it back."""
    with transaction.atomic(using):
        yield
        transaction.set_rollback(True, using)  # noqa: FBT003 - Django's signature


def rows(using: str, table: str) -> int:
    """How many rows a table has."""
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        count: int = cursor.fetchone()[0]
        return count


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


# ------------------------------------------------------------------ content


def test_content_lies_in_chunks_and_comes_back(storage: DatabaseStorage, using: str) -> None:
    """Sizes around the chunk's, whole and in ranges."""
    for size in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17):
        data = os.urandom(size)
        put(storage, "f", data)
        assert rows(using, "storages_files_chunks") == -(-size // CHUNK)
        assert get(storage, "f") == data
        assert storage.size("f") == size
        with storage.open("f") as file:
            for offset in (size // 2, size, CHUNK, 0):
                file.seek(offset)
                assert file.read(100) == data[offset : offset + 100]


def test_a_row_tells_all_about_the_file(storage: DatabaseStorage) -> None:
    """Size, times, SHA-256, content type, and a version that each writing changes."""
    content = ContentFile(b"<p>")
    content.content_type = "text/x-special"  # type: ignore[attr-defined]
    storage.save("page.html", content)
    first = storage.stat("page.html")
    assert first.checksum == "sha256:" + hashlib.sha256(b"<p>").hexdigest()
    assert first.content_type == "text/x-special"
    put(storage, "page.html", b"<p>")
    second = storage.stat("page.html")
    assert second.content_type == "text/html"
    assert second.version != first.version
    assert second.created == first.created
    assert first.modified is not None
    assert second.modified is not None
    assert second.modified >= first.modified
    assert [entry.stat for entry in storage.scandir("")] == [second]


@override_settings(USE_TZ=False)
def test_times_do_not_depend_on_the_time_zone_settings(storage: DatabaseStorage) -> None:
    """A file saved under USE_TZ=False has the same time under USE_TZ=True."""
    put(storage, "f", b"x")
    naive = storage.get_modified_time("f")
    assert naive.tzinfo is None
    with override_settings(USE_TZ=True):
        assert storage.get_modified_time("f").timestamp() == naive.timestamp()


def test_opening_is_one_query_and_reading_a_range_is_one_more(
    storage: DatabaseStorage, using: str
) -> None:
    """Ten bytes anywhere in a large file cost two chunks."""
    data = os.urandom(8 * CHUNK)
    put(storage, "f", data)
    with CaptureQueriesContext(connections[using]) as queries:
        with storage.open("f") as file:
            assert len(queries) == 1
            assert file.read(10) == data[:10]
            assert len(queries) == 1
            file.seek(5 * CHUNK + 3)
            assert file.read(10) == data[5 * CHUNK + 3 :][:10]
        assert len(queries) == 2


def test_a_reader_never_mixes_two_files(storage: DatabaseStorage) -> None:
    """After an overwrite or a deletion a reader says so; it gives no byte of the new file."""
    changes: list[Callable[[], object]] = [
        lambda: put(storage, "f", b"n" * MIB),
        lambda: storage.delete("f"),
    ]
    for change in changes:
        put(storage, "f", b"o" * MIB)
        with storage.open("f") as file:
            assert file.read(10) == b"o" * 10
            change()
            with pytest.raises(Changed):
                file.read()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE storages_files_chunks SET data = %s WHERE number = 1",
        "DELETE FROM storages_files_chunks WHERE number = 1 AND data <> %s",
        "UPDATE storages_files SET sha256 = 'no', content_type = SUBSTR('x', LENGTH(%s))",
    ],
)
def test_damage_is_noticed(storage: DatabaseStorage, using: str, damage: str) -> None:
    """A changed, shortened or missing chunk, or another digest, is Corrupt when it is read."""
    put(storage, "f", os.urandom(3 * CHUNK))
    with connections[using].cursor() as cursor:
        cursor.execute(damage, [b"x"])
    with pytest.raises(Corrupt), storage.open("f") as file:
        file.read()


def test_a_flipped_bit_is_noticed(storage: DatabaseStorage, using: str) -> None:
    """One bit of one chunk, the sizes being right."""
    data = bytearray(os.urandom(2 * CHUNK))
    put(storage, "f", bytes(data))
    data[0] ^= 1
    with connections[using].cursor() as cursor:
        damage = "UPDATE storages_files_chunks SET data = %s WHERE number = 0"
        cursor.execute(damage, [bytes(data[:CHUNK])])
    with pytest.raises(Corrupt, match="SHA-256"), storage.open("f") as file:
        file.read()


def test_copying_moves_no_content_through_this_process(
    storage: DatabaseStorage, using: str
) -> None:
    """A copy is made by the database; the two files are then independent."""
    data = os.urandom(3 * CHUNK)
    put(storage, "a", data)
    with mock.patch.object(DatabaseStorage, "_open_read", side_effect=AssertionError):
        storage.copy("a", "b")
        with pytest.raises(FileExistsError):
            storage.copy("a", "b")
        storage.copy("a", "b", overwrite=True)
    assert rows(using, "storages_files_chunks") == 6
    storage.delete("a")
    assert get(storage, "b") == data
    assert rows(using, "storages_files_chunks") == 3


def test_replacing_and_deleting_leave_no_chunks_behind(
    storage: DatabaseStorage, using: str
) -> None:
    """Nothing but the files' own chunks is in the table, whatever was done."""
    for number in range(3):
        put(storage, "f", os.urandom((number + 1) * CHUNK))
    put(storage, "g", os.urandom(CHUNK))
    storage.move("g", "f", overwrite=True)
    assert rows(using, "storages_files_chunks") == 1
    storage.delete_many(["f", "missing"])
    assert rows(using, "storages_files_chunks") == 0


def test_debug_keeps_no_content_in_memory(storage: DatabaseStorage, using: str) -> None:
    """With DEBUG Django remembers every query; those that carry content carry it in no log."""
    connections[using].queries_log.clear()
    with override_settings(DEBUG=True):
        put(storage, "f", os.urandom(8 * CHUNK))
        get(storage, "f")
        remembered = sum(len(str(entry)) for entry in connections[using].queries_log)
    assert connections[using].queries_log
    connections[using].queries_log.clear()
    assert remembered < 20_000


def test_no_signal_of_models_is_sent(storage: DatabaseStorage) -> None:
    """A receiver for every model neither sees the chunks nor makes Django fetch them."""
    sent: list[Any] = []

    def receive(**kwargs: Any) -> None:
        sent.append(kwargs["sender"])

    signals = (pre_save, post_save, pre_delete, post_delete)
    for signal in signals:
        signal.connect(receive)
    try:
        put(storage, "f", b"one")
        put(storage, "f", b"two")
        storage.delete("f")
    finally:
        for signal in signals:
            signal.disconnect(receive)
    assert sent == []


def test_a_name_that_is_too_long_is_refused(storage: DatabaseStorage) -> None:
    """By every way to make a file, on SQLite too."""
    longest = "d/" + "é" * (NAME_LENGTH - 2)
    assert put(storage, longest, b"fits") == longest
    makers: list[Callable[[], object]] = [
        lambda: put(storage, longest + "x", b"x"),
        lambda: storage.copy(longest, longest + "x"),
        lambda: storage.move(longest, longest + "x"),
    ]
    for make in makers:
        with pytest.raises(StorageError, match=f"{NAME_LENGTH + 1} characters"):
            make()
    assert storage.listdir("d")[1] == [longest[2:]]


# ------------------------------------------------------------------ tables


def test_a_missing_table_says_how_to_make_it() -> None:
    """Every operation fails with the command to run; none takes it for a missing file."""
    storage = DatabaseStorage(using="default", db_table="not_made")
    operations: list[Callable[[], object]] = [
        lambda: storage.exists("x"),
        lambda: storage.exists(""),
        lambda: storage.open("x"),
        lambda: storage.listdir(""),
        lambda: storage.delete("x"),
        lambda: put(storage, "x", b"x"),
    ]
    for operation in operations:
        with pytest.raises(StorageError, match=r"not_made.*manage\.py createstoragetable") as error:
            operation()
        assert not isinstance(error.value, FileNotFoundError)


def create(*args: str, **options: Any) -> str:
    """Run createstoragetable; return what it printed."""
    out = io.StringIO()
    call_command("createstoragetable", *args, stdout=out, **options)
    return out.getvalue()


def tables() -> set[str]:
    """The tables of the default database."""
    return set(connection.introspection.table_names())


def drop(*names: str) -> None:
    """Drop tables of the default database."""
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TABLE {name}")


def test_the_command_finds_the_tables_in_the_settings() -> None:
    """Those of STORAGES and of DB_FILES, each once; a second run changes nothing."""
    backend = "storages.backends.database.DatabaseStorage"
    one = {"BACKEND": backend, "OPTIONS": {"using": "default", "db_table": "one"}}
    files = {"using": "default", "db_table": "two"}
    with override_settings(STORAGES={"default": one, "again": one}, DB_FILES=files):
        try:
            assert create().count("created") == 4
            assert {"one", "one_chunks", "two", "two_chunks"} <= tables()
            assert DatabaseStorage().save("x", ContentFile(b"x")) == "x"
            assert create().count("exists") == 4
            assert DatabaseStorage().exists("x")
        finally:
            drop("one", "one_chunks", "two", "two_chunks")


def test_a_dry_run_prints_sql_and_does_nothing() -> None:
    """The SQL can be run by hand."""
    before = tables()
    printed = create("by_hand", dry_run=True)
    assert tables() == before
    assert printed.count("CREATE TABLE") == 2
    try:
        with connection.cursor() as cursor:
            for statement in printed.strip().splitlines():
                cursor.execute(statement)
        storage = DatabaseStorage(using="default", db_table="by_hand")
        put(storage, "f", b"x")
        assert get(storage, "f") == b"x"
    finally:
        drop("by_hand", "by_hand_chunks")


def test_routers_are_asked() -> None:
    """A router that keeps the app out of a database is obeyed."""

    class Out:
        def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
            return False if app_label == "storages" else None

    with override_settings(DATABASE_ROUTERS=[Out()]):
        assert create("routed").count("routers keep") == 2
    assert "routed" not in tables()


def test_the_command_works_inside_a_transaction() -> None:
    """As in a test's setUpTestData; what it made goes when that is rolled back."""
    with rolled_back("default"):
        create("passing")
        put(DatabaseStorage(using="default", db_table="passing"), "f", b"x")
    assert "passing" not in tables()


def test_the_command_says_when_there_is_nothing_to_do() -> None:
    """A project without an embedded storage gets a sentence, not silence."""
    disk = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    with override_settings(STORAGES=disk), pytest.raises(CommandError, match="No storage"):
        create()
    with pytest.raises(CommandError, match="invalid choice: 'nosuch'"):
        call_command("createstoragetable", "t", "--database=nosuch")


def test_the_command_leaves_other_storages_alone() -> None:
    """A project that serves no static files has a storage for them that cannot be constructed."""
    configured = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "files": {
            "BACKEND": "storages.backends.database.DatabaseStorage",
            "OPTIONS": {"using": "default", "db_table": "t_alone"},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with override_settings(STORAGES=configured, STATIC_URL=None, DEBUG=True):
        assert "t_alone" in create("--dry-run")


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
