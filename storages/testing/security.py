"""Security: no name leads out of the storage, and no secret leads out of the configuration.

With the network backends come X05 (unknown host keys, TLS verification) and X04 over the wire
(line ends in FTP commands and HTTP headers); X04 for SQL is here.
"""

from __future__ import annotations

import logging
import os
import pathlib
import pickle
import posixpath

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from storages.testing.methods import NAMES, MethodsCase, public_methods

__all__ = ["EVIL_NAMES", "SecurityContract"]

#: Names that could lead elsewhere, or that would end a line of a protocol.
EVIL_NAMES = [
    "../x",
    "a/../../x",
    "a/../x",
    "/abs",
    "//abs/x",
    "a\\..\\..\\x",
    "\\abs",
    "..",
    "x/..",
    "../",
    "./x",
    "x/./y",
    "x//y",
    "nul\0",
    "nul\0/x",
    "line\nend",
    "line\rend",
    "line\r\nDELE x",
    "tab\t",
    "esc\x1b[2J",
    "del\x7f",
    "csi\x9b2J",
    "lone\ud800surrogate",
    "\udcff",
]


class SecurityContract(MethodsCase):
    """Chapter X."""

    def assertHarmless(self, name: str) -> None:
        """``name`` leads nowhere else, or is refused."""
        try:
            self.storage.exists(name)
        except SuspiciousFileOperation:
            return
        self.assertEqual(posixpath.normpath(name), name)
        self.assertNotIn("..", name.split("/"))
        self.assertFalse(name.startswith("/"))
        self.assertTrue(name.isprintable())

    def test_X01_traversal(self) -> None:
        """Every public method refuses every name that could lead elsewhere, and does nothing."""
        data = self.content()
        files = {self.put(name, data): data for name in ("harmless", "a/x")}
        methods = list(public_methods(self.storage))
        names = {method for method, _ in methods}
        self.assertLessEqual({"open", "save", "delete", "exists", "listdir", "size"}, names)
        for method, signature in methods:
            for spot in sorted(NAMES & set(signature.parameters)):
                for evil in EVIL_NAMES:
                    with self.subTest(method=method, parameter=spot, name=ascii(evil)):
                        refusals: tuple[type[Exception], ...] = (SuspiciousFileOperation,)
                        if method == "path" and not self.has_paths:
                            refusals = (NotImplementedError,)
                        try:
                            result = self.call(method, signature, evil, spot)
                        except refusals:
                            continue
                        if method not in self.makes_names:
                            self.fail(f"{method} accepts {evil!a}")
                        self.assertHarmless(result)
        self.assertFiles(files)

    def test_X01_traversal_in_writing_modes(self) -> None:
        """``open`` refuses such names in every mode."""
        self.needs("opens_for_writing")
        for mode in ("rb", "wb", "w", "xb", "ab", "r+b", "w+"):
            for evil in EVIL_NAMES:
                with self.subTest(mode=mode), self.assertRaises(SuspiciousFileOperation):
                    self.storage.open(evil, mode).close()
        self.assertEqual(self.all_names(), set())

    def test_X01_paths_and_unnamed_content(self) -> None:
        """Neither a path object nor the content's own name gets round that."""
        for evil in ("../x", "/abs", ".."):
            with self.assertRaises(SuspiciousFileOperation):
                self.storage.save(pathlib.PurePosixPath(evil), ContentFile(self.content()))
            with self.assertRaises(SuspiciousFileOperation):
                self.storage.save(None, ContentFile(self.content(), name=evil))
            with self.assertRaises(SuspiciousFileOperation):
                self.storage._save(evil, ContentFile(self.content()))
        self.assertFiles({})

    def test_X01_names_that_are_not_text(self) -> None:
        """What is no text is no name."""
        for evil in (b"bytes.txt", 7, ["list"], object()):
            for attempt in (self.storage.open, self.storage.exists, self.storage.size):
                with self.subTest(evil=evil), self.assertRaises((TypeError, ValueError)):
                    attempt(evil)
        self.assertFiles({})

    def test_X01_alternative_names_stay_inside(self) -> None:
        """A subclass that makes dangerous names is stopped before anything is stored."""
        kind = type(
            "Evil",
            (type(self.storage),),
            {"get_available_name": lambda self, name, max_length=None: "../" + name},  # noqa: ARG005
        )
        _, args, kwargs = self.storage.deconstruct()
        with self.assertRaises(SuspiciousFileOperation):
            kind(*args, **kwargs).save("x.txt", ContentFile(self.content()))
        self.assertFiles({})

    def test_X02_sibling_root(self) -> None:
        """A directory whose name begins like the root's is outside."""
        self.needs("has_paths")
        root = pathlib.Path(self.storage.path(""))
        sibling = root.with_name(root.name + "2")
        sibling.mkdir()
        self.addCleanup(sibling.rmdir)
        for evil in (f"../{sibling.name}/x", str(sibling / "x")):
            for attempt in (self.put, self.storage.open, self.storage.exists, self.storage.path):
                with self.assertRaises(SuspiciousFileOperation):
                    attempt(evil)
        self.assertEqual(list(sibling.iterdir()), [])

    def test_X03_symlink_that_points_out(self) -> None:
        """A link at a file's name is replaced or kept, never written through."""
        self.needs("has_paths")
        self.put("d/own.txt")
        root = pathlib.Path(self.storage.path(""))
        outside = root.with_name(root.name + "-outside")
        outside.write_bytes(b"precious")
        self.addCleanup(outside.unlink)
        (root / "link.txt").symlink_to(outside)
        data = self.content()
        name = self.put("link.txt", data)
        self.assertEqual(self.read(name), data)
        self.assertEqual(outside.read_bytes(), b"precious")
        if self.opens_for_writing:
            self.write("link.txt", data)
            self.assertEqual(outside.read_bytes(), b"precious")
            self.assertEqual(self.read("link.txt"), data)
        if os.path.lexists(root / "link.txt"):
            self.storage.delete("link.txt")
        self.assertEqual(outside.read_bytes(), b"precious")

    def test_X04_injection(self) -> None:
        """Quotes, semicolons and comments of SQL and shells are parts of names, nothing more."""
        files = {}
        for number, wanted in enumerate(
            (
                "x' or '1'='1",
                'x" or "1"="1',
                "x'; DROP TABLE files; --",
                "x`id`",
                "$(id)",
                "x;id",
                "x|id",
                "%s%n",
                "{0.__class__}",
                "%2e%2e%2fx",
                "x?version=1",
                "-o ProxyCommand=id",
                "x\u2028y",
            )
        ):
            data = self.content()
            files[self.put(f"i{number}/{wanted}", data)] = data
        self.assertFiles(files)
        self.assertFalse(self.storage.exists("x' or '1'='1"))
        self.storage.delete("x' or '1'='1")
        self.storage.delete("i0/' or '1'='1")
        self.assertFiles(files)

    def test_X06_secrets_are_not_shown(self) -> None:
        """No secret is in repr, deconstruct, errors, logs or URLs."""
        if not self.secrets:
            self.not_applicable("the storage has no secrets")
        records: list[str] = []
        handler = logging.Handler(logging.DEBUG)
        handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
        logger = logging.getLogger("storages")
        before = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            name = self.put("d/x.txt")
            shown = [repr(self.storage), str(self.storage), repr(self.storage.deconstruct())]
            for attempt in (
                lambda: self.storage.open("missing.txt"),
                lambda: self.storage.size("no/such"),
                lambda: self.put(f"{name}/below"),
                lambda: self.storage.listdir("no/such"),
            ):
                try:
                    attempt()
                except OSError as error:
                    shown += [str(error), repr(error), repr(vars(error)), repr(error.__cause__)]
                    shown.append(pickle.dumps(error).decode("latin-1"))
            if self.has_urls:
                shown.append(self.make_storage_with_base_url("/media/").url(name))
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)
        self.assertGreater(len(records), 0)
        for secret in self.secrets:
            for text in shown + records:
                self.assertNotIn(secret, text)
