"""The files, what is measured beside them, and what tests need to store and to see them."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path
from django.views.static import serve

from storages.backends.mogilefs.views import serve_mogilefs_file
from tests.projects.serving import views

urlpatterns = [
    path("files/", include("storages.urls")),
    path("mogilefs/<path:key>", serve_mogilefs_file),
    path("static-serve/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
    path("file-response/<path:name>", views.file_response),
    path("ready", views.ready),
    path("put/<str:alias>/<path:name>", views.put),
    path("link/<str:alias>/<path:name>", views.link),
    path("watch", views.watch),
]
