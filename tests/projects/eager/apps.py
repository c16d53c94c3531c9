"""Too eager: AppConfig.__init__() runs before the apps listed later are known."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from django.apps import AppConfig
from django.conf import settings


class EagerConfig(AppConfig):
    """Uses the storage that the setting EAGER names."""

    name = "tests.projects.eager"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        # Imported above, default_storage would be built while Django looks for classes in here.
        from django.core.files.storage import default_storage, storages

        any_settings: Any = settings
        alias = any_settings.EAGER
        self.kept = storages[alias]
        if alias == "default":
            default_storage.exists("anything")
