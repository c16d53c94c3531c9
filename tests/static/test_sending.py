"""One run: what is sent in which order and with which headers, what is said, what may go wrong."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from storages import events
from storages.errors import SourceChanged, Unavailable
from storages.static import uploading
from storages.static.drafts import Draft
from tests.servers import shared
from tests.servers.s3 import Moto
from tests.static import watched
from tests.static.classes import ManifestMemory, StaticDatabase
from tests.static.places import PLACES
from tests.static.project import FILES, MANIFEST, Place, Project, configured, manifest_of
from tests.static.watched import Watched

HERE = "tests.static.test_sending"

# Fixtures, which pytest looks for in the module of the tests that take them.
project = watched.project
in_s3 = watched.in_s3


# -------------------------------------------------------------------- what is sent


def test_order(project: Project) -> None:
    """What is new is stored first, then what replaces something, then the manifest."""
    project.collect(manifest=True)
    project.write("css/b.css", b"b { }", later=60)
    project.write("new.txt", b"new")
    written = []

    def note(event: events.Operation, **_: Any) -> None:
        if event.operation == "write":
            written.append(event.name)

    events.operation.connect(note)
    try:
        project.collect(manifest=True)
    finally:
        events.operation.disconnect(note)
    paths = manifest_of(project.stored())
    new = {"new.txt", *(paths[name] for name in ("new.txt", "css/a.css", "css/b.css"))}
    assert set(written[:4]) == new
    assert written[4:] == ["css/b.css", MANIFEST]


def test_workers(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most ``workers`` files are sent at a time, and more than one when it takes long."""
    project.collect(manifest=True)
    assert Watched.most == 1
    monkeypatch.setattr(uploading, "LONG", 0)
    for number in range(20):
        project.write(f"many/{number}.txt", b"x")
    project.collect(manifest=True)
    assert 1 < Watched.most <= 3


def test_a_failure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file that cannot be stored is named; the manifest is not stored; it goes on."""
    project.collect(manifest=True)
    before = project.stored()
    for number in range(20):
        project.write(f"many/{number:02}.txt", b"x")
    monkeypatch.setattr(uploading, "LONG", 0)
    monkeypatch.setattr(Watched, "broken", ("many/03.txt", "many/04.txt"))
    with pytest.raises(CommandError, match=r"'many/03.txt' could not be stored: .*It broke") as it:
        project.collect(manifest=True)
    assert "The site goes on with the files that it has" in str(it.value)
    assert isinstance(it.value.__cause__, Unavailable)
    assert project.stored()[MANIFEST] == before[MANIFEST]
    monkeypatch.undo()
    project.collect(manifest=True)
    assert len(manifest_of(project.stored())) == len(FILES) + 20


def test_a_name_that_the_store_refuses(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named like any other failure."""

    def refuse(*_: Any, **__: Any) -> None:
        raise SuspiciousFileOperation("It cannot be said in this encoding.")

    monkeypatch.setattr(Watched, "_write", refuse)
    with pytest.raises(CommandError, match=r"'a b/é\.\w+\.txt' could not be stored: It cannot"):
        project.collect(manifest=True)


def test_no_answer(tmp_path: Path) -> None:
    """A store that does not answer is named, and so is what was asked of it."""
    options = {"host": "127.0.0.1", "params": {"port": 9}, "host_key_policy": "ignore"}
    place = Place("tests.static.classes.StaticSFTP", "tests.static.classes.ManifestSFTP", options)
    with pytest.raises(CommandError, match=r"walk on StaticSFTP.*127\.0\.0\.1"):
        Project(tmp_path, place).collect()


def test_only_so_many_are_begun_after_a_failure() -> None:
    """The rest is left, however long it is."""
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 5:
            raise OSError("broken")

    done: list[int] = []
    with pytest.raises(OSError, match="broken"):
        done.extend(uploading.each(work, iter(range(10_000)), 3))
    assert done == [0, 1, 2, 3, 4]
    assert len(begun) < 100
    assert not [t for t in threading.enumerate() if t.name.startswith("storages-static")]


def test_one_thread() -> None:
    """What uses Django's own connection is stored by the thread that it belongs to."""
    assert StaticDatabase(using="default", base_url=None)._workers == 1
    seen = set()
    list(uploading.each(lambda _: seen.add(threading.current_thread()), range(5), 1))
    assert seen == {threading.current_thread()}


def test_a_source_that_changes(tmp_path: Path) -> None:
    """A file that is edited between looking and sending is an error, not a wrong hash."""
    path = tmp_path / "a.css"
    path.write_bytes(b"one")
    draft = Draft.of(str(path))
    path.write_bytes(b"other")
    with pytest.raises(SourceChanged, match="Run the command again"), draft.opened():
        pass


