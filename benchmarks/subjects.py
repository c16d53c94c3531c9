"""What is compared: storages; the client libraries and programs are in the modules beside this."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

from benchmarks.sources import Source

__all__ = ["BLOCK", "FEW", "OfStorage", "Subject", "make", "must"]

FEW = 10
BLOCK = 64 * 1024  # what is read at a time

#: kind -> module and class; only that of the subject is imported.
KINDS = {
    "storage": ("subjects", "OfStorage"),
    "boto3": ("subjects_cloud", "Boto3"),
    "swiftclient": ("subjects_cloud", "SwiftClient"),
    "gridfs": ("subjects_data", "GridFSBucket"),
    "sqlite3": ("subjects_data", "SQLite"),
    "pyodbc": ("subjects_data", "Odbc"),
    "paramiko": ("subjects_files", "Paramiko"),
    "ftplib": ("subjects_files", "Ftplib"),
    "sftp": ("subjects_files", "Sftp"),
    "curl": ("subjects_files", "Curl"),
    "requests": ("subjects_http", "Requests"),
}


def must(met: bool, what: str) -> None:
    """Fail when the work did not give what it should."""
    if not met:
        raise RuntimeError(f"The work did not give {what}.")


class Subject:
    """What a row may ask; a subject that cannot do it, or is not meant to, leaves it out."""

    def save(self, name: str, source: Source) -> str:
        """Save under a free name; return the name that it has."""
        raise NotImplementedError

    def take(self, name: str, source: Source) -> str:
        """Save under a name that is taken."""
        raise NotImplementedError

    def write(self, name: str, data: bytes) -> None:
        """Write through a file that is open for writing."""
        raise NotImplementedError

    def read(self, name: str) -> int:
        """Read all, piece by piece; return the length."""
        raise NotImplementedError

    def part(self, name: str, offset: int) -> int:
        """Read a few bytes there; return how many came."""
        raise NotImplementedError

    def missing(self, name: str) -> None:
        """Open what is not there, and notice."""
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        """Whether it is there."""
        raise NotImplementedError

    def size(self, name: str) -> int:
        """Its size."""
        raise NotImplementedError

    def url(self, name: str) -> str:
        """Its URL."""
        raise NotImplementedError

    def list(self, name: str) -> int:
        """List a directory; return how many are in it."""
        raise NotImplementedError

    def delete(self, name: str) -> None:
        """Delete it."""
        raise NotImplementedError

    def thread(self, number: int) -> Subject:
        """What another thread is to use: a client that threads may share is the same."""
        del number
        return self

    def close(self) -> None:
        """Disconnect."""


class OfStorage(Subject):
    """A storage: ours, Django's or today's django-storages'."""

    def __init__(self, setup: dict[str, Any]) -> None:
        import django
        from django.conf import settings
        from django.utils.module_loading import import_string

        settings.configure(USE_TZ=True, **setup.get("settings", {}))
        django.setup()
        self.storage = import_string(setup["class"])(**setup["options"])

    def save(self, name: str, source: Source) -> str:
        """As a view does with an upload."""
        upload = source.upload()
        saved: str = self.storage.save(name, upload)
        upload.close()
        return saved

    take = save

    def write(self, name: str, data: bytes) -> None:
        """``open("wb")``."""
        with self.storage.open(name, "wb") as file:
            file.write(data)

    def read(self, name: str) -> int:
        """In the file's own chunks."""
        with self.storage.open(name) as file:
            return sum(len(chunk) for chunk in file.chunks())

    def part(self, name: str, offset: int) -> int:
        """Seek and read."""
        with self.storage.open(name) as file:
            file.seek(offset)
            return len(file.read(FEW))

    def missing(self, name: str) -> None:
        """FileNotFoundError."""
        with contextlib.suppress(FileNotFoundError):
            with self.storage.open(name) as file:
                file.read()
            must(met=False, what="FileNotFoundError")

    def exists(self, name: str) -> bool:
        """Ask."""
        found: bool = self.storage.exists(name)
        return found

    def size(self, name: str) -> int:
        """Ask."""
        found: int = self.storage.size(name)
        return found

    def url(self, name: str) -> str:
        """Ask."""
        found: str = self.storage.url(name)
        return found

    def list(self, name: str) -> int:
        """``listdir``; HashPathStorage's files are in directories."""
        directories, files = self.storage.listdir(name)
        return len(directories) + len(files)

    def delete(self, name: str) -> None:
        """Delete."""
        self.storage.delete(name)

    def close(self) -> None:
        """If it knows how; today's sometimes fail to."""
        for method in ("close", "disconnect"):
            if hasattr(self.storage, method):
                with contextlib.suppress(AttributeError):
                    getattr(self.storage, method)()
                return


def make(setup: dict[str, Any]) -> Subject:
    """Make the subject that a setup describes."""
    module, name = KINDS[setup["kind"]]
    made: Subject = getattr(importlib.import_module(f"benchmarks.{module}"), name)(setup)
    return made
