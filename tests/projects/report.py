"""Run inside a project: ``python -m tests.projects.report <function>`` prints its facts as JSON."""

from __future__ import annotations

import json
import os
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import django

UPLOADS = "tests.projects.classes.Uploads"
STATIC = "tests.projects.classes.Static"
OTHER = "tests.projects.classes.Other"


def classes() -> dict[str, str]:
    """The class names of the storages that a project meets."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.files.storage import default_storage, storages

    from tests.projects.gallery.models import Picture

    return {
        "default_storage": default_storage.__class__.__name__,
        "staticfiles_storage": staticfiles_storage.__class__.__name__,
        "storages['default']": type(storages["default"]).__name__,
        "storages['staticfiles']": type(storages["staticfiles"]).__name__,
        "FileField()": Picture().plain.storage.__class__.__name__,
        "FileField(callable)": Picture().chosen.storage.__class__.__name__,
    }


def messages(*tags: str) -> list[dict[str, Any]]:
    """Our check messages and Django's about storages."""
    from django.core.checks import run_checks

    return [
        {"id": it.id, "text": it.msg, "hint": it.hint}
        for it in run_checks(tags=list(tags) or None)
        if it.id
    ]


def kept() -> dict[str, list[str]]:
    """The files on this project's disk."""
    project = Path(os.environ["PROJECT"])
    return {
        top: [str(path) for path in (project / top).rglob("*") if path.is_file()]
        for top in ("media", "static")
    }


def setup() -> dict[str, Any]:
    """What ``django.setup()`` leaves: storages, settings, messages."""
    django.setup()
    return look()


def look() -> dict[str, Any]:
    """The storages, the settings and the messages of a project that has been set up."""
    from django.conf import settings

    return {
        "classes": classes(),
        "STORAGES": settings.STORAGES,
        "messages": messages(),
        "staticfiles": [it["id"] for it in messages("staticfiles")],
    }


def wsgi() -> dict[str, Any]:
    """What a WSGI server gets; no check has run."""
    from django.core.wsgi import get_wsgi_application

    get_wsgi_application()
    return classes()


def everything() -> dict[str, Any]:
    """The whole life of a project with legacy settings."""
    django.setup()
    from django.apps import apps
    from django.conf import global_settings
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.files.base import ContentFile
    from django.core.management import call_command

    from tests.projects.gallery.models import Picture

    found: dict[str, Any] = look()
    found["global STORAGES"] = global_settings.STORAGES
    out = StringIO()
    call_command("diffsettings", output="unified", stdout=out)
    found["diffsettings"] = [
        line for line in out.getvalue().splitlines() if line.lstrip("+- ").startswith("STORAGES")
    ]
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    found["deconstructed"] = Picture().plain.field.deconstruct()[3]
    call_command("migrate", verbosity=0)
    picture = Picture()
    picture.plain.save("a.txt", ContentFile(b"plain"))
    picture.chosen.save("b.txt", ContentFile(b"chosen"))
    picture = Picture.objects.get()
    with picture.plain.open() as plain, picture.chosen.open() as chosen:
        found["read back"] = [plain.read().decode(), chosen.read().decode()]
    call_command("collectstatic", interactive=False, verbosity=0)
    found["collected"] = staticfiles_storage.exists("gallery/site.css")
    found["disk"] = kept()
    found["apps"] = [config.name for config in apps.get_app_configs()]
    return found


def twice() -> dict[str, Any]:
    """Two pictures with files of one name."""
    django.setup()
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from tests.projects.gallery.models import Picture

    names = []
    for content in (b"first", b"second"):
        picture = Picture()
        picture.plain.save("a.txt", ContentFile(content), save=False)
        names.append(picture.plain.name)
    return {
        "class": default_storage.__class__.__name__,
        "names": names,
        "contents": [Path(path).read_text(encoding="utf-8") for path in kept()["media"]],
    }


