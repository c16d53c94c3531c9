"""Savers of MogileFS that meet, in threads and processes, and some that are killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.testing.threads import run_threads
from tests.faults.kill_writers import number_of
from tests.faults.mogile_savers import KILLS
from tests.faults.mogile_scene import BEFORE, MogileScene, filled


@pytest.fixture
def scene() -> Iterator[MogileScene]:
    """A domain with two files."""
    with filled() as found:
        yield found


def savers(scene: MogileScene, action: str) -> Any:
    """What became of the processes of mogile_savers.py."""
    options = {"domain": scene.domain, "trackers": scene.cluster.addresses}
    for node in scene.cluster.nodes:
        scene.cluster.show(node, 0)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.mogile_savers", action, json.dumps(options)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("stray", ["same", "any"])
def test_twelve_threads_save_one_name(scene: MogileScene, stray: str) -> None:
    """Twelve files with twelve names, though refused renames hit other savers' commands."""
    for tracker in scene.cluster.trackers:
        tracker.verb("stray", stray)
    storage = scene.storage(direct=True)
    contents = [os.urandom(1000) for _ in range(12)]
    names = run_threads(
        *(partial(storage.save, "race.bin", ContentFile(each)) for each in contents)
    )
    assert len(set(names)) == 12
    assert "race.bin" in names
    hits = scene.cluster.all_fired()
    scene.cluster.clear()
    held = dict(zip(names, contents, strict=True))
    # One that is hit each time that it removes what it has sent in vain leaves a temporary.
    assert scene.files() == {**BEFORE, **held}
    assert ("stray any" in hits) == (stray == "any")


def test_eight_processes_save_one_name(scene: MogileScene) -> None:
    """Forked after the storage was used: none uses the connection of another."""
    names = savers(scene, "race")
    assert len(set(names)) == 8
    assert "race.bin" in names
    held = {name: b"%d" % number for number, name in enumerate(names)}
    assert scene.kept() == {**BEFORE, **held}


def test_savers_that_are_killed(scene: MogileScene) -> None:
    """Whole files only; what a killed one leaves has a temporary's name or none at all."""
    told = savers(scene, "create")
    assert told["interrupted"] > KILLS / 2
    files = scene.files()
    for name, old in BEFORE.items():
        assert files.pop(name) == old
    for name, held in files.items():
        # A saver that was killed when its file had the name already: the next one's is another.
        assert name.startswith(f"{number_of(held)}")
    assert {f"{number}.bin" for number in range(1, told["returned"] + 1)} <= files.keys()


def test_replacers_that_are_killed(scene: MogileScene) -> None:
    """The file is the one of the last save that returned, or of the one that was under way."""
    told = savers(scene, "replace")
    assert told["interrupted"] > KILLS / 2
    assert scene.kept().keys() == BEFORE.keys()
    held = scene.files()["replaced.bin"]
    assert number_of(held) in {told["returned"], told["returned"] + 1}
