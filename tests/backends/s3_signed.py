"""What the tests of S3's URLs share. No server is asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from storages.backends.s3 import S3Storage

NOW = 1_800_000_123
KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def make(**options: Any) -> S3Storage:
    """A storage that reaches no server."""
    return S3Storage(**{"bucket_name": "bucket", **KEYS, **options})


def query(url: str) -> dict[str, str]:
    """The query parameters of a URL."""
    return {
        name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()
    }
