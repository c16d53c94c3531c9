"""System checks.

=================  =================================================================
``storages.W001``  a legacy setting is honoured by this package; the lines to paste
``storages.W002``  a legacy setting has no effect: ``STORAGES`` names another class
``storages.W003``  a storage was used before the legacy setting could be honoured
``storages.W004``  another distribution installs into the package ``storages``, too
``storages.W005``  a migration holds secrets of a storage
``storages.E001``  the class that a legacy setting names cannot be imported
``storages.E002``  a legacy setting is ignored, by Django and by this package
``storages.E003``  a storage of this package in ``STORAGES`` cannot be constructed
=================  =================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  their name for it
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage
from django.utils.module_loading import import_string

from storages import legacy

__all__ = [
    "check_distributions",
    "check_fields",
    "check_legacy_settings",
    "check_migrations",
    "check_storages",
]

# This distribution. An older django-storages has the same name, so that pip replaces it.
DISTRIBUTION = "django-storages"


def check_legacy_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Tell what becomes of ``DEFAULT_FILE_STORAGE`` and ``STATICFILES_STORAGE``."""
    messages: list[CheckMessage] = []
    for setting in legacy.used():
        messages += _about(setting)
        if setting.state == "installed" and setting.alias in legacy.too_early():
            messages.append(
                Warning(
                    f"The storage {setting.alias!r} was used before {setting.setting} could be "
                    "honoured. It has been replaced; code that kept the old object still has it.",
                    hint='Move "storages" to the top of INSTALLED_APPS.',
                    id="storages.W003",
                )
            )
    return messages


def _about(setting: legacy.Legacy) -> Iterator[CheckMessage]:
    written = f"{setting.setting} = {setting.value!r}"
    moved = setting.path != setting.value
    if setting.state == "installed":
        yield Warning(
            f"{written} is honoured by the app 'storages'"
            + (f", as {setting.path!r}." if moved else f"; Django {_version()} ignores it."),
            hint=f"Delete it, and {_lines_to_paste(setting)}",
            id="storages.W001",
        )
    elif setting.state == "overruled":
        yield Warning(
            f"{written} has no effect: STORAGES[{setting.alias!r}] names {setting.current!r}.",
            hint=f"Delete {setting.setting}.",
            id="storages.W002",
        )
    elif setting.state == "ignored":
        yield Error(
            f"{written} is ignored: Django {_version()} does not know the setting, and "
            f"STORAGES_LEGACY_SETTINGS turns it off here. STORAGES[{setting.alias!r}] "
            f"names {setting.current!r}.",
            hint=f"Delete it, and {_lines_to_paste(setting)}",
            id="storages.E002",
        )
    if setting.state == "overruled":
        return
    if (why := _import_error(setting.path)) is not None:
        yield Error(
            written + (f", now {setting.path!r}," if moved else "") + f" cannot be imported: {why}",
            hint="Name a storage class that is installed.",
            id="storages.E001",
        )


def _lines_to_paste(setting: legacy.Legacy) -> str:
    """What the project has to write so that ``setting`` can go."""
    if setting.own:
        return f"add to STORAGES:\n{_entry(setting.alias, setting.path)}"
    entries = {alias: entry.get("BACKEND") for alias, entry in settings.STORAGES.items()}
    entries |= {it.alias: it.path for it in legacy.used()}
    return "\n".join(
        [
            "add to your settings:",
            "STORAGES = {",
            *(f"    {_entry(alias, path)}" for alias, path in entries.items()),
            "}",
        ]
    )


def _entry(alias: str, path: Any) -> str:
    return f'"{alias}": {{"BACKEND": "{path}"}},'


def _version() -> str:
    return ".".join(str(part) for part in django.VERSION[:2])


def _import_error(path: Any) -> str | None:
    """Why there is no class at ``path``; None when there is one."""
    if not isinstance(path, str):
        return f"the setting takes a class's dotted path, not {type(path).__name__}"
    try:
        import_string(path)
    except Exception as error:  # noqa: BLE001  a module may fail in any way; each is reported
        return f"{type(error).__name__}: {error}"
    return None


