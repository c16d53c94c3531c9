"""Settings for the tests: everything they write lies below ``STORAGES_TEST_ROOT``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Set by conftest.py, and so inherited by every child process that a test starts.
ROOT = Path(os.environ.get("STORAGES_TEST_ROOT", tempfile.gettempdir()))

SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "storages",
    "tests",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ROOT / "db.sqlite3",  # a file: tests use it from several threads and processes
        "OPTIONS": {"timeout": 30},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
MEDIA_ROOT = str(ROOT / "media")
MEDIA_URL = "/media/"
STATIC_ROOT = str(ROOT / "static")
STATIC_URL = "/static/"
