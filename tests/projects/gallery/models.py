"""File fields that name no storage, and one that names it by a callable."""

from __future__ import annotations

from typing import ClassVar

from django.core.files.storage import Storage, storages
from django.db import models


def chosen() -> Storage:
    """Run while the class below is created."""
    return storages["default"]


class Picture(models.Model):
    """Two files."""

    objects: ClassVar[models.Manager[Picture]] = models.Manager()

    plain = models.FileField(upload_to="d")
    chosen = models.FileField(upload_to="d", storage=chosen)

    def __str__(self) -> str:
        return str(self.plain)
