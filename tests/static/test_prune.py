"""``syncstatic``: what is stored and no longer needed is told, or deleted."""

# mypy: disable-error-code="misc"
# The stub's url() of manifests differs.

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from storages.static import ManifestStaticFilesMixin
from storages.testing.memory import MemoryStorage
from tests.static.classes import StaticMemory
from tests.static.places import PLACES
from tests.static.project import FILES, Place, Project, configured, manifest_of


class Beside(ManifestStaticFilesMixin, MemoryStorage):
    """The manifest is stored by another storage, in the same place."""

    def __init__(self, **given: Any) -> None:
        super().__init__(manifest_storage=MemoryStorage(**given), **given)


class Making(StaticMemory):
    """It makes a file of its own, unless it is there."""

    def post_process(self, paths: Any, **_: Any) -> Iterator[Any]:
        """Make it."""
        assert paths
        if not self.exists("made.txt"):
            self._save("made.txt", ContentFile(b"made"))
        yield from ()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose static files are kept in memory."""
    options = {"place": uuid.uuid4().hex}
    classes = "tests.static.classes.StaticMemory", "tests.static.classes.ManifestMemory"
    yield Project(tmp_path, Place(*classes, options))
    StaticMemory(**options).clear()


def sync(project: Project, *, manifest: bool = True, **arguments: Any) -> str:
    """Run the command; return what it printed."""
    out = io.StringIO()
    given = {"interactive": False, **arguments}
    with project.storage(manifest=manifest):
        call_command("syncstatic", stdout=out, stderr=out, **given)
    return out.getvalue()


def test_without_prune(project: Project) -> None:
    """It collects, tells what is there besides, and deletes nothing."""
    project.put("old/a.txt")
    project.put("b.txt")
    out = sync(project)
    assert f"{len(FILES)} static files copied" in out
    assert "2 stored files are not among the static files:\n    1 in the root\n    1 in old" in out
    assert "--prune deletes them" in out
    assert {"old/a.txt", "b.txt"} < set(project.stored())
    assert "Not among the static files: 'old/a.txt'" in sync(project, verbosity=2)
    project.collect(manifest=True, clear=True)
    assert "not among" not in sync(project)


def test_prune(project: Project) -> None:
    """What neither this run nor the manifest before it names is deleted."""
    sync(project)
    first = project.stored()
    (project.directory / "img/i.png").write_bytes(b"second")
    sync(project, prune=True)
    second = project.stored()
    assert set(first) < set(second)
    project.write("css/a.css", b"", later=60)
    (project.directory / "deep/er/er/x.txt").unlink()
    out = sync(project, prune=True)
    third = project.stored()
    assert set(manifest_of(third)) == set(FILES) - {"deep/er/er/x.txt"}
    # Pages of the second deploy may still be about.
    assert set(manifest_of(second).values()) | set(manifest_of(third).values()) <= set(third)
    gone = set(manifest_of(first).values()) - set(manifest_of(second).values())
    assert gone
    assert not gone & set(third)
    assert "deep/er/er/x.txt" not in third
    assert f"{len(gone) + 1} stored files" in out
    sync(project, prune=True)
    unhashed = set(FILES) - {"deep/er/er/x.txt"}
    assert set(project.stored()) == {
        *unhashed,
        *manifest_of(third).values(),
        "staticfiles.json",
    }


@pytest.mark.parametrize(
    "arguments", [{"prune": True}, {"clear": True}, {"prune": True, "post_process": False}]
)
def test_a_manifest_stored_by_another_storage(project: Project, arguments: dict[str, bool]) -> None:
    """It stays, whichever storage has put it beside the files."""
    beside = Project(
        project.directory, replace(project.place, manifest="tests.static.test_prune.Beside")
    )
    sync(beside)
    first = beside.stored()
    sync(beside, **arguments)
    assert beside.stored() == first


@pytest.mark.parametrize("manifest", [False, True])
def test_nothing_found(project: Project, *, manifest: bool) -> None:
    """A project whose files have not been built yet deletes nothing."""
    sync(project, manifest=manifest)
    before = project.stored()
    nothing = project.directory / "nothing"
    nothing.mkdir()
    empty = Project(nothing, project.place)
    for name in FILES:
        (nothing / name).unlink()
    assert "No static files were found" in sync(empty, manifest=manifest, prune=True)
    assert set(project.stored()) == set(before)


def test_what_was_asked_about(project: Project) -> None:
    """A file that the storage's own class looked for, and so did not make again, stays."""
    making = Project(
        project.directory, replace(project.place, plain="tests.static.test_prune.Making")
    )
    project.put("old.txt")
    for _ in range(3):
        sync(making, manifest=False, prune=True)
        assert project.stored() == {**FILES, "made.txt": b"made"}


def test_prune_asks(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deleted before somebody has said yes."""
    project.put("old.txt")
    asked: list[str] = []
    answers = ["yes", "no", "yes", "yes"]

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return answers.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    assert "They are left" in sync(project, manifest=False, prune=True, interactive=True)
    assert "old.txt" in project.stored()
    sync(project, manifest=False, prune=True, interactive=True)
    assert project.stored() == FILES
    assert asked[1::2] == ["Type 'yes' to delete them: "] * 2


@pytest.mark.parametrize("manifest", [False, True])
def test_dry_run(project: Project, *, manifest: bool) -> None:
    """``--dry-run`` tells what would be deleted."""
    sync(project, manifest=manifest)
    project.put("old.txt")
    before = project.stored()
    out = sync(project, manifest=manifest, prune=True, dry_run=True)
    assert "Pretending to delete 1 files" in out
    assert project.stored() == before


@pytest.mark.parametrize("kind", ["moto", "sftp"])
def test_on_servers(kind: str, tmp_path: Path) -> None:
    """Also there, it deletes what is to go and nothing else."""
    with PLACES[kind]() as place:
        project = Project(tmp_path, place)
        project.put("old/a.txt")
        sync(project, prune=True)
        stored = project.stored()
        assert set(stored) == {*FILES, *manifest_of(stored).values(), "staticfiles.json"}


def test_other_storages(tmp_path: Path) -> None:
    """With another storage it refuses to run."""
    with (
        configured("tests.static.classes.Other", {}, tmp_path),
        pytest.raises(CommandError, match="needs a storage with one of the mix-ins"),
    ):
        call_command("syncstatic", interactive=False)
