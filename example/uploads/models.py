"""Models whose files live in different storages, and what the side-by-side page remembers."""

from __future__ import annotations

from typing import ClassVar

from django.core.files.storage import Storage, storages
from django.db import models


def image_storage() -> Storage:
    """Return the storage of pictures. A function, so that no migration holds its settings."""
    return storages["image"]


def overwrite_storage() -> Storage:
    """Return the storage in which a name keeps its place."""
    return storages["overwrite"]


def badge_name(document: Document, _filename: str) -> str:
    """Give every document's badge one fixed name, whatever the upload is called."""
    return f"badges/{document.owner}.badge"


class Document(models.Model):
    """Something with files in three storages, to try in the admin."""

    title = models.CharField(max_length=100)
    owner = models.SlugField(default="me", help_text="Whose badge the badge replaces.")
    attachment = models.FileField(
        upload_to="documents/", blank=True, help_text="Any file. Stored in the database."
    )
    photo = models.ImageField(
        upload_to="photos/",
        blank=True,
        storage=image_storage,
        help_text="A picture. Stored by the image storage, named by what it is.",
    )
    badge = models.FileField(
        upload_to=badge_name,
        blank=True,
        storage=overwrite_storage,
        help_text="Any file. Replaces the owner's earlier badge in the overwrite storage.",
    )

    objects: ClassVar[models.Manager[Document]] = models.Manager()

    class Meta:
        """By title."""

        ordering = ("title", "pk")

    def __str__(self) -> str:
        return self.title


class Comparison(models.Model):
    """One upload that was stored in every storage."""

    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField()
    made = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Comparison]] = models.Manager()

    class Meta:
        """The newest first."""

        ordering = ("-made", "-pk")

    def __str__(self) -> str:
        return self.name


class Copy(models.Model):
    """What one storage made of that upload; ``error`` says why it made nothing of it."""

    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="copies")
    alias = models.CharField(max_length=50)
    name = models.CharField(max_length=512, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    url = models.CharField(max_length=2048, blank=True)
    save_ms = models.FloatField(null=True)
    read_ms = models.FloatField(null=True)
    identical = models.BooleanField(default=False)
    error = models.TextField(blank=True)

    class Meta:
        """In the order of settings.py."""

        ordering = ("pk",)
        verbose_name_plural = "copies"

    def __str__(self) -> str:
        return f"{self.comparison} in {self.alias}"