def check_storages(**_kwargs: Any) -> list[CheckMessage]:
    """Construct every storage in ``STORAGES`` that is one of ours; a constructor does no I/O."""
    from storages.base import BaseStorage

    reported = {it.path for it in legacy.used() if it.state != "overruled"}
    messages: list[CheckMessage] = []
    configured: Mapping[str, Any] = settings.STORAGES
    for alias, entry in configured.items():
        path = entry.get("BACKEND") if isinstance(entry, Mapping) else None
        if not isinstance(path, str):
            continue  # for Django to refuse
        try:
            backend = import_string(path)
        except ImportError as error:
            # Of other packages' classes Django tells at their first use; of a legacy one E001 does.
            if path.startswith("storages.") and path not in reported:
                messages.append(_refused(alias, path, error))
            continue
        if not (isinstance(backend, type) and issubclass(backend, BaseStorage)):
            continue
        try:
            storage = backend(**entry.get("OPTIONS", {}))
            messages += storage.check(alias)
        except (ImproperlyConfigured, TypeError) as error:
            messages.append(_refused(alias, path, error))
    return messages


def _refused(alias: str, path: str, error: Exception) -> Error:
    return Error(f"STORAGES[{alias!r}], {path}: {error}", id="storages.E003")


def check_fields(
    app_configs: Sequence[AppConfig] | None = None, **_kwargs: Any
) -> list[CheckMessage]:
    """Let every storage of ours look at the file fields that use it."""
    from django.db.models import FileField

    messages: list[CheckMessage] = []
    for app in apps.get_app_configs() if app_configs is None else app_configs:
        for model in app.get_models():
            for field in model._meta.local_fields:  # noqa: SLF001 - documented by Django
                storage: Any = getattr(field, "storage", None)
                if isinstance(field, FileField) and _is_ours(storage):
                    # One that cannot be constructed is reported by E003.
                    with suppress(ImproperlyConfigured, TypeError):
                        messages += storage.check_field(field)
    return messages


def _is_ours(storage: Any) -> bool:
    """Tell whether it is a storage of ours; the default one is only constructed if it is."""
    from storages.base import BaseStorage

    if storage is not default_storage:
        return isinstance(storage, BaseStorage)
    try:
        backend = import_string(settings.STORAGES["default"]["BACKEND"])
    except (ImportError, KeyError, TypeError, AttributeError):
        return False
    return isinstance(backend, type) and issubclass(backend, BaseStorage)


def check_migrations(**_kwargs: Any) -> list[CheckMessage]:
    """Look for secrets in the migrations: one of ours never writes any, older packages did."""
    from django.db.migrations.loader import MigrationLoader

    from storages.options import options_of

    loader = MigrationLoader(None, load=False)  # None: no database
    try:
        loader.load_disk()
    except Exception as error:  # noqa: BLE001  a module may fail in any way; it is reported
        return [
            Warning(
                "The migrations cannot be looked through for secrets of storages: "
                f"{type(error).__name__}: {error}",
                id="storages.W005",
            )
        ]
    messages: list[CheckMessage] = []
    for (app, name), migration in sorted((loader.disk_migrations or {}).items()):
        for model, field, storage in _storages_of(migration):
            options = options_of(type(storage))
            secrets = [
                name
                for name, value in storage.given.items()
                if name in options and options[name].secret_parts(value)
            ]
            if secrets:
                messages.append(
                    Warning(
                        f"The migration {app}.{name} holds secrets: {', '.join(secrets)} of the "
                        f"storage of {model}.{field}.",
                        hint="Take them out of the file, set them by settings, and give the "
                        "service new ones: whoever has read the repository knows these.",
                        id="storages.W005",
                    )
                )
    return messages


def _storages_of(migration: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield model, field and storage for each file field of a migration that has one of ours."""
    from storages.base import BaseStorage

    for operation in migration.operations:
        fields = dict(getattr(operation, "fields", None) or ())
        if hasattr(operation, "field"):
            fields[operation.name] = operation.field
        for field, value in fields.items():
            storage = getattr(value, "storage", None)
            if isinstance(storage, BaseStorage):
                yield getattr(operation, "model_name", operation.name), field, storage


def check_distributions(**_kwargs: Any) -> list[CheckMessage]:
    """Look for other distributions that install files into the package ``storages``."""
    names = metadata.packages_distributions().get("storages", [])
    others = sorted({name for name in names if _normal(name) != DISTRIBUTION})
    if not others:
        return []
    return [
        Warning(
            f"The package 'storages' is also installed by {', '.join(others)}: files of the two "
            "have been mixed in one directory.",
            hint=f"Uninstall {' and '.join(others)}, then reinstall {DISTRIBUTION}.",
            id="storages.W004",
        )
    ]


def _normal(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")
