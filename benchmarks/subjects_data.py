"""pymongo's GridFSBucket, sqlite3 and pyodbc as they come."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

from benchmarks.sources import Source
from benchmarks.subjects import FEW, Subject, must

READ = 256 * 1024
Found = list[Any]


class GridFSBucket(Subject):
    """pymongo's, which threads may share."""

    def __init__(self, setup: dict[str, Any]) -> None:
        import gridfs
        import pymongo

        self.client: Any = pymongo.MongoClient(setup["uri"])
        database = self.client[setup["database"]]
        self.bucket = gridfs.GridFSBucket(database)
        self.files: Any = database["fs.files"]

    def save(self, name: str, source: Source) -> str:
        """upload_from_stream."""
        with source.file() as file:
            self.bucket.upload_from_stream(name, file)
        return name

    def write(self, name: str, data: bytes) -> None:
        """open_upload_stream."""
        with self.bucket.open_upload_stream(name) as stream:
            stream.write(data)

    def read(self, name: str) -> int:
        """open_download_stream_by_name."""
        with self.bucket.open_download_stream_by_name(name) as stream:
            return sum(len(block) for block in iter(lambda: stream.read(READ), b""))

    def part(self, name: str, offset: int) -> int:
        """The same, and seek."""
        with self.bucket.open_download_stream_by_name(name) as stream:
            stream.seek(offset)
            return len(stream.read(FEW))

    def missing(self, name: str) -> None:
        """The same."""
        from gridfs.errors import NoFile

        with contextlib.suppress(NoFile):
            self.bucket.open_download_stream_by_name(name)
            must(met=False, what="NoFile")

    def exists(self, name: str) -> bool:
        """find_one."""
        return self.files.find_one({"filename": name}, ["_id"]) is not None

    def size(self, name: str) -> int:
        """find_one."""
        return int(self.files.find_one({"filename": name}, ["length"])["length"])

    def list(self, name: str) -> int:
        """Find what begins with it."""
        wanted = {"filename": {"$gte": f"{name}/", "$lt": f"{name}0"}}
        return sum(1 for _ in self.files.find(wanted, ["filename"]))

    def delete(self, name: str) -> None:
        """Delete by its id."""
        self.bucket.delete(self.files.find_one({"filename": name})["_id"])

    def close(self) -> None:
        """Disconnect."""
        self.client.close()


class Table(Subject):
    """One row for each file: its name, and its content as one value."""

    table = "files"

    def run(self, sql: str, *values: object) -> Found:
        """Run a statement, and commit."""
        raise NotImplementedError

    def save(self, name: str, source: Source) -> str:
        """INSERT."""
        data = source.data()
        sql = f"INSERT INTO {self.table} (name, content, size) VALUES (?, ?, ?)"  # noqa: S608
        self.run(sql, name, data, len(data))
        return name

    def read(self, name: str) -> int:
        """SELECT."""
        ((content,),) = self.select("content", name)
        return len(content)

    def part(self, name: str, offset: int) -> int:
        """SELECT a part of it."""
        ((content,),) = self.select(f"substr(content, {offset + 1}, {FEW})", name)
        return len(content)

    def missing(self, name: str) -> None:
        """SELECT."""
        must(not self.select("content", name), "nothing")

    def exists(self, name: str) -> bool:
        """SELECT 1."""
        return bool(self.select("1", name))

    def size(self, name: str) -> int:
        """SELECT."""
        ((size,),) = self.select("size", name)
        return int(size)

    def list(self, name: str) -> int:
        """SELECT a range of names."""
        sql = f"SELECT name FROM {self.table} WHERE name >= ? AND name < ?"  # noqa: S608
        return len(self.run(sql, f"{name}/", f"{name}0"))

    def delete(self, name: str) -> None:
        """DELETE."""
        self.run(f"DELETE FROM {self.table} WHERE name = ?", name)  # noqa: S608

    def select(self, what: str, name: str) -> Found:
        """Look into one row."""
        return self.run(f"SELECT {what} FROM {self.table} WHERE name = ?", name)  # noqa: S608


class SQLite(Table):
    """The standard library's, on a file of its own."""

    def __init__(self, setup: dict[str, Any]) -> None:
        import sqlite3

        self.setup = setup
        self.connection = sqlite3.connect(
            setup["path"], timeout=60, isolation_level=None, check_same_thread=False
        )
        self.run(
            "CREATE TABLE IF NOT EXISTS files (name varchar(640) PRIMARY KEY, content blob,"
            " size bigint)"
        )

    def run(self, sql: str, *values: object) -> Found:
        """Each statement is a transaction."""
        return self.connection.execute(sql, values).fetchall()

    def thread(self, number: int) -> Subject:
        """A connection of its own."""
        return SQLite(self.setup) if number else self

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()


class Odbc(Table):
    """pyodbc, on the storage's own table."""

    def __init__(self, setup: dict[str, Any]) -> None:
        pyodbc: Any = importlib.import_module("pyodbc")
        self.setup = setup
        self.table = setup["table"]
        self.connection = pyodbc.connect(setup["connection_string"], autocommit=True)

    def run(self, sql: str, *values: object) -> Found:
        """Each statement is a transaction."""
        cursor = self.connection.execute(sql, *values)
        return list(cursor.fetchall()) if cursor.description else []

    def thread(self, number: int) -> Subject:
        """A connection of its own."""
        return Odbc(self.setup) if number else self

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()
