"""What Django documents of manifests holds: references, source maps, errors, strictness."""

# mypy: disable-error-code="misc"
# The stub's url() of manifests differs.

from __future__ import annotations

import gc
import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import override_settings

from storages import events
from storages.static import ManifestStaticFilesMixin
from storages.testing.memory import MemoryStorage
from tests.static.project import FILES, MANIFEST, Place, Project, configured, manifest_of

CLASSES = "tests.static.classes"
HERE = "tests.static.test_manifest"


class Lax(ManifestStaticFilesMixin, MemoryStorage):
    """Names that the manifest lacks are no errors."""

    manifest_strict = False


class Modules(ManifestStaticFilesMixin, MemoryStorage):
    """Scripts that import others."""

    support_js_module_import_aggregation = True


class Unhashed(ManifestStaticFilesMixin, MemoryStorage):
    """Names stay as they are."""

    def file_hash(self, name: str, content: Any = None) -> Any:
        """Return None: no hash."""
        return None


class Signing(ManifestStaticFilesMixin, MemoryStorage):
    """A project's own way of storing."""

    def _save(self, name: str, content: Any) -> str:
        data = content.read()
        if not name.endswith(".json"):
            data += b"/* signed */"
        return super()._save(name, ContentFile(data))


class Elsewhere(ManifestStaticFilesMixin, MemoryStorage):
    """The manifest is in a storage of its own."""

    def __init__(self, **given: Any) -> None:
        super().__init__(manifest_storage=MemoryStorage(place=f"{given['place']}-2"), **given)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose static files are kept in memory."""
    options = {"place": uuid.uuid4().hex}
    yield Project(tmp_path, Place(f"{CLASSES}.StaticMemory", f"{CLASSES}.ManifestMemory", options))
    MemoryStorage(**options).clear()


def collect(project: Project, backend: str, **arguments: Any) -> str:
    """Run the command with another class."""
    out = io.StringIO()
    with configured(backend, project.place.options, project.directory):
        call_command("collectstatic", interactive=False, stdout=out, stderr=out, **arguments)
    return out.getvalue()


def test_nested_stylesheets(project: Project) -> None:
    """A stylesheet has the hash of what it becomes when those that it refers to have theirs."""
    project.collect(manifest=True)
    stored = project.stored()
    paths = manifest_of(stored)
    image = paths["img/i.png"]
    deepest = stored[paths["css/deep/c.css"]].decode()
    assert f"../../{image}#x" in deepest
    between = stored[paths["css/b.css"]].decode()
    assert f'url("{paths["css/deep/c.css"].removeprefix("css/")}")' in between
    assert image not in between
    assert f'url("../{image}")' in stored[paths["css/a.css"]].decode()
    assert json.loads(stored[MANIFEST])["version"] == "1.1"


def test_source_maps(project: Project) -> None:
    """References to source maps of stylesheets and scripts get the map's hash."""
    project.write("js/a.js", b"let a;\n//# sourceMappingURL=a.js.map\n")
    project.write("js/a.js.map", b"{}")
    project.write("css/m.css", b"p { }\n/*# sourceMappingURL=m.css.map */\n")
    project.write("css/m.css.map", b"{}")
    project.collect(manifest=True)
    stored = project.stored()
    paths = manifest_of(stored)
    script = stored[paths["js/a.js"]].decode()
    assert f"//# sourceMappingURL={paths['js/a.js.map'].removeprefix('js/')}" in script
    style = stored[paths["css/m.css"]].decode()
    assert f"/*# sourceMappingURL={paths['css/m.css.map'].removeprefix('css/')} */" in style


def test_modules(project: Project) -> None:
    """With ``support_js_module_import_aggregation`` imports of scripts are rewritten."""
    project.write("js/main.js", b'import { a } from "./lib/a.js";\n')
    project.write("js/lib/a.js", b"export const a = 1;\n")
    collect(project, f"{HERE}.Modules")
    stored = project.stored()
    paths = manifest_of(stored)
    assert paths["js/lib/a.js"].removeprefix("js/") in stored[paths["js/main.js"]].decode()


@pytest.mark.parametrize("reference", ["../img/nope.png", "../../../etc/passwd", "img//a.png"])
def test_missing_reference(project: Project, reference: str) -> None:
    """A reference to nothing is told with both files and what to do; nothing is stored."""
    project.collect(manifest=True)
    before = project.stored()
    project.write("css/x.css", f'p {{ background: url("{reference}") }}'.encode())
    with pytest.raises((ValueError, CommandError)) as caught:
        project.collect(manifest=True)
    told = str(caught.value)
    assert "'css/x.css' refers to a file that is not among the static files" in told
    assert Path(reference).name in told
    assert "correct or remove the reference" in told
    if django.VERSION >= (6, 1):
        assert "on line" in told
    assert project.stored() == before
    # What Django was reading is closed by now, else this is a ResourceWarning.
    del caught
    gc.collect()


def test_other_references(project: Project) -> None:
    """What is no static file is left as it is: directories, other hosts, data, fragments."""
    text = (
        'p { background: url("../img") url("../img/") url(//a.example/x.png) url(#f) url(data:,x) }'
    )
    project.write("css/x.css", text.encode())
    asked = project.asked(manifest=True)
    assert asked["open_read"] == 0
    stored = project.stored()
    assert stored[manifest_of(stored)["css/x.css"]].decode() == text


