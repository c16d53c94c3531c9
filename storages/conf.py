"""For settings modules: nothing of ``django.conf`` is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

__all__ = ["storages_setting"]

_DEFAULTS = {
    "default": "django.core.files.storage.FileSystemStorage",
    "staticfiles": "django.contrib.staticfiles.storage.StaticFilesStorage",
}


def storages_setting(
    default: str | Mapping[str, Any] | None = None,
    staticfiles: str | Mapping[str, Any] | None = None,
    **more: str | Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Return a value for Django's ``STORAGES``, in the place of the settings that Django removed.

    ::

        STORAGES = storages_setting(
            default="storages.backends.s3.S3Storage",               # DEFAULT_FILE_STORAGE
            staticfiles="storages.backends.s3.S3StaticStorage",     # STATICFILES_STORAGE
            backup={"BACKEND": "storages.backends.sftp.SFTPStorage", "OPTIONS": {"host": "b"}},
        )

    Args:
        default: the storage of fields that name none: a class's dotted path, or a dict of
            ``BACKEND`` and ``OPTIONS``. Left out, or None: Django's own default.
        staticfiles: the storage that ``collectstatic`` fills, likewise.
        more: further aliases.

    Raises:
        ImproperlyConfigured: an entry is neither a path nor such a dict.
    """
    given = {"default": default, "staticfiles": staticfiles, **more}
    return {
        alias: _entry(alias, _DEFAULTS.get(alias) if value is None else value)
        for alias, value in given.items()
    }


def _entry(alias: str, value: object) -> dict[str, Any]:
    if isinstance(value, str):
        value = {"BACKEND": value}
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(
            f"storages_setting({alias}=...) takes the dotted path of a class, or a dict of BACKEND "
            f"and OPTIONS, not {type(value).__name__}."
        )
    backend = value.get("BACKEND")
    if not isinstance(backend, str) or "." not in backend:
        raise ImproperlyConfigured(
            f"storages_setting({alias}=...): BACKEND must be the dotted path of a class, "
            f"not {backend!r}."
        )
    if unknown := sorted(str(key) for key in value.keys() - {"BACKEND", "OPTIONS"}):
        # Django would drop them without a word.
        raise ImproperlyConfigured(
            f"storages_setting({alias}=...) knows BACKEND and OPTIONS, not {', '.join(unknown)}."
        )
    return dict(value)
