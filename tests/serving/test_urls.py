"""A storage with URLs of its own gives links of the view only where it is told to."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import override_settings

from storages import signing

STORAGES: dict[str, dict[str, Any]] = {
    "s3": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {"bucket_name": "bucket", "access_key": "key", "secret_key": "secret"},
    },
    "cloudfiles": {
        "BACKEND": "storages.backends.cloudfiles.CloudFilesStorage",
        "OPTIONS": {"username": "user", "api_key": "secret", "container": "container"},
    },
}
OWN = "https://cdn.example/a%20b.txt"


@pytest.mark.parametrize("alias", STORAGES)
@pytest.mark.parametrize("urls", [True, False, None])
def test_its_own_url_or_a_link(
    alias: str, urls: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``urls=True``: a signed link; the store's own URL is what the view off-loads to."""
    with override_settings(
        ROOT_URLCONF="tests.urls_serving", STORAGES=STORAGES, STORAGES_SERVE={alias: {"urls": urls}}
    ):
        storage: Any = storages[alias]
        monkeypatch.setattr(type(storage), "_own_url", lambda *_: OWN)  # nobody is asked
        linked = signing.link(alias, "a b.txt").partition("?")[0]
        assert storage.url("a b.txt").partition("?")[0] == (linked if urls else OWN)
        assert storage.url("a b.txt", expire=60) == OWN
        assert storage.url("a b.txt", download_as="b.txt") == OWN
        assert storage._url_of("a b.txt") == OWN
        storage.close()