def overrides() -> dict[str, Any]:
    """The storages inside each kind of override_settings() and after it."""
    django.setup()
    from django.conf import settings
    from django.test import override_settings

    def within(**changes: Any) -> list[dict[str, str]]:
        with override_settings(**changes):
            inside = classes()
        return [inside, classes()]

    other = {
        "default": {"BACKEND": OTHER},
        "staticfiles": {"BACKEND": OTHER},
    }
    found: dict[str, Any] = {
        "STATIC_URL": within(STATIC_URL="/s/"),
        "STATIC_ROOT": within(STATIC_ROOT="/nowhere"),
        "MEDIA_URL": within(MEDIA_URL="/m/"),
        "INSTALLED_APPS": within(INSTALLED_APPS=[*settings.INSTALLED_APPS]),
        "STORAGES": within(STORAGES=other),
        "STORAGES and legacy": within(STORAGES=other, DEFAULT_FILE_STORAGE=UPLOADS),
        "DEFAULT_FILE_STORAGE": within(DEFAULT_FILE_STORAGE=OTHER),
        "STATICFILES_STORAGE": within(STATICFILES_STORAGE=OTHER),
        "both": within(DEFAULT_FILE_STORAGE=OTHER, STATICFILES_STORAGE=OTHER),
        "then STATIC_URL": within(DEFAULT_FILE_STORAGE=OTHER, STATIC_URL="/s/"),
        "first STATIC_URL": within(STATIC_URL="/s/", DEFAULT_FILE_STORAGE=OTHER),
        "None": within(DEFAULT_FILE_STORAGE=None),
    }
    with override_settings(DEFAULT_FILE_STORAGE=OTHER):
        found["STATIC_URL within"] = within(STATIC_URL="/s/")
        found["apps within"] = within(INSTALLED_APPS=[*settings.INSTALLED_APPS])
        found["legacy within"] = within(DEFAULT_FILE_STORAGE=UPLOADS)
    found["at last"] = classes()
    found["messages"] = messages()
    return found


def override() -> dict[str, Any]:
    """One override of a legacy setting, and what was before."""
    found = setup()
    from django.test import override_settings

    with override_settings(DEFAULT_FILE_STORAGE=OTHER):
        found["inside"] = classes()
    return found


def django_overrides() -> dict[str, Any]:
    """The overrides that Django before 5.1 handles itself."""
    django.setup()
    from django.test import override_settings

    found = {}
    for name, value in {
        "STATIC_URL": "/s/",
        "STATICFILES_STORAGE": OTHER,
        "DEFAULT_FILE_STORAGE": OTHER,
    }.items():
        with override_settings(**{name: value}):
            inside = classes()
        found[name] = [inside, classes()]
    return found


def configured() -> dict[str, Any]:
    """A program that calls settings.configure()."""
    from django.conf import settings

    from tests.projects import settings as base

    settings.configure(
        **{name: value for name, value in vars(base).items() if name.isupper()},
        DEFAULT_FILE_STORAGE=UPLOADS,
        STATICFILES_STORAGE=STATIC,
    )
    found = setup()
    found["again"] = within_apps()
    return found


def within_apps() -> dict[str, str]:
    """The storages while install() has run a second time."""
    from django.conf import settings
    from django.test import override_settings

    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS]):
        return classes()


def moved() -> dict[str, Any]:
    """A project whose settings name classes by where they used to be."""
    from storages import legacy

    legacy.MOVED["old_place.*"] = "tests.projects.classes.*"
    legacy.MOVED["older.place.Files"] = "tests.projects.classes.Static"
    return setup()


def moved_late() -> dict[str, Any]:
    """The same; the old module is there, but can be imported only when models are ready."""
    from storages import legacy

    legacy.MOVED["old_place.*"] = "tests.projects.classes.*"
    django.setup()
    from django.conf import settings
    from django.core.files.storage import default_storage

    return {
        "STORAGES": settings.STORAGES,
        "default_storage": default_storage.__class__.__name__,
    }


def moved_configured() -> dict[str, Any]:
    """The same without a settings module."""
    from django.conf import settings

    from tests.projects import settings as base

    settings.configure(
        **{name: value for name, value in vars(base).items() if name.isupper()},
        DEFAULT_FILE_STORAGE="old_place.Uploads",
    )
    return moved()


def nowhere() -> dict[str, Any]:
    """A project whose old path leads to a class that is not there."""
    from storages import legacy

    legacy.MOVED["old_place.*"] = "storages.backends.never.*"
    django.setup()
    from django.core.files.storage import InvalidStorageError, default_storage

    try:
        default_storage.exists("x")
    except InvalidStorageError as error:
        return {"error": str(error), "messages": messages()}
    return {"error": None, "messages": messages()}


def eager() -> dict[str, Any]:
    """A project with an app that uses a storage too early."""
    found = setup()
    from django.apps import apps
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    found["kept"] = type(apps.get_app_config("eager").kept).__name__  # type: ignore[attr-defined]
    default_storage.save("late.txt", ContentFile(b"late"))
    found["disk"] = kept()
    return found


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](), sys.stdout)
