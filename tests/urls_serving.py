"""The URLconf of a site that serves files."""

from __future__ import annotations

from django.urls import include, path, re_path

from storages.backends.database import image_view, serve_database_file
from storages.backends.mogilefs import serve_mogilefs_file

urlpatterns = [
    path("files/", include("storages.urls")),
    re_path(r"^images/(?P<filename>.+)$", image_view),
    path("table/<path:filename>", serve_database_file, {"storage": "table"}),
    re_path(r"^mogile/(?P<key>.*)$", serve_mogilefs_file),
]
