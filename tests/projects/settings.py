"""What the settings of every project start from; each test adds its own lines."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(os.environ["PROJECT"])

SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "tests.projects.gallery",
    "storages",  # last: its place must not matter
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MEDIA_ROOT = str(PROJECT / "media")
MEDIA_URL = "/media/"
STATIC_ROOT = str(PROJECT / "static")
STATIC_URL = "/static/"
