"""On every kind of store: once, again, after a change, with --clear, killed, and two at once."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.static.places import PLACES
from tests.static.project import FILES, MANIFEST, Project, manifest_of


@pytest.fixture(params=list(PLACES))
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project whose static files go to a store of that kind."""
    with PLACES[request.param]() as place:
        yield Project(tmp_path, place)


def assert_whole(stored: dict[str, bytes]) -> dict[str, str]:
    """Every file that the manifest names is there, and is what its name says; return the names."""
    paths = manifest_of(stored)
    for name, hashed in paths.items():
        assert hashlib.md5(stored[hashed]).hexdigest()[:12] in hashed, name
    return paths


def test_plain(project: Project) -> None:
    """All are copied, then none, then the one that changed."""
    assert f"{len(FILES)} static files copied" in project.collect()
    assert project.stored() == FILES
    assert f"0 static files copied, {len(FILES)} unmodified" in project.collect()
    project.write("css/b.css", b"b { color: blue }", later=60)
    assert f"1 static file copied, {len(FILES) - 1} unmodified" in project.collect()
    assert project.stored() == {**FILES, "css/b.css": b"b { color: blue }"}


def test_nothing_is_asked_but_the_listing(project: Project) -> None:
    """When nothing has changed, the store is asked what there is and told nothing."""
    project.collect(manifest=True)
    before = project.stored()
    asked = project.asked(manifest=True)
    assert not {"write", "remove", "remove_many"} & set(asked)
    if project.place.unchanged is not None:
        assert asked == project.place.unchanged
    assert project.stored() == before


def test_manifest(project: Project) -> None:
    """Hashed files are added beside the others; a change makes new ones of what it concerns."""
    assert f"{len(FILES)} post-processed" in project.collect(manifest=True)
    stored = project.stored()
    paths = assert_whole(stored)
    assert set(paths) == set(FILES)
    assert set(stored) == {*FILES, *paths.values(), MANIFEST}
    assert paths["css/b.css"].removeprefix("css/").encode() in stored[paths["css/a.css"]]
    with project.storage(manifest=True) as storage:
        assert storage.url("css/a.css").endswith(paths["css/a.css"])
    project.write("css/deep/c.css", b"u { }", later=60)
    project.collect(manifest=True)
    now = assert_whole(project.stored())
    changed = {"css/a.css", "css/b.css", "css/deep/c.css"}
    assert {name for name in paths if now[name] != paths[name]} == changed


def test_clear(project: Project) -> None:
    """What else is there goes, and everything is stored again."""
    project.collect(manifest=True)
    stored = project.stored()
    project.put("css/old.css")
    project.put("old/er/x.txt")
    assert f"{len(FILES)} static files copied" in project.collect(manifest=True, clear=True)
    assert project.stored() == stored
    project.collect(clear=True)
    assert project.stored() == FILES


def test_dry_run(project: Project) -> None:
    """``--dry-run`` changes nothing, neither does it with ``--clear``."""
    project.put("old.txt")
    out = project.collect(manifest=True, dry_run=True, clear=True, verbosity=2)
    assert "Pretending to delete 'old.txt'" in out
    assert f"{len(FILES)} static files copied" in out
    assert project.stored() == {"old.txt": b"old"}


@pytest.mark.parametrize("writes", [2, 9])
def test_killed(project: Project, writes: int) -> None:
    """A deploy that is killed leaves the old site whole; the next one completes it."""
    project.collect(manifest=True)
    old = project.stored()
    for name in FILES:
        project.write(name, FILES[name] + b" ", later=60)
    with project.deploy(die_after=writes) as process:
        assert process.wait(120) == -signal.SIGKILL
    killed = project.stored()
    assert killed[MANIFEST] == old[MANIFEST]
    assert assert_whole(killed) == manifest_of(old)
    # New names come first, then those that are replaced, and the manifest would have been the last.
    new = killed.keys() - old.keys()
    assert 0 < len(new) < len(FILES) if writes < len(FILES) else len(new) == len(FILES)
    project.collect(manifest=True)
    now = project.stored()
    assert not set(assert_whole(now).values()) & set(manifest_of(old).values())
    for name, data in FILES.items():
        assert now[name] == data + b" "


def test_two_at_once(project: Project, tmp_path: Path) -> None:
    """Of two deploys at once one is the last: its manifest, and every file that it names."""
    project.collect(manifest=True)
    other = Project(tmp_path.with_name(f"{tmp_path.name}-other"), project.place)
    for name in FILES:
        project.write(name, FILES[name] + b" one", later=60)
        other.write(name, FILES[name] + b" two", later=60)
    with project.deploy() as one, other.deploy() as two:
        assert (one.wait(120), two.wait(120)) == (0, 0)
    stored = project.stored()
    paths = assert_whole(stored)
    ends = {stored[hashed].rpartition(b" ")[2] for hashed in paths.values()}
    assert ends in ({b"one"}, {b"two"})
