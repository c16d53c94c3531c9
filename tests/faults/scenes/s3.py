"""S3: a bucket behind a proxy, and boto3 past it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from storages.backends.s3 import S3Storage
from storages.backends.s3 import client as clients
from storages.base import RemoteStorage
from storages.retry import Retry
from storages.staging import is_temporary
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.patience import Patient
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server
from tests.servers.s3proxy import S3Proxy

__all__ = ["MotoScene", "PartsScene", "RadosGWScene"]

_IN_MEMORY = "moto keeps files in its memory; radosgw does not."
_UNSIGNED = "moto checks neither signatures nor checksums; radosgw does."


_NO_MD5 = Declared(
    "unnoticed",
    "The ETag of an object need not be its MD5: bytes that come the same a second time are taken "
    "for those that the server has.",
)


class _Storage(S3Storage):
    """Repeats as it is told, instead of as an option says."""

    retry = Retry()


class S3Scene(Patient):
    """A bucket of an S3 server."""

    backend = "s3"
    short = 0.7
    http = True
    secrets = (S3Server.secret_key,)
    kind: ClassVar[type[S3Server]]

    def open(self) -> None:
        """Make the bucket."""
        self.bucket = self.server.new_bucket()
        self.port = self.proxy(self.server.port).port
        self.raw = self.server.client()
        self.stack.callback(self.raw.close)

    @property
    def server(self) -> S3Server:
        """The process's one."""
        return shared(self.kind)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage with a client of its own: clients are shared by what they are made with."""
        port = self.server.port if direct else self.port
        wait = 60.0 if direct else self.timeout
        given = {
            "endpoint_url": f"http://127.0.0.1:{port}",
            "bucket_name": self.bucket,
            "connect_timeout": wait,
            "read_timeout": wait,
            "conditional_writes": True,
        }
        storage = _Storage(**self.server.options(**{**given, **more}))
        storage.retry = retry
        clients.forget(storage)
        return storage

    @contextmanager
    def rewritten(self) -> Iterator[tuple[S3Proxy, RemoteStorage]]:
        """What rewrites answers, and a storage behind it."""
        with S3Proxy(self.server.port) as wire:
            yield wire, self.storage(endpoint_url=wire.endpoint)

    def _names(self) -> list[str]:
        pages = self.raw.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def stored(self) -> dict[str, bytes]:
        """The objects, without those on which a server was tried out."""
        return {
            name: self.raw.get_object(Bucket=self.bucket, Key=name)["Body"].read()
            for name in self._names()
            if not is_temporary(name)
        }

    def _scratch(self) -> list[str]:
        return [name for name in self._names() if is_temporary(name)]

    def _uploads(self) -> list[dict[str, Any]]:
        told = self.raw.list_multipart_uploads(Bucket=self.bucket)
        found: list[dict[str, Any]] = told.get("Uploads", [])
        return found

    def orphans(self) -> int:
        """Uploads in parts that were neither completed nor given up, and scratch objects."""
        return len(self._uploads()) + len(self._scratch())

    def sweep(self) -> None:
        """Give them up, as a life cycle rule of the bucket does; delete the scratch objects."""
        for name in self._scratch():
            self.raw.delete_object(Bucket=self.bucket, Key=name)
        for upload in self._uploads():
            self.raw.abort_multipart_upload(
                Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )


class MotoScene(S3Scene):
    """moto keeps everything in memory, and believes everything."""

    service = "moto"
    kind = Moto
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.save.*": Declared("unnoticed", _UNSIGNED),
        "flip.read.always": _NO_MD5,
        "idle.*": Declared("impossible", "moto keeps no connection open."),
        "kill.*": Declared("impossible", _IN_MEMORY),
        "restart.*": Declared("impossible", _IN_MEMORY),
    }


class RadosGWScene(S3Scene):
    """Ceph's gateway, which checks signatures; killing it leaves what keeps the files."""

    tries_out = True  # what it makes of conditions
    service = "radosgw"
    kind = RadosGW
    declared: ClassVar[Mapping[str, Declared]] = {"flip.read.always": _NO_MD5}


class PartsScene(MotoScene):
    """Files that are sent in parts, of which some may be left."""

    service = "moto, in parts"
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.read.*": Declared(
            "unnoticed",
            "The ETag of an object in parts is no MD5, and moto sends no other checksum.",
        ),
        **MotoScene.declared,
    }
    size = 11 * 1024 * 1024
    long = 60.0
    seldom = ("freeze.*", "cut.*.3%.*", "flip.*", "*.last.*")

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """With the smallest parts that S3 takes."""
        return super().make(retry, direct=direct, file_buffer_size=5 * 1024 * 1024, **more)
