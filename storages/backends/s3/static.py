"""Static files on S3."""

from __future__ import annotations

from typing import Any

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

    def load_manifest(self) -> Any:
        """Return the manifest's names and its hash; nothing yet to Django's constructor.

        A constructor asks no server: checks, migrations and commands make storages, too.
        """
        if "manifest_hash" not in self.__dict__:
            return {}, ""
        return super().load_manifest()

    @property
    def hashed_files(self) -> dict[str, str]:
        """The manifest: names and what they are with the hash; read when it is first needed."""
        known: dict[str, str] | None = self.__dict__.get("_hashed_files")
        if known is None:
            known, self.manifest_hash = self.load_manifest()
            self.hashed_files = known
        return known

    @hashed_files.setter
    def hashed_files(self, value: dict[str, str]) -> None:
        # The constructor's own value is none.
        self.__dict__["_hashed_files"] = value if "manifest_hash" in self.__dict__ else None
