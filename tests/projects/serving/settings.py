"""Everything lies below ``SERVING_ROOT``.

``SERVING_S3`` and ``SERVING_MOGILEFS`` are options of an S3Storage and a MogileFSStorage, as JSON.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(os.environ["SERVING_ROOT"])

SECRET_KEY = os.environ.get("SERVING_SECRET_KEY", "only for tests")
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["storages"]
MIDDLEWARE = ["tests.projects.serving.middleware.log_requests"]
if "SERVING_QUIET" in os.environ:
    MIDDLEWARE = []
ROOT_URLCONF = "tests.projects.serving.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ROOT / "db.sqlite3",
        "OPTIONS": {"timeout": 30},
    }
}
MEDIA_ROOT = str(ROOT / "media")
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
LOGGING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}


def local(directory: str) -> dict[str, Any]:
    """A storage on this disk."""
    return {
        "BACKEND": "storages.backends.overwrite.OverwriteStorage",
        "OPTIONS": {"location": str(ROOT / directory)},
    }


STORAGES: dict[str, dict[str, Any]] = {
    "default": local("media"),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "public": local("media"),
    "private": local("private"),
    "members": local("members"),
    "database": {
        "BACKEND": "storages.backends.database.DatabaseStorage",
        "OPTIONS": {"using": "default"},
    },
    "accel": local("protected"),
}
STORAGES_SERVE: dict[str, dict[str, Any]] = {
    "public": {"access": "public"},
    "database": {"access": "public"},
    # On a disk, urls are MEDIA_URL's unless the view's are asked for.
    "private": {"urls": True},
    "members": {"urls": True, "permission": "tests.projects.serving.views.is_member"},
    # nginx sends these; it is told in tests/serving/test_nginx.py where they are.
    "accel": {"urls": True, "offload": "x-accel-redirect", "location": "/protected/"},
}
if "SERVING_S3" in os.environ:
    S3 = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": json.loads(os.environ["SERVING_S3"]),
    }
    STORAGES |= dict.fromkeys(("s3", "accel-s3", "reproxy-s3", "redirect-s3"), S3)
    STORAGES_SERVE |= {
        "s3": {"access": "public"},
        "accel-s3": {
            "access": "public",
            "urls": True,
            "offload": "x-accel-redirect",
            "location": "/upstream/",
            "upstream": True,
        },
        "reproxy-s3": {"access": "public", "urls": True, "offload": "x-reproxy-url"},
        "redirect-s3": {"access": "public", "urls": True, "offload": "redirect"},
    }
if "SERVING_MOGILEFS" in os.environ:
    MOGILEFS = {
        "BACKEND": "storages.backends.mogilefs.MogileFSStorage",
        "OPTIONS": json.loads(os.environ["SERVING_MOGILEFS"]),
    }
    STORAGES |= {"mogile": MOGILEFS}
    STORAGES_SERVE |= {"mogile": {"access": "public", "urls": True, "offload": "x-reproxy-url"}}
