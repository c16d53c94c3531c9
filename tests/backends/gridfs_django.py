"""A project with MongoDB's own backend for Django: run as a program, it prints what it finds."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from typing import Any

import django
from django.conf import settings


def main(uri: str, name: str) -> None:
    """Save, read and list through the alias; then again in a forked child."""
    settings.configure(
        USE_TZ=True,
        INSTALLED_APPS=["storages"],
        DATABASES={"default": {"ENGINE": "django_mongodb_backend", "HOST": uri, "NAME": name}},
        DEFAULT_AUTO_FIELD="django_mongodb_backend.fields.ObjectIdAutoField",
        STORAGES={"default": {"BACKEND": "storages.backends.mongodb.GridFSStorage"}},
        GRIDFS_DATABASE="default",
    )
    django.setup()
    from django.core.checks import run_checks
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage
    from django.db import connections

    from storages.backends.gridfs import clients

    storage: Any = default_storage
    connection: Any = connections["default"]

    def read() -> str:
        with storage.open("d/a.txt") as file:
            return str(file.read().decode())

    used = clients.database_of(storage).client
    found: dict[str, Any] = {
        "backend": metadata.version("django-mongodb-backend"),
        "client is Django's": used is connection.connection,
        "saved": storage.save("d/a.txt", ContentFile(b"content")),
        "read": read(),
        "listed": storage.listdir(""),
    }
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        told = [read(), clients.database_of(storage).client is not used]
        os.write(writing, json.dumps(told).encode())
        os._exit(0)
    os.waitpid(child, 0)
    found["in the child"], found["child has another client"] = json.loads(os.read(reading, 1000))
    storage.close()
    found["still open"] = bool(connection.database.command("ping"))
    found["checks"] = [it.id for it in run_checks()]
    connection.close_pool()
    print(json.dumps(found))  # noqa: T201 - it is a program


if __name__ == "__main__":
    main(*sys.argv[1:])
