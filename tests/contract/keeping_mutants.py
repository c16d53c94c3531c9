"""Storages that do not keep a secret to themselves, or keep what they should let go of."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from django.conf import settings

from storages import events
from storages.base import Reader, Source, Stat
from storages.errors import StorageError
from storages.options import option
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by


class WithPassword(MemoryStorage):
    """Has a password, and does nothing wrong."""

    password: str = option(default="hunter2-hunter2", type=str, secret=True)


@found_by("test_X30_configuration")
class PicklesSettings(WithPassword):
    """Has in its pickles what the settings say."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "password": self.password}


@found_by("test_X31_operations")
class LogsPasswords(WithPassword):
    """Logs in base64 how it logs in."""

    def _stat(self, key: str) -> Stat:
        events.logger.debug("Authorization: Basic %s", "dXNlcjpodW50ZXIyLWh1bnRlcjI=")
        return super()._stat(key)


@found_by("test_X31_operations")
class ReportsVariables(WithPassword):
    """Has its password in a variable, in a frame that Django's error reports show."""

    def _guarded(self, operation: str, key: str, call: Callable[[], Any]) -> Any:
        login = {"user": "me", "pass": self.password}
        with self._translating(operation, key):
            return call() if login else None


class TellsCauses(WithPassword):
    """Cleans its errors, and not what caused them; tests/stress/test_secrets.py finds it."""

    def _translation(self, error: Exception, operation: str, key: str) -> StorageError | None:
        ours = super()._translation(error, operation, key)
        if ours is not None:
            ours.__cause__ = error
        return ours


@found_by("test_B10_mixed_operations")
class RemembersAll(MemoryStorage):
    """Keeps whatever it was told, for ever."""

    told: ClassVar[list[Stat]] = []

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        reader = super()._open_read(key, offset=offset, version=version)
        self.told.append(Stat(reader.stat.size))
        return reader


@found_by("test_B10_mixed_operations")
class LeavesThreads(MemoryStorage):
    """Begins something in the background with each write, and does not wait for it."""

    over: ClassVar[threading.Event] = threading.Event()
    begun: ClassVar[list[threading.Thread]] = []

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        thread = threading.Thread(target=self.over.wait, daemon=True)
        thread.start()
        self.begun.append(thread)
        super()._write(key, source, overwrite=overwrite)

    @classmethod
    def end(cls) -> None:
        """Let the threads end, when the case has found them."""
        cls.over.set()
        for thread in cls.begun:
            thread.join(60)


@found_by("test_B10_mixed_operations")
class LeavesFiles(MemoryStorage):
    """Leaves a temporary file behind."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        with tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR, delete=False) as file:
            file.write(b"a copy")
        super()._write(key, source, overwrite=overwrite)


@found_by("test_B11_storages_come_and_go")
class KeptByItsClass(MemoryStorage):
    """Is never collected: its class has a list of all that were made."""

    made: ClassVar[list[Any]] = []

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.last = Stat(0)
        self.made.append(self)
