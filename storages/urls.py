"""One URL per alias of ``STORAGES`` and file: ``path("files/", include("storages.urls"))``."""

from __future__ import annotations

from django.urls import path

from storages.views import serve

__all__ = ["app_name", "urlpatterns"]

app_name = "storages"

urlpatterns = [path("<str:alias>/<path:name>", serve, name="serve")]
