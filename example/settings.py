"""Settings of the example site: for one person on one machine, never for the internet."""

from __future__ import annotations

from typing import Any

import django

from example.paths import SAMPLES, VAR

# A mistake shows a page for people. Static files are served all the same: see urls.py.
DEBUG = False
# Anybody can read this key: one more reason to answer to this machine only.
SECRET_KEY = "django-insecure-the-example-site-is-for-your-own-machine-only"  # noqa: S105 - as it says
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]


def _storage(backend: str, alias: str, **options: Any) -> dict[str, Any]:
    """Describe one storage whose URLs lead to this site's download view."""
    return {"BACKEND": backend, "OPTIONS": {"base_url": f"/storage/{alias}/files/", **options}}


def _on_disk(backend: str, alias: str, **options: Any) -> dict[str, Any]:
    """Describe one storage that keeps its files in a directory of its own."""
    return _storage(backend, alias, location=str(VAR / "files" / alias), **options)


STORAGES = {
    "default": _storage("storages.backends.database.DatabaseStorage", "default", using="default"),
    "overwrite": _on_disk("storages.backends.overwrite.OverwriteStorage", "overwrite"),
    "image": _on_disk("storages.backends.image.ImageStorage", "image"),
    "hashpath": _on_disk("storages.backends.hashpath.HashPathStorage", "hashpath"),
    "symlinkorcopy": _on_disk(
        "storages.backends.symlinkorcopy.SymlinkOrCopyStorage",
        "symlinkorcopy",
        symlink_within=[str(SAMPLES)],
    ),
    "disk": _on_disk("django.core.files.storage.FileSystemStorage", "disk"),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# The database storage writes while pages read: readers must not wait, writers must take turns.
_SQLITE: dict[str, Any] = {"timeout": 30}
if django.VERSION >= (5, 1):
    _SQLITE |= {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(VAR / "db.sqlite3"),
        "OPTIONS": _SQLITE,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "storages",
    "example.uploads",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "example.uploads.catalog.navigation",
            ]
        },
    }
]
ROOT_URLCONF = "example.urls"
STATIC_URL = "/static/"
# Cookies do not tell ports apart: names of our own keep us from logging other local sites out.
SESSION_COOKIE_NAME = "storages_example_session"
CSRF_COOKIE_NAME = "storages_example_csrf"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "example": {"handlers": ["console"], "level": "INFO"},
    },
}
