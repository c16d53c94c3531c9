"""What the page about databases says of costs is counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from storages.backends.database import DatabaseStorage
from tests.documentation import DOCS
from tests.servers.databases import embedded_tables

NEW, THERE = "new.txt", "there.txt"
SMALL = b"x" * 1000


def save(storage: DatabaseStorage, name: str) -> None:
    """Save a small file."""
    storage.save(name, ContentFile(SMALL))


def read(storage: DatabaseStorage, name: str) -> None:
    """Read all of a file."""
    with storage.open(name) as file:
        file.read()


#: the row of the table -> what is done, and the options of the storage
WORK: dict[str, tuple[Callable[[DatabaseStorage], Any], dict[str, Any]]] = {
    "``save``": (lambda storage: save(storage, NEW), {}),
    "``save``, ``overwrite=False``": (lambda storage: save(storage, NEW), {"overwrite": False}),
    "``save``, that and the name taken": (
        lambda storage: save(storage, THERE),
        {"overwrite": False},
    ),
    "``open`` and read": (lambda storage: read(storage, THERE), {}),
    "``exists``": (lambda storage: storage.exists(THERE), {}),
    "``size``, times, ``stat``": (lambda storage: storage.size(THERE), {}),
    "``listdir``, ``scandir``": (lambda storage: storage.listdir(""), {}),
    "``delete``": (lambda storage: storage.delete(THERE), {}),
    "``move``": (lambda storage: storage.move(THERE, NEW), {}),
    "``copy``": (lambda storage: storage.copy(THERE, NEW), {}),
    "``delete_many``": (lambda storage: storage.delete_many([THERE]), {}),
    "``url``": (lambda storage: storage.url(THERE), {"base_url": "/files/"}),
}


def table() -> dict[str, int]:
    """The table of the page: statements by row."""
    text = (DOCS / "backends" / "database.rst").read_text(encoding="utf-8")
    rows = text.partition("\nPerformance\n")[2]
    return {row: int(told) for row, told in re.findall(r"^(``.*?)  +(\d+)", rows, re.MULTILINE)}


def test_every_row_is_counted() -> None:
    """Here, and nothing else is."""
    assert set(table()) == set(WORK)


@pytest.mark.parametrize("row", WORK)
def test_statements(row: str) -> None:
    """As many as the page says, without those that begin and end transactions."""
    work, options = WORK[row]
    with embedded_tables():
        storage = DatabaseStorage(using="default", **options)
        save(storage, THERE)
        with CaptureQueriesContext(connection) as captured:
            work(storage)
    ends = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
    asked = [query["sql"] for query in captured if not query["sql"].startswith(ends)]
    assert len(asked) == table()[row], asked
