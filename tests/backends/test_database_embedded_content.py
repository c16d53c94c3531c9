"""DatabaseStorage in Django's own database: rows and chunks, readers, damage, what is left over."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.db import connections
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from storages.backends.database import DatabaseStorage
from storages.backends.database.tables import CHUNK, NAME_LENGTH
from storages.errors import Changed, Corrupt, StorageError
from tests.backends import database_embedded
from tests.backends.database_embedded import rows
from tests.backends.database_files import MIB, get, put

# Fixtures, which pytest looks for in the module of the tests that take them.
using = database_embedded.using
storage = database_embedded.storage


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
