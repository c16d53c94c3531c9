"""Static files on S3."""

from __future__ import annotations

from django.contrib.staticfiles.storage import ManifestFilesMixin

from storages.backends.s3.storage import S3Storage

__all__ = ["S3ManifestStaticStorage", "S3StaticStorage"]


class S3StaticStorage(S3Storage):
    """For ``collectstatic``: saving replaces, and URLs are never signed."""

    __module__ = "storages.backends.s3"

    # Whatever the settings say: those are for uploads.
    file_overwrite = True
    querystring_auth = False


class S3ManifestStaticStorage(ManifestFilesMixin, S3StaticStorage):  # type: ignore[misc]
    """:class:`S3StaticStorage` with the hash of a file's content in its name."""

    # The stub's url() knows "force" and no S3 arguments: Django's own is what is called.
    __module__ = "storages.backends.s3"
