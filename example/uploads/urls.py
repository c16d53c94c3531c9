"""The pages of the example site."""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "uploads"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("compare/", views.compare, name="compare"),
    path("storage/<slug:alias>/", views.storage_page, name="storage"),
    path("storage/<slug:alias>/sample/", views.store_sample, name="sample"),
    path("storage/<slug:alias>/delete/", views.delete, name="delete"),
    # settings.py names this path as the storages' base_url.
    path("storage/<slug:alias>/files/<path:name>", views.download, name="download"),
    path("storage/<slug:alias>/preview/<path:name>", views.preview, name="preview"),
]
