"""One run of ``collectstatic``, measured; ``collectstatic.py`` starts it, once per figure.

It runs under this package and under django-storages 1.14.6, so it imports nothing of either that
the other does not have.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from django.conf import settings
from django.core.files.storage import Storage


def storage_class(protocol: str, *, ours: bool, manifest: bool) -> Any:
    """The class for static files: the package's own, or the one that a project would write."""
    if protocol == "none":
        return Nothing
    if protocol == "s3":
        from storages.backends import s3

        return s3.S3ManifestStaticStorage if manifest else s3.S3StaticStorage
    if protocol == "sftp":
        from storages.backends.sftpstorage import SFTPStorage

        kind: type = SFTPStorage
    else:
        from storages.backends.ftp import FTPStorage

        kind = FTPStorage
    # As our documentation says, and Django's.
    if ours:
        from storages.static import ManifestStaticFilesMixin, StaticFilesMixin

        mixin: type = ManifestStaticFilesMixin if manifest else StaticFilesMixin
        return type("Static", (mixin, kind), {})
    from django.contrib.staticfiles.storage import ManifestFilesMixin

    return type("Static", (ManifestFilesMixin, kind), {}) if manifest else kind


class Nothing(Storage):
    """A store that answers at once: everything is there. What is left is Django's own work."""

    def __init__(self, **_: Any) -> None:
        self.time = datetime.now(timezone.utc)

    def exists(self, name: str) -> bool:
        """Return True."""
        del name
        return True

    def get_modified_time(self, name: str) -> datetime:
        """Return the present."""
        del name
        return self.time


@contextmanager
def counted(protocol: str, storage: Any, *, ours: bool) -> Iterator[dict[str, int]]:
    """Count requests: those that botocore sends, or the hooks that are called."""
    seen = {"requests": 0}

    def count(**_: Any) -> None:
        seen["requests"] += 1

    if protocol == "s3":
        client = storage.client if ours else storage.connection.meta.client
        client.meta.events.register("before-send.s3", count)
    elif ours and protocol != "none":
        from storages import events

        events.operation.connect(count)
    else:
        seen.clear()
    yield seen


def main() -> None:
    """Run the command once and print what it took."""
    told = json.loads(sys.argv[1])
    ours = told["subject"] == "ours"
    settings.configure(
        DEBUG=False,
        USE_TZ=True,
        STATIC_URL="/static/",
        INSTALLED_APPS=["django.contrib.staticfiles"],
        STATICFILES_DIRS=[told["source"]],
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
        # The classes are made here; the settings have no path for them.
        STORAGES={
            "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            "staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        },
    )
    import django
    from django.core.files.storage import storages
    from django.core.management import call_command

    django.setup()
    kind = storage_class(told["protocol"], ours=ours, manifest=told["manifest"])
    storage = storages._storages["staticfiles"] = kind(**told["options"])  # type: ignore[attr-defined]  # noqa: SLF001
    with counted(told["protocol"], storage, ours=ours) as seen:
        storage.exists("nothing")  # what is needed is imported, and a connection open
        seen.update(dict.fromkeys(seen, 0))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        call_command("collectstatic", interactive=False, verbosity=0)
        took = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": took, "growth": (peak - before) * 1024, **seen}))


if __name__ == "__main__":
    main()
