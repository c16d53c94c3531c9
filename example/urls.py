"""Where everything is on the example site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = "Storage demo: administration"
admin.site.site_title = "Storage demo"
admin.site.index_title = "Model forms with file fields"

urlpatterns = [
    path("admin/", admin.site.urls),
    # Served by Django itself, although DEBUG is off: this site has no web server in front of it.
    path("static/<path:path>", serve, {"insecure": True}),
    path("favicon.ico", RedirectView.as_view(url="/static/uploads/icon.svg")),
    path("", include("example.uploads.urls")),
]
