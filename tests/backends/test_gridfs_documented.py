"""The documented doctest (T1-T22 of the manual) and the documented settings, on GridFS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

from tests.contract.test_gridfs import GridFSPlace
from tests.documentation import DOCS, block_with
from tests.documented import DocumentedDoctest
from tests.servers import shared
from tests.servers.secantus import Secantus

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json
import django
django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
name = default_storage.save("d/a b.txt", ContentFile(b"content"))
with default_storage.open(name) as file:
    content = file.read().decode()
found = [default_storage.__class__.__module__, name, content, default_storage.listdir("d")]
default_storage.close()
print(json.dumps(found))
"""


class GridFSTest(DocumentedDoctest, GridFSPlace, unittest.TestCase):
    """SecantusDB."""


def test_the_documented_settings(tmp_path: Path) -> None:
    """They work as they stand in the manual of 1.1.4, on every supported Django.

    Only the port and the database's name are those of the test.
    """
    server = shared(Secantus)
    name = server.new_database()
    settings = block_with(DOCS / "backends" / "gridfs.rst", "django_mongodb_engine.mongodb").code
    for shown, real in (("'test'", f"'{name}'"), ("27017", str(server.port))):
        assert shown in settings
        settings = settings.replace(shown, real)
    (tmp_path / "documented.py").write_text(f"{settings}\nINSTALLED_APPS = ['storages']\n")
    done = subprocess.run(
        # Django 4.2 and 5.0 honour the setting themselves, and say that it will go.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "documented",
        },
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert found == ["storages.backends.gridfs.storage", "d/a b.txt", "content", [[], ["a b.txt"]]]
    with server.client() as client:
        assert client[name].fs.files.count_documents({"filename": "d/a b.txt"}) == 1
        client.drop_database(name)