def test_not_utf8(project: Project) -> None:
    """A stylesheet in another encoding is named, where Django lets it be; nothing is stored."""
    project.write("css/latin.css", b"/* \xe9 */")
    with pytest.raises((ValueError, CommandError)) as caught:
        project.collect(manifest=True)
    if django.VERSION >= (5, 1):
        assert "'css/latin.css' is not UTF-8" in str(caught.value)
    assert project.stored() == {}


def test_circle(project: Project) -> None:
    """Stylesheets that import each other are told to be a circle."""
    project.write("css/one.css", b'@import "two.css";')
    project.write("css/two.css", b'@import "one.css";')
    with pytest.raises((RuntimeError, CommandError), match="refer to each other in a circle"):
        project.collect(manifest=True)
    assert project.stored() == {}


def test_strict(project: Project) -> None:
    """A name that is not in the manifest is an error, unless ``manifest_strict`` is False."""
    project.collect(manifest=True)
    project.put("later.txt", b"later")
    with project.storage(manifest=True) as storage:
        assert storage.url("css/a.css").startswith("/static/css/a.")
        with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
            storage.url("later.txt")
    with configured(f"{HERE}.Lax", project.place.options, project.directory) as storage:
        assert storage.url("later.txt").startswith("/static/later.")
        assert storage.url("later.txt") != "/static/later.txt"
        with pytest.raises(ValueError, match="could not be found"):
            storage.url("never.txt")
    with project.storage(manifest=True) as storage, override_settings(DEBUG=True):
        assert storage.url("css/a.css") == "/static/css/a.css"


def test_names_without_hashes(project: Project) -> None:
    """A class that gives no hashes has every file once."""
    collect(project, f"{HERE}.Unhashed")
    assert set(project.stored()) == {*FILES, MANIFEST}


def test_a_method_of_the_project(project: Project) -> None:
    """What a subclass does to each file when it is saved is done once."""
    collect(project, f"{HERE}.Signing")
    stored = project.stored()
    assert stored["img/i.png"] == FILES["img/i.png"] + b"/* signed */"
    assert stored[manifest_of(stored)["css/a.css"]].count(b"/* signed */") == 1
    collect(project, f"{HERE}.Signing")
    assert project.stored() == stored


def test_manifest_elsewhere(project: Project) -> None:
    """A manifest in another storage is stored when all files are."""
    seen = []

    def note(event: events.Operation, storage: Any, **_: Any) -> None:
        if event.operation == "write":
            seen.append(event.name)

    events.operation.connect(note)
    try:
        collect(project, f"{HERE}.Elsewhere")
    finally:
        events.operation.disconnect(note)
    assert seen[-1] == MANIFEST
    assert MANIFEST not in project.stored()
    with MemoryStorage(place=f"{project.place.options['place']}-2") as manifests:
        with manifests.open(MANIFEST) as file:
            paths = json.loads(file.read())["paths"]
        manifests.clear()
    assert set(paths.values()) <= set(project.stored())


def test_no_post_process(project: Project) -> None:
    """``--no-post-process`` stores the files under their names, and no manifest."""
    assert f"{len(FILES)} static files copied" in project.collect(manifest=True, post_process=False)
    assert project.stored() == FILES
    project.put(MANIFEST, b"damaged")
    # Nobody has asked for the manifest.
    assert project.asked(manifest=True, post_process=False)["open_read"] == 0


def test_ignore(project: Project) -> None:
    """``--ignore`` leaves files out."""
    project.collect(manifest=True, ignore_patterns=["*.txt"])
    expected = {name for name in FILES if not name.endswith(".txt")}
    assert set(manifest_of(project.stored())) == expected


def test_links_are_refused(project: Project) -> None:
    """``-l`` cannot work, and says so."""
    with pytest.raises(CommandError, match="Can't symlink to a remote destination"):
        project.collect(link=True)
    assert project.stored() == {}


@pytest.mark.parametrize("manifest", [False, True])
def test_links_are_refused_in_a_directory(tmp_path: Path, *, manifest: bool) -> None:
    """So it is where links could be made: what is stored at the end cannot be linked before."""
    place = Place(
        f"{CLASSES}.StaticLocal", f"{CLASSES}.ManifestLocal", {"location": str(tmp_path / "out")}
    )
    project = Project(tmp_path / "source", place)
    with pytest.raises(CommandError, match=r"--link cannot be used with .*Local"):
        project.collect(manifest=manifest, link=True)
    assert project.stored() == {}
    project.collect(manifest=manifest)
    before = project.stored()
    assert set(FILES) <= set(before)
    assert f"{len(FILES)} unmodified" in project.collect(manifest=manifest)
    project.collect(manifest=manifest, clear=True)
    assert project.stored() == before


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("manifest", [False, True])
def test_links_of_another_storage(tmp_path: Path, *, manifest: bool, clear: bool) -> None:
    """Links that Django's own storage has made become files, and what they lead to stays."""
    out = tmp_path / "out"
    place = Place(f"{CLASSES}.StaticLocal", f"{CLASSES}.ManifestLocal", {"location": str(out)})
    project = Project(tmp_path / "source", place)
    for name in FILES:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).symlink_to(project.directory / name)
    sources = {name: (project.directory / name).stat() for name in FILES}
    project.collect(manifest=manifest, clear=clear)
    assert [name for name in FILES if (out / name).is_symlink()] == []
    assert {name: (out / name).read_bytes() for name in FILES} == FILES
    assert {name: (project.directory / name).stat().st_ino for name in FILES} == {
        name: found.st_ino for name, found in sources.items()
    }
    assert f"{len(FILES)} unmodified" in project.collect(manifest=manifest)
