"""The models of the documented doctest (manual of 1.1.4, section 1.2)."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models


def random_upload_to(instance: Any, filename: str) -> str:
    """Return a name that would differ if it were asked for twice (Django's ticket 5655)."""
    return f"{100 + secrets.randbelow(900)}/{filename}"


def custom_upload_to(instance: Any, filename: str) -> str:
    """Return a name that has nothing of the original."""
    return "foo"


class Document(models.Model):
    """One field for each way to choose a name; the tests give the fields their storage."""

    normal = models.FileField(upload_to="tests")
    custom = models.FileField(upload_to=custom_upload_to)
    random = models.FileField(upload_to=random_upload_to)
    default = models.FileField(upload_to="tests", default="tests/default.txt")

    def __str__(self) -> str:
        return str(self.normal)


class Picture(models.Model):
    """An image whose size is kept in the row."""

    width = models.IntegerField(default=0)
    height = models.IntegerField(default=0)
    file = models.ImageField(upload_to="pictures", width_field="width", height_field="height")

    def __str__(self) -> str:
        return str(self.file)
