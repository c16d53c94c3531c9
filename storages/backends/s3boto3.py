"""The S3 storages under the names they had from 1.5 to 1.13; see ``storages.backends.s3``."""

from __future__ import annotations

from typing import ClassVar

from storages.backends.s3.static import S3ManifestStaticStorage, S3StaticStorage
from storages.backends.s3.storage import S3File as S3Boto3StorageFile
from storages.backends.s3.storage import S3Storage
from storages.options import option

__all__ = ["S3Boto3Storage", "S3Boto3StorageFile", "S3ManifestStaticStorage", "S3StaticStorage"]


class S3Boto3Storage(S3Storage):
    """:class:`~storages.backends.s3.S3Storage`, but saving a name again replaces the file."""

    file_overwrite = option(
        settings=("AWS_S3_FILE_OVERWRITE",),
        default=True,
        type=bool,
        help="Whether saving a name again replaces the file.",
    )
    #: The constructor's positional arguments, those that it had.
    positional: ClassVar[tuple[str, ...]] = ("default_acl", "bucket_name")
