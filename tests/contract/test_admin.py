"""D07: the admin's pages need no answer from the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import RequestFactory, override_settings
from django.urls import path

from storages.testing import MemoryStorage, assertNumOperations
from tests.contract.places import smallest_image
from tests.models import Document, Picture

site = admin.AdminSite()
site.register([Document, Picture])
urlpatterns = [path("admin/", site.urls)]

ADMIN = {
    "ROOT_URLCONF": __name__,
    "INSTALLED_APPS": [*settings.INSTALLED_APPS, "django.contrib.admin", "django.contrib.messages"],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
}


@pytest.fixture
def storage() -> Iterator[MemoryStorage]:
    """A storage that the fields of the models have."""
    made = MemoryStorage(place="admin", base_url="https://media.example/")
    fields: list[Any] = [
        field
        for model in (Document, Picture)
        for field in model._meta.fields
        if hasattr(field, "upload_to")
    ]
    with ExitStack() as stack:
        for field in fields:
            stack.enter_context(mock.patch.object(field, "storage", made))
        yield made
        Document.objects.all().delete()
        Picture.objects.all().delete()
    made.clear()


def change_page(model: Any, pk: int) -> str:
    """Render the admin's change page of an object."""
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    with override_settings(**ADMIN):
        response: Any = site._registry[model].change_view(request, str(pk))
        response.render()
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


@pytest.fixture
def down() -> Iterator[None]:
    """The store, refusing connections."""
    refused = ConnectionRefusedError(111, "Connection refused")
    with ExitStack() as stack:
        for hook in ("_stat", "_open_read", "_write", "_remove", "_list"):
            stack.enter_context(mock.patch.object(MemoryStorage, hook, side_effect=refused))
        yield


def test_change_page_of_a_file(storage: MemoryStorage, request: pytest.FixtureRequest) -> None:
    """The page of an object with a file links to the file while the store is down."""
    document = Document()
    document.normal.save("a b.txt", ContentFile(b"content"))
    request.getfixturevalue("down")
    with assertNumOperations(0, using=storage):
        assert "https://media.example/tests/a_b.txt" in change_page(Document, document.pk)


def test_change_page_of_an_image(storage: MemoryStorage, request: pytest.FixtureRequest) -> None:
    """So does the page of one with an image, whose size is in the row."""
    picture = Picture()
    picture.file.save("p.png", ContentFile(smallest_image(), name="p.png"))
    request.getfixturevalue("down")
    with assertNumOperations(0, using=storage):
        assert "https://media.example/pictures/p.png" in change_page(Picture, picture.pk)
