"""The S3 storage under the name it had in 1.1.4 and until 1.8; see ``storages.backends.s3``."""

from __future__ import annotations

from typing import ClassVar

from storages.backends.s3.storage import S3File as S3BotoStorageFile
from storages.backends.s3.storage import S3Storage
from storages.options import option

__all__ = ["S3BotoStorage", "S3BotoStorageFile"]


class S3BotoStorage(S3Storage):
    """:class:`~storages.backends.s3.S3Storage`, but saving a name again replaces the file."""

    file_overwrite = option(
        settings=("AWS_S3_FILE_OVERWRITE",),
        default=True,
        type=bool,
        help="Whether saving a name again replaces the file.",
    )
    #: The constructor's positional arguments, those of 1.1.4.
    positional: ClassVar[tuple[str, ...]] = (
        "bucket_name",
        "access_key",
        "secret_key",
        "bucket_acl",
        "default_acl",
        "headers",
        "gzip",
        "gzip_content_types",
        "querystring_auth",
        "querystring_expire",
        "reduced_redundancy",
        "custom_domain",
        "secure_urls",
        "location",
        "file_name_charset",
        "preload_metadata",
        "addressing_style",
    )
