"""The first tables."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import example.uploads.models


class Migration(migrations.Migration):
    """Make the tables of documents and of the side-by-side page."""

    initial = True

    dependencies: ClassVar[list[tuple[str, str]]] = []

    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="Comparison",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("size", models.PositiveBigIntegerField()),
                ("made", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("-made", "-pk"),
            },
        ),
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=100)),
                (
                    "owner",
                    models.SlugField(default="me", help_text="Whose badge the badge replaces."),
                ),
                (
                    "attachment",
                    models.FileField(
                        blank=True,
                        help_text="Any file. Stored in the database.",
                        upload_to="documents/",
                    ),
                ),
                (
                    "photo",
                    models.ImageField(
                        blank=True,
                        help_text="A picture. Stored by the image storage, named by what it is.",
                        storage=example.uploads.models.image_storage,
                        upload_to="photos/",
                    ),
                ),
                (
                    "badge",
                    models.FileField(
                        blank=True,
                        help_text=(
                            "Any file. Replaces the owner's earlier badge in the overwrite storage."
                        ),
                        storage=example.uploads.models.overwrite_storage,
                        upload_to=example.uploads.models.badge_name,
                    ),
                ),
            ],
            options={
                "ordering": ("title", "pk"),
            },
        ),
        migrations.CreateModel(
            name="Copy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("alias", models.CharField(max_length=50)),
                ("name", models.CharField(blank=True, max_length=512)),
                ("size", models.PositiveBigIntegerField(null=True)),
                ("url", models.CharField(blank=True, max_length=2048)),
                ("save_ms", models.FloatField(null=True)),
                ("read_ms", models.FloatField(null=True)),
                ("identical", models.BooleanField(default=False)),
                ("error", models.TextField(blank=True)),
                (
                    "comparison",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="copies",
                        to="uploads.comparison",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "copies",
                "ordering": ("pk",),
            },
        ),
    ]
