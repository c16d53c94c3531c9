"""The MogileFS chapter of the manual of 1.1.4, verbatim, in a project of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.projects.mogilefs import settings
from tests.servers import shared
from tests.servers.mogile import MogileFS
from tests.servers.mogile_tracker.wire import RefusedError

ROOT = Path(__file__).resolve().parents[2]
CLASSES = {"avatar": 3, "thumb": 1}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What comes of the project, in a process of its own."""
    cluster = shared(MogileFS)
    domain = settings.MOGILEFS_DOMAIN
    with suppress(RefusedError):  # it is there already
        cluster.ask("create_domain", domain=domain)
        for name, copies in CLASSES.items():
            given = {"domain": domain, "class": name, "mindevcount": copies}
            cluster.ask("create_class", **given)
    ports = [str(tracker.port) for tracker in cluster.trackers]
    # Django 4.2 and 5.0 tell that the documented setting will go.
    quiet = ["-W", "ignore:The DEFAULT_FILE_STORAGE setting"]
    done = subprocess.run(
        [sys.executable, "-W", "error", *quiet, "-m", "tests.projects.mogilefs", *ports],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.projects.mogilefs.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_settings_are_those_of_the_manual() -> None:
    """Word by word."""
    text = Path(settings.__file__).read_text(encoding="utf-8")
    for line in (
        'MOGILEFS_DOMAIN = "production"',
        'MOGILEFS_TRACKERS = ["foo.sample.com:7001", "bar.sample.com:7001"]',
        'MOGILEFS_MEDIA_URL = "/mogilefs/"',
        "SERVE_WITH_PERLBAL = True",
        'DEFAULT_FILE_STORAGE = "project.app.storages.MogileFSStorage"',
    ):
        assert f"\n{line}\n" in text


def test_the_project_works(found: dict[str, Any]) -> None:
    """Its files are saved in their classes, read, measured and served."""
    assert found["class"] == "storages.backends.mogilefs"
    assert found["read back"]
    assert found["size"] == [3, 2]
    assert found["names"][0].startswith("a_b")
    assert found["url"] == f"/mogilefs/{found['names'][0]}"
    assert found["served"]
    assert found["missing"] == 404
    kinds = [
        shared(MogileFS).ask("file_info", domain="production", key=name)["class"]
        for name in found["names"]
    ]
    assert kinds == ["avatar", "thumb"]


def test_perlbal_is_told_where_the_file_is(found: dict[str, Any]) -> None:
    """Without a body: Perlbal fetches it."""
    proxied = found["proxied"]
    assert (proxied["status"], proxied["type"], proxied["length"]) == (200, "image/png", 0)
    assert all(path.startswith("http://127.0.0.1:") for path in proxied["paths"].split())


def test_nothing_of_the_settings_is_in_migrations(found: dict[str, Any]) -> None:
    """Only the class is."""
    path, args, given = found["deconstructed"]
    assert path == "tests.projects.mogilefs.models.AvatarStorage"
    assert (args, given) == ([], {})


def test_the_checks_tell_what_to_write_today(found: dict[str, Any]) -> None:
    """The documented path is not where the class is any more."""
    assert found["messages"] == ["storages.W001"]
