"""Static files on any backend: ``collectstatic`` that lists once and sends only what is new.

Two mix-ins, to be put before a storage class::

    class StaticSFTPStorage(StaticFilesMixin, SFTPStorage): ...
    class ManifestSFTPStorage(ManifestStaticFilesMixin, SFTPStorage): ...

With them Django's own ``manage.py collectstatic`` asks the store for one listing, works on this
machine until all is known, and then sends what has changed, several files at a time. For S3 there
are ``storages.backends.s3.S3StaticStorage`` and ``S3ManifestStaticStorage``.
"""

from __future__ import annotations

from storages.static.mixins import ManifestStaticFilesMixin, StaticFilesMixin

__all__ = ["ManifestStaticFilesMixin", "StaticFilesMixin"]
