"""A static storage outside of a run: saving, other threads, other storages, URLs, options."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.files.base import ContentFile
from django.core.management import call_command

from storages.backends.sftp import SFTPStorage
from storages.errors import OptionError
from storages.static import StaticFilesMixin, command
from storages.static.run import current
from storages.testing.memory import MemoryStorage
from tests.static import watched
from tests.static.classes import StaticMemory, StaticSFTP
from tests.static.project import FILES, Project, configured

# Fixtures, which pytest looks for in the module of the tests that take them.
project = watched.project


def test_an_ordinary_storage_at_other_times() -> None:
    """Saving replaces at once, deleting deletes."""
    storage = StaticMemory(place=uuid.uuid4().hex)
    assert storage.save("a.txt", ContentFile(b"one")) == "a.txt"
    assert storage.save("a.txt", ContentFile(b"two")) == "a.txt"
    with storage.open("a.txt") as file:
        assert file.read() == b"two"
    storage.delete("a.txt")
    assert not storage.exists("a.txt")
    assert current(storage) is None


def test_other_threads_during_a_run(project: Project) -> None:
    """What another thread asks the storage meanwhile is asked of the store."""
    seen = []

    class Curious(StaticMemory):
        def _upload(self, key: str, source: Any) -> None:
            super()._upload(key, source)
            seen.append(self.exists(key))

        def delete(self, name: str) -> None:
            def ask() -> None:
                seen.append(self.exists("css/a.css"))

            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
            super().delete(name)

    with configured("tests.static.classes.StaticMemory", project.place.options, project.directory):
        from django.core.files.storage import storages

        instances: Any = storages
        instances._storages["staticfiles"] = Curious(**project.place.options)
        Curious(**project.place.options).save("img/i.png", ContentFile(b"another"))
        call_command("collectstatic", interactive=False, verbosity=0)
    assert seen == [False, *[True] * len(FILES)]


def test_other_storages_are_left_alone(project: Project) -> None:
    """Django's command does with other storages what it always did, also with ours loaded."""
    command.attend()
    before = collectstatic.Command.collect
    command.attend()
    assert collectstatic.Command.collect is before
    with configured("tests.static.classes.Other", {}, project.directory) as storage:
        call_command("collectstatic", interactive=False, verbosity=0)
        assert storage.exists("css/a.css")
        storage.delete("css/a.css")


def test_urls() -> None:
    """URLs begin with STATIC_URL, whatever the settings for uploads say, unless told otherwise."""

    class Based(StaticFilesMixin, SFTPStorage):
        base_url = "https://cdn.example/"

    assert StaticSFTP(host="h").url("a b.css") == "/static/a%20b.css"
    given = StaticSFTP(host="h", base_url="https://x.example/")
    assert given.url("a.css") == "https://x.example/a.css"
    assert Based(host="h").url("a.css") == "https://cdn.example/a.css"


def test_options() -> None:
    """The mix-ins' options are options like all others."""
    with pytest.raises(OptionError, match="workers"):
        StaticMemory(workers=0)
    with pytest.raises(OptionError, match="Did you mean 'cache_control'"):
        StaticMemory(cache_contro="x")
    assert StaticMemory(workers=2).deconstruct()[2] == {"workers": 2}
    assert MemoryStorage().save("a", ContentFile(b"")) == "a"
    MemoryStorage().clear()
