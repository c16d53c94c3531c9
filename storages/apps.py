"""The app: it honours the legacy settings and registers the checks."""

from __future__ import annotations

from types import ModuleType

from django.apps import AppConfig
from django.core.checks import Tags, register


class StoragesConfig(AppConfig):
    """What ``"storages"`` in ``INSTALLED_APPS`` turns on."""

    name = "storages"
    verbose_name = "Storages"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        # Here and not in ready(): models, and with them the storages of their fields, are imported
        # after every app's configuration was created and before the first ready().
        from storages.legacy import install

        install()

    def ready(self) -> None:
        """Register the checks."""
        from storages import checks
        from storages.serving.checks import check_serving

        # collectstatic runs only checks tagged "staticfiles"
        register(checks.check_legacy_settings, Tags.files, Tags.staticfiles)
        register(checks.check_storages, Tags.files, Tags.staticfiles)
        register(checks.check_fields, Tags.models, Tags.files)
        register(checks.check_distributions, Tags.files)
        register(checks.check_migrations, Tags.files)
        register(check_serving, Tags.files)
