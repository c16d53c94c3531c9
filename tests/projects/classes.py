"""Storage classes for the projects: each remembers its files for as long as the process lives."""

from __future__ import annotations

from django.core.files.storage import InMemoryStorage


class Uploads(InMemoryStorage):
    """For DEFAULT_FILE_STORAGE."""


class Static(InMemoryStorage):
    """For STATICFILES_STORAGE."""


class Other(InMemoryStorage):
    """For whatever overrides one of them."""
