"""One run: what the store has already, and is not sent again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from storages.backends.s3 import S3StaticStorage, reading
from storages.static import listing
from storages.static.run import outside
from tests.servers import shared
from tests.servers.s3 import Moto
from tests.static import watched
from tests.static.classes import StaticMemory
from tests.static.places import PLACES
from tests.static.project import FILES, MANIFEST, Place, Project, configured, manifest_of
from tests.static.watched import in_memory

HERE = "tests.static.test_skipping"

# Fixtures, which pytest looks for in the module of the tests that take them.
project = watched.project
in_s3 = watched.in_s3


def test_content_decides_where_the_listing_tells_it(in_s3: Project) -> None:
    """A file that was only touched is not sent; one with older, other content of its size is."""
    in_s3.collect()
    for name, data in FILES.items():
        in_s3.write(name, data, later=3600)
    assert f"0 static files copied, {len(FILES)} unmodified" in in_s3.collect()
    other = FILES["img/i.png"][::-1]
    in_s3.write("img/i.png", other, later=-3600)
    assert "1 static file copied" in in_s3.collect()
    assert in_s3.stored()["img/i.png"] == other


def test_size_and_time_decide_elsewhere(project: Project) -> None:
    """Without a digest, a file is sent that has another size or is younger."""
    project.collect()
    project.write("img/i.png", FILES["img/i.png"][::-1], later=3600)
    assert "1 static file copied" in project.collect()
    project.write("img/i.png", b"of quite another size", later=-3600)
    assert "1 static file copied" in project.collect()
    project.write("img/i.png", b"OF QUITE ANOTHER SIZE", later=-3600)
    assert "0 static files copied" in project.collect()


def test_compressed(in_s3: Project) -> None:
    """What S3 is sent compressed is compared as it is sent."""
    options = {**in_s3.place.options, "gzip": True}
    zipped = Project(in_s3.directory, Place(in_s3.place.plain, in_s3.place.manifest, options))
    zipped.write("css/long.css", b"p { }" * 1000)
    zipped.collect(manifest=True)
    assert zipped.asked(manifest=True) == {"walk": 1}
    zipped.write("css/long.css", b"b { }" * 1000)
    assert "1 static file copied" in zipped.collect(manifest=True)


def test_encrypted_by_the_bucket(in_s3: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ETags turn out to be no MD5, since S3 encrypts with KMS, sizes and times decide."""
    options = in_s3.place.options
    client = shared(Moto).client()
    client.put_bucket_encryption(
        Bucket=options["bucket_name"],
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
        },
    )
    in_s3.collect()
    client.close()
    listed = reading.listed
    monkeypatch.setattr(
        reading, "listed", lambda *given: replace(listed(*given), checksum=f"md5:{'0' * 32}")
    )
    assert in_s3.asked() == {"walk": 1}
    assert f"0 static files copied, {len(FILES)} unmodified" in in_s3.collect()
    in_s3.write("css/b.css", FILES["css/b.css"][::-1], later=60)
    assert "1 static file copied" in in_s3.collect()
    # Without such encryption, another MD5 is another content.
    monkeypatch.setattr(S3StaticStorage, "_head", lambda *_: {})
    assert f"{len(FILES)} static files copied" in in_s3.collect()


def test_made_again_when_lost(in_s3: Project) -> None:
    """What has vanished from the store is sent again."""
    in_s3.collect(manifest=True)
    stored = in_s3.stored()
    with in_s3.place.storage() as storage:
        storage.delete_many([manifest_of(stored)["css/b.css"], "img/i.png", MANIFEST])
    in_s3.collect(manifest=True)
    assert in_s3.stored() == stored


@pytest.mark.parametrize("kind", ["moto", "sftp", "memory"])
def test_a_large_store(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uploads are listed as well, only the directories of static files are looked into."""
    with PLACES[kind]() if kind in PLACES else nullcontext(in_memory()) as place:
        project = Project(tmp_path, place)
        for number in range(20):
            project.put(f"uploads/{number % 5}/{number}.txt")
        monkeypatch.setattr(listing, "MOST", 10)
        project.collect(manifest=True)
        stored = project.stored()
        asked = project.asked(manifest=True)
        assert asked["write"] == 0
        # The directories of project.FILES, but two without files in them; some for the first look.
        assert 6 <= asked["list"] <= 6 + 14
        project.write("css/b.css", b"b { }", later=60)
        project.write("new/n.txt", b"new")
        assert "2 static files copied" in project.collect(manifest=True)
        assert len(project.stored()) == len(stored) + 4
        project.collect(clear=True)
        assert project.stored() == {**FILES, "css/b.css": b"b { }", "new/n.txt": b"new"}


class Vanishing(StaticMemory):
    """Somebody else deletes what is in it while the command collects."""

    def _list(self, prefix: str) -> Iterator[Any]:
        """Tell nothing of the files: each is asked about."""
        return (replace(entry, stat=None) for entry in super()._list(prefix))

    def post_process(self, paths: Any, **_: Any) -> Iterator[Any]:
        """Save a file as a project's own class may."""
        assert paths
        self._save("made.txt", ContentFile(b"made"))
        with outside():
            self.delete("made.txt")
        yield from ()


def test_deleted_by_another_meanwhile(project: Project) -> None:
    """What has gone since the listing is sent again."""
    project.put("made.txt", b"made")
    with configured(f"{HERE}.Vanishing", project.place.options, project.directory):
        call_command("collectstatic", interactive=False, verbosity=0)
    assert project.stored() == {**FILES, "made.txt": b"made"}
