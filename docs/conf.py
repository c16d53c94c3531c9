"""Sphinx configuration: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

# The option tables and the reference are made from the classes themselves.
settings.configure(INSTALLED_APPS=["storages"])
django.setup()

from storages import __version__  # noqa: E402

project = "django-storages"
author = "the django-storages maintainers"
project_copyright = author
release = version = __version__

extensions = ["sphinx.ext.autodoc", "guarantees", "storage_options"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = f"django-storages {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]

# Types are in the source; spelled out in signatures they hide what matters.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
nitpicky = True
# Names of Python and Django: no inventory is fetched, so that building needs no network.
nitpick_ignore_regex = [
    (r"py:.*", r"(builtins|collections|contextlib|datetime|io|os|pathlib|typing|unittest)\..*"),
    (r"py:.*", r"django\..*"),
    (r"py:(class|exc)", r"[A-Z]\w+Error|ImproperlyConfigured|SuspiciousFileOperation"),
]


def google_sections(_app: Sphinx, what: str, *args: Any) -> None:
    """Translate "Args:" and the like: of callables only, in other docstrings a colon is a colon."""
    lines = args[-1]
    if what in {"class", "function", "method"}:
        lines[:] = GoogleDocstring(lines).lines()


def setup(app: Sphinx) -> None:
    """Tell Sphinx what to do with docstrings."""
    app.connect("autodoc-process-docstring", google_sections)
