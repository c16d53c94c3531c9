"""The manual's URLs, with a callable where it had a string."""

from __future__ import annotations

import re

from django.conf import settings
from django.urls import re_path

from storages.backends.mogilefs import serve_mogilefs_file

BEGINNING = settings.MOGILEFS_MEDIA_URL[1:]  # type: ignore[misc] # of this project, not the tests'

urlpatterns = [
    re_path(rf"^{re.escape(BEGINNING)}(?P<key>.*)$", serve_mogilefs_file),
]
