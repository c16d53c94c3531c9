"""The one app of the example site."""

from __future__ import annotations

from django.apps import AppConfig


class UploadsConfig(AppConfig):
    """Pages and models that show what each storage does with a file."""

    name = "example.uploads"
    default_auto_field = "django.db.models.BigAutoField"
