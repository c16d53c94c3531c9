"""Life cycle: made without I/O, configured by the rules, pickled, put into migrations, closed."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from warnings import catch_warnings, simplefilter

from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.utils.module_loading import import_string

from storages.testing.case import ContractCase

__all__ = ["LifecycleContract"]

_watched: list[str] | None = None
_hooked = False


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _watched is not None and event.partition(".")[0] in _IO:
        _watched.append(f"{event}{args!r}")


_IO = {"open", "os", "socket", "sqlite3", "subprocess", "shutil", "tempfile", "ftplib", "http"}


@contextmanager
def watched_io() -> Iterator[list[str]]:
    """Give the list of the input and output that Python does in the block, in this process."""
    global _watched, _hooked  # noqa: PLW0603 - an audit hook cannot be removed again
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    found: list[str] = []
    _watched = found
    try:
        yield found
    finally:
        _watched = None


class LifecycleContract(ContractCase):
    """Chapter P."""

    def run_python(self, code: str) -> str:
        """Run ``code`` in a fresh interpreter without settings; return what it prints."""
        done = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": ""},
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def declared(self) -> tuple[type[Any], str, str]:
        """The storage's importable class (not one made in a test), its module and name."""
        for kind in type(self.storage).__mro__:
            if kind.__module__.partition(".")[0] not in {"tests", "__main__"}:
                return kind, kind.__module__, kind.__qualname__
        raise AssertionError

    def test_P00_import_is_inert(self) -> None:
        """The module can be imported by a settings file: no settings, no client library."""
        _, module, name = self.declared()
        library = self.client_library or "no_such_library"
        code = f"import sys; sys.modules[{library!r}] = None; import {module} as m; print(m.{name})"
        self.assertIn(name, self.run_python(code))

    def test_P01_pickles(self) -> None:
        """A storage that was used can be pickled, and the copy works on the same files."""
        data = self.content()
        name = self.put("d/p.txt", data)
        copy = pickle.loads(pickle.dumps(self.storage))  # noqa: S301 - our own
        if hasattr(copy, "close"):
            self.addCleanup(copy.close)
        self.assertIs(type(copy), type(self.storage))
        self.assertEqual(self.read(name, copy), data)
        other = self.content()
        second = self.put("d/q.txt", other, copy)
        self.assertFiles({name: data, second: other})

    def test_P02_F22_errors_are_ours_and_pickle(self) -> None:
        """F22: every error is ours, an OSError, says what, where and on which file, and pickles."""
        self.needs("extended")
        name = self.put("d/p.txt")
        attempts: list[tuple[Callable[[], Any], str]] = [
            (lambda: self.storage.open("no/missing.txt"), "no/missing.txt"),
            (lambda: self.storage.size("no/missing.txt"), "no/missing.txt"),
            (lambda: self.storage.stat("no/missing.txt"), "no/missing.txt"),
            (lambda: self.storage.copy("no/missing.txt", "x"), "no/missing.txt"),
            (lambda: self.storage.move("no/missing.txt", "x"), "no/missing.txt"),
            (lambda: self.storage.copy(name, name), name),
            (lambda: self.storage.size("d"), "d"),
        ]
        if not self.deletes_files_only:
            attempts.append((lambda: self.storage.delete("d"), "d"))
        if self.lists and not self.lists_missing_as_empty:
            attempts.append((lambda: self.storage.listdir("no/such"), "no/such"))
        if not self.nests_in_files:
            attempts.append((lambda: self.put(f"{name}/below"), f"{name}/"))
        for attempt, about in attempts:
            with self.subTest(about=about), self.assertOurs(OSError) as caught:
                attempt()
            (error,) = caught
            self.assertTrue(error.operation)
            self.assertTrue(error.name.startswith(about), error.name)
            self.assertIn(type(self.storage).__name__, error.storage)
            self.assertIn(error.name, str(error))
            self.assertIsNotNone(error.errno)
            copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
            self.assertIs(type(copy), type(error))
            self.assertEqual(str(copy), str(error))
            self.assertEqual(copy.args, error.args)
            for attribute in ("operation", "name", "storage", "hint", "errno"):
                self.assertEqual(getattr(copy, attribute), getattr(error, attribute))

    def test_F22_cause_is_kept(self) -> None:
        """F22: an error made of the store's own has that as its cause."""
        self.needs("extended")
        name = self.put("d/p.txt")
        with self.refusing(self.storage), self.assertOurs(PermissionError) as caught:
            self.storage.delete(name)
        self.assertIsNotNone(caught[0].__cause__)
        self.assertEqual(caught[0].operation, "remove")

    def test_P03_deconstructs(self) -> None:
        """``deconstruct`` tells how to make the same storage again."""
        data = self.content()
        name = self.put("d/p.txt", data)
        path, args, kwargs = self.storage.deconstruct()
        made = import_string(path)(*args, **kwargs)
        if hasattr(made, "close"):
            self.addCleanup(made.close)
        self.assertEqual(self.read(name, made), data)
        self.assertEqual(made.deconstruct(), (path, args, kwargs))

    def test_P03_migration_source(self) -> None:
        """A field with the storage can be written into a migration, and read from it."""
        field = models.FileField(upload_to="u", storage=self.storage)
        source, imports = MigrationWriter.serialize(field)
        found: dict[str, Any] = {}
        exec("\n".join([*imports, f"field = {source}"]), found)  # noqa: S102 - Django made it
        self.assertEqual(found["field"].storage.deconstruct(), self.storage.deconstruct(), source)
        if hasattr(found["field"].storage, "close"):
            self.addCleanup(found["field"].storage.close)

    def test_P04_no_change_twice(self) -> None:
        """The autodetector sees no change between two storages that are configured alike."""

        def state(storage: Any) -> ProjectState:
            field = models.FileField(upload_to="u", storage=storage)
            project = ProjectState()
            project.add_model(ModelState("app", "M", [("file", field)]))
            return project

        changes = MigrationAutodetector(
            state(self.storage), state(self.another()), MigrationQuestioner()
        ).changes(MigrationGraph())
        self.assertEqual(changes, {})

    def test_P05_client_library_missing(self) -> None:
        """Without its client library the storage names the extra that installs it."""
        if not self.client_library:
            self.not_applicable("no client library is needed")
        with catch_warnings():
            simplefilter("error")
            present = sys.modules.get(self.client_library)
            sys.modules[self.client_library] = None  # type: ignore[assignment]
            try:
                with self.assertRaises(Exception) as caught:
                    self.clone().exists("x")
            finally:
                del sys.modules[self.client_library]
                if present is not None:
                    sys.modules[self.client_library] = present
        from django.core.exceptions import ImproperlyConfigured

        self.assertIsInstance(caught.exception, ImproperlyConfigured)
        self.assertIn(f"[{self.extra}]", str(caught.exception))

    def test_P06_construction_does_no_io(self) -> None:
        """Making a storage opens, connects and looks up nothing."""
        path, args, kwargs = self.storage.deconstruct()
        kind = import_string(path)
        kind(*args, **kwargs)  # imports what it needs
        with watched_io() as found:
            kind(*args, **kwargs)
        self.assertEqual(found, [])

    def test_P07_unknown_option(self) -> None:
        """An option that does not exist is an error that names it."""
        with self.assertRaises((TypeError, ValueError)) as caught:
            self.clone(no_such_option=1)
        self.assertIn("no_such_option", str(caught.exception))

    def test_P08_settings_take_effect(self) -> None:
        """``override_settings`` reaches a storage that exists already, and goes again."""
        case = self.setting_case()
        if case is None:
            self.not_applicable("no setting can be changed in a test")
        settings, probe, expected = case
        storage = self.another()
        before = probe(storage)
        self.assertNotEqual(before, expected)
        with override_settings(**settings):
            self.assertEqual(probe(storage), expected)
        self.assertEqual(probe(storage), before)

    def test_P09_close(self) -> None:
        """``close`` and ``with`` give back everything; a closed storage can be used again."""
        self.needs("extended")
        data = self.content()
        with catch_warnings(record=True) as caught:
            simplefilter("always")
            with self.make_storage() as storage:
                name = self.put("d/p.txt", data, storage)
            storage.close()
            storage.close()
            self.assertEqual(self.read(name, storage), data)
            storage.close()
            del storage
            gc.collect()
        self.assertEqual([w for w in caught if w.category is ResourceWarning], [])

    def test_P10_is_not_callable(self) -> None:
        """A storage has no ``__call__``: FileField would take it for a factory of storages."""
        self.assertFalse(callable(self.storage))
