"""Written by makemigrations in a project without any storage setting."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models

import tests.projects.gallery.models


class Migration(migrations.Migration):
    """The table of Picture."""

    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Picture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("plain", models.FileField(upload_to="d")),
                (
                    "chosen",
                    models.FileField(storage=tests.projects.gallery.models.chosen, upload_to="d"),
                ),
            ],
        ),
    ]
