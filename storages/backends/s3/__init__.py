"""Amazon S3 and servers that speak its protocol."""

from __future__ import annotations

from storages.backends.s3.values import CallingFormat

__all__ = ["CallingFormat"]
