"""Static files on S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storages.backends.s3.encoding import encoded
from storages.backends.s3.storage import S3Storage
from storages.staging import Source
from storages.static import ManifestStaticFilesMixin, StaticFilesMixin

__all__ = ["S3ManifestStaticStorage", "S3StaticStorage"]


class S3StaticStorage(StaticFilesMixin, S3Storage):
    """For ``collectstatic``: saving replaces, and URLs are never signed."""

    __module__ = "storages.backends.s3"

    # Whatever the settings say: those are for uploads.
    file_overwrite = True
    querystring_auth = False

    @contextmanager
    def _as_stored(self, key: str, source: Source) -> Iterator[Source]:
        parameters = self._get_write_parameters(self._key(key), source)
        with encoded(self, source, parameters) as (body, _):
            yield body

    def _is_digest(self, key: str) -> bool:
        """Ask for the object, until one turns out to be encrypted: then ETags are no MD5."""
        if "_encrypts" not in self.__dict__:
            answer = self._head(self._key(key))
            method = str(answer.get("ServerSideEncryption") or "")
            if not (method.startswith("aws:kms") or answer.get("SSECustomerAlgorithm")):
                return True
            self.__dict__["_encrypts"] = True
        return False


class S3ManifestStaticStorage(ManifestStaticFilesMixin, S3StaticStorage):  # type: ignore[misc]
    """:class:`S3StaticStorage` with the hash of a file's content in its name."""

    # The stub's url() knows "force" and no S3 arguments: Django's own is what is called.
    __module__ = "storages.backends.s3"
