"""URLs: right for every name, confined to their base, or honestly refused.

With the network backends come U04 (signed: works, expires, refuses another method or name, or what
was tampered with), U05 (a private file without signature is refused), U06 (content disposition)
and U07 (signatures and keys in repr and log).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import SuspiciousFileOperation

from storages.testing.case import ContractCase
from storages.testing.names import ODD_NAMES

__all__ = ["UrlContract"]


class UrlContract(ContractCase):
    """Chapter U."""

    def test_U01_no_base_url(self) -> None:
        """Without a base URL there is none: a ValueError, and a NotImplementedError too."""
        storage = self.make_storage_with_base_url(None) if self.has_urls else self.storage
        name = self.put("d/u.txt", storage=storage)
        with self.assertRaises(ValueError) as caught:
            storage.url(name)
        self.assertIn("not accessible via a URL", str(caught.exception))
        if self.extended:
            self.assertIsInstance(caught.exception, NotImplementedError)

    def test_U02_every_odd_name(self) -> None:
        """The URL of a file of an odd name leads to its bytes."""
        self.needs("has_urls")
        base_url = "http://media.example/files/"
        storage = self.make_storage_with_base_url(base_url)
        for number, (kind, odd) in enumerate(ODD_NAMES.items()):
            with self.subTest(kind):
                data = self.content()
                name = self.put(f"{number}/{odd}", data, storage)
                url = storage.url(name)
                self.assertEqual(url, url.encode("ascii").decode())
                self.assertEqual(set(url) & set(' "<>\\^`{|}\n'), set())
                self.assertEqual((urlsplit(url).query, urlsplit(url).fragment), ("", ""))
                self.assertEqual(self.fetch(storage, base_url, url), data)

    def test_U03_base_url_with_and_without_slash(self) -> None:
        """A slash at the end of the base URL is added when it is missing."""
        self.needs("has_urls")
        for base in ("/media", "/media/", "http://h.example/m", "http://h.example/m/"):
            storage = self.make_storage_with_base_url(base)
            self.assertEqual(storage.url("d/u.txt"), base.rstrip("/") + "/d/u.txt")
            self.assertEqual(storage.url("d\\u.txt"), base.rstrip("/") + "/d/u.txt")

    def test_U03_name_cannot_leave_the_base(self) -> None:
        """No name changes the host or leaves the base's path; such names are refused."""
        self.needs("has_urls")
        base = "http://h.example/m/"
        storage = self.make_storage_with_base_url(base)
        for name in (
            "http://evil.example/x",
            "//evil.example/x",
            "/x",
            "../x",
            "d/../../x",
            "\\\\evil.example\\x",
            "javascript:alert(1)",
            "%2e%2e/x",
            "..%2fx",
        ):
            with self.subTest(name=name):
                try:
                    url = storage.url(name)
                except (SuspiciousFileOperation, ValueError):
                    continue
                self.assertTrue(url.startswith(base), url)
                self.assertNotIn("/../", url)
                self.assertNotIn("/%2e%2e/", url.lower())
                self.assertNotIn("..%2f", url.lower())

    def test_U08_needs_no_file(self) -> None:
        """A URL is made of the name alone: no request is made, so templates are quick."""
        self.needs("has_urls")
        self.needs("extended")
        from storages.testing.events import assertNumOperations

        storage = self.make_storage_with_base_url("/media/")
        with assertNumOperations(0, using=storage):
            self.assertEqual(storage.url("missing.txt"), "/media/missing.txt")