def test_another_deploy_meanwhile(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``--clear`` was to delete is left when another deploy was the last."""
    project.put("old.txt")
    save = Watched._upload

    def and_another(self: Any, key: str, source: Any) -> None:
        save(self, key, source)
        if key == MANIFEST:
            project.put(MANIFEST, b"another")

    monkeypatch.setattr(Watched, "_upload", and_another)
    out = project.collect(manifest=True, clear=True)
    assert "1 files were to be deleted, but another run" in out
    assert project.stored()["old.txt"] == b"old"


# ------------------------------------------------------------------- what is said


def watched_command(verbosity: int, *, tty: bool) -> Any:
    """Something that prints, like a command."""
    out = io.StringIO()
    lines: list[str] = []

    def write(text: str, ending: str = "\n") -> None:
        lines.append(text + ending)

    stdout = SimpleNamespace(write=write, isatty=lambda: tty, flush=lambda: None)
    return SimpleNamespace(verbosity=verbosity, stdout=stdout, lines=lines, out=out)


def told(verbosity: int, *, tty: bool, count: int = 3) -> list[str]:
    """What is printed for so many files."""
    command = watched_command(verbosity, tty=tty)
    items = [(str(number), None) for number in range(count)]
    uploading.do_all(command, "Stored", items, lambda *_: None, 2)
    lines: list[str] = command.lines
    return lines


def test_lines() -> None:
    """Each file in order, when asked for; nothing without; nothing for what was quick."""
    assert told(2, tty=False) == ["Stored '0'\n", "Stored '1'\n", "Stored '2'\n"]
    assert told(2, tty=True) == told(2, tty=False)
    assert told(0, tty=True) == []
    assert told(1, tty=False) == []


def test_lines_of_a_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal, a line now and then says how far it is."""
    monkeypatch.setattr(uploading, "_SELDOM", -1)
    assert told(1, tty=False) == [f"Stored {number} of 3 files\n" for number in (1, 2, 3)]


def test_bar() -> None:
    """A terminal gets a bar, which is full at the end."""
    lines = told(1, tty=True)
    assert lines[-2] == f"\rStored [{'#' * 30}] 3/3"
    assert lines[-1] == "\n"
    assert told(1, tty=True, count=0) == []


def test_the_command_names_files_in_order(project: Project) -> None:
    """With ``--verbosity 2`` every file is named when it is stored."""
    lines = project.collect(verbosity=2).splitlines()
    stored = [line.split("'")[1] for line in lines if line.startswith("Stored ")]
    assert stored == sorted(FILES)


# ---------------------------------------------------------------------- headers


def test_cache_control(in_s3: Project) -> None:
    """Files with a hash in the name may be kept for ever, others for a minute."""
    in_s3.collect(manifest=True)
    options = in_s3.place.options
    client = shared(Moto).client()

    def header(name: str) -> str | None:
        key = f"{options['location']}/{name}"
        value = client.head_object(Bucket=options["bucket_name"], Key=key).get("CacheControl")
        return None if value is None else str(value)

    try:
        paths = manifest_of(in_s3.stored())
        assert header(paths["css/a.css"]) == "public, max-age=31536000, immutable"
        assert header(paths["img/i.png"]) == "public, max-age=31536000, immutable"
        assert header("css/a.css") == header(MANIFEST) == "public, max-age=60"
        with in_s3.place.storage() as storage:
            storage.save("by/hand.txt", ContentFile(b"x"))
        assert header("by/hand.txt") == "public, max-age=60"
        for given, expected in (
            ({"cache_control": ""}, None),
            ({"cache_control": "no-cache"}, "no-cache"),
            ({"object_parameters": {"CacheControl": "private"}}, "private"),
        ):
            more = Place(in_s3.place.plain, in_s3.place.manifest, {**options, **given})
            Project(in_s3.directory, more).collect(clear=True)
            assert header("css/a.css") == expected
    finally:
        client.close()


class Compressing(ManifestMemory):
    """A project's own class, which stores more files than Django does."""

    given_to: ClassVar[dict[str, str | None]] = {}
    seen: ClassVar[list[Any]] = []

    def post_process(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Store a second form of a file under a constant name."""
        yield from super().post_process(*args, **options)
        self.seen.append((self.listdir("img"), self.listdir("deep")))
        with self.open("css/b.css", "r") as file:
            self.seen.append(file.read().encode())
        self._save("css/a.css.gz", ContentFile(b"zipped"))
        self._save("v.0123456789ab.x/readme", ContentFile(b"in a directory with such a name"))

    def _write(self, key: str, source: Any, *, overwrite: bool) -> None:
        self.given_to[key] = source.cache_control
        super()._write(key, source, overwrite=overwrite)


def test_cache_control_of_what_a_project_makes(project: Project) -> None:
    """A file under a constant name is not kept for ever, whoever has made it."""
    with configured(f"{HERE}.Compressing", project.place.options, project.directory):
        call_command("collectstatic", interactive=False, verbosity=0)
    given = Compressing.given_to
    paths = manifest_of(project.stored())
    assert {given[name] for name in paths.values()} == {"public, max-age=31536000, immutable"}
    constant = ("css/a.css", "css/a.css.gz", "v.0123456789ab.x/readme")
    assert {given[name] for name in constant} == {"public, max-age=60"}


def test_what_a_project_sees(project: Project) -> None:
    """What was saved in the run is listed, and read as text as well, before it is stored."""
    Compressing.seen.clear()
    with configured(f"{HERE}.Compressing", project.place.options, project.directory):
        for _ in range(2):
            call_command("collectstatic", interactive=False, verbosity=0)
    image = manifest_of(project.stored())["img/i.png"].removeprefix("img/")
    assert len(Compressing.seen) == 4
    for (directories, files), (below, none) in Compressing.seen[::2]:
        assert (directories, sorted(files)) == ([], [image, "i.png"])
        assert (below, none) == (["er"], [])
    assert Compressing.seen[1::2] == [FILES["css/b.css"]] * 2


def test_cache_control_in_swift(tmp_path: Path) -> None:
    """Swift keeps the header, too."""
    with PLACES["cloudfiles"]() as place:
        project = Project(tmp_path, place)
        project.collect(manifest=True)
        name = manifest_of(project.stored())["css/a.css"]
        with place.storage() as storage:
            assert storage._head(name).headers["Cache-Control"].endswith("immutable")
            assert storage._head("css/a.css").headers["Cache-Control"] == "public, max-age=60"
