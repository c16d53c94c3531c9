"""The documentation's Python runs, and the settings in it can be used."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
import types
import unittest
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import global_settings
from django.core.checks import CheckMessage
from django.core.checks.registry import registry
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import override_settings
from django.test.utils import isolate_apps
from django.utils.module_loading import import_string

from docs._ext import declared
from storages.backends.cloudfiles import CloudFilesStorage
from storages.backends.s3 import S3Storage
from storages.backends.symlinkorcopy import SymlinkOrCopyStorage
from storages.options import options_of
from storages.testing import MemoryStorage
from storages.testing.aliases import aliases
from tests.documentation import DOCS, PAGES, ROOT, Block, blocks, name_of

Module = types.ModuleType
PYTHON = [page for page in PAGES if blocks(page, "python")]
URLCONF = "tests.urls_serving"

# Settings that are the project's frame: a test cannot change them while the project runs.
FRAME = {"DATABASES", "DEFAULT_FILE_STORAGE", "INSTALLED_APPS", "STATICFILES_STORAGE", "STORAGES"}
# What pages show that is part of a setting: what it is given to.
PARTS: dict[str, Callable[[type, Any], object]] = {
    "OPTIONS": lambda cls, value: cls(**value),
    "PARAMS": lambda cls, value: cls(host="files.example.com", params=value),
}
# What is no setting, but what settings modules have.
HELPERS = {"BASE_DIR"}
# The words in a block that an older Django does not know.
SINCE = {"login_not_required": (5, 1)}
# Functions that nothing calls here: what vouches for them.
UNCALLED = {
    "docs/backends/ipfs.rst": "tests/contract/ipfs_toolkit.py: the library has its own environment",
}
# Warnings that an example may give: on what page, and why.
WARNS = {
    "storages.W022": {"docs/backends/ftp.rst": "the server to try it has no TLS"},
}


# The storage that a page's code has as ``default_storage``, and settings that keep it from asking a
# server. Of the other pages it is in memory.
STORAGES: dict[str, tuple[Callable[[Path], Any], dict[str, Any]]] = {
    "docs/backends/s3.rst": (
        lambda _: S3Storage(bucket_name="media", region_name="eu-central-1"),
        {"AWS_S3_ACCESS_KEY_ID": "key", "AWS_S3_SECRET_ACCESS_KEY": "secret"},
    ),
    "docs/backends/cloudfiles.rst": (
        lambda _: CloudFilesStorage(),
        {
            "CLOUDFILES_AUTH": ("http://127.0.0.1:1/v1/a", "token"),
            "CLOUDFILES_CONTAINER": "media",
            "CLOUDFILES_TEMP_URL_KEY": "key",
        },
    ),
    "docs/backends/symlinkorcopy.rst": (
        lambda directory: SymlinkOrCopyStorage(
            location=str(directory / "media"), symlink_within=[str(directory)]
        ),
        {},
    ),
}


# -- what is done with what a page defines: functions are called, not only compiled


def _files_are_there(module: Module, directory: Path) -> None:
    assert default_storage.exists("reports/may.csv")
    assert default_storage.size("reports/june.csv") == 10


def _quickstart(module: Module, directory: Path) -> None:
    with default_storage.open("log.txt") as file:
        assert file.read() == b"one more line\n"
    assert not default_storage.exists("archive/may-2.csv")
    url = asyncio.run(module.store(ContentFile(b"x", name="a.txt")))
    assert url.startswith("/files/default/a.txt?")
    assert module.Member._meta.get_field("portrait").storage.place == "photos"


def _s3(module: Module, directory: Path) -> None:
    links = module.links(None, "a.pdf")
    assert "X-Amz-Expires=3600" in links["for an hour"]
    assert "response-content-disposition=attachment" in links["save"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Storage, "exists", lambda *_: False)  # it would ask the server
        form = module.upload(None)
    assert set(form) == {"url", "fields"}
    reports = module.Reports(bucket_name="media")
    assert reports.get_object_parameters("a.pdf")["ContentDisposition"] == "inline"


def _cloudfiles(module: Module, directory: Path) -> None:
    links = module.links("a.pdf")
    assert all("temp_url_sig=" in link for link in links.values())
    assert len(set(links.values())) > 2
    assert re.fullmatch(r"uploads/[0-9a-f-]{36}/a\.txt", module.upload_to(None, "a.txt"))


def _symlinkorcopy(module: Module, directory: Path) -> None:
    film = directory / "film.mkv"
    film.write_bytes(b"film")
    module.import_film(film)
    assert (directory / "media" / "films" / "film.mkv").is_symlink()


def _serving(module: Module, directory: Path) -> None:
    request = types.SimpleNamespace(user=types.SimpleNamespace(is_staff=True))
    assert module.may_read(request, "contracts", "a.pdf")


def _gridfs(module: Module, directory: Path) -> None:
    assert module.Reports(uri="mongodb://127.0.0.1/media").url("a.pdf") == "/reports/a.pdf"


def _mogilefs(module: Module, directory: Path) -> None:
    assert module.Avatar._meta.get_field("image").storage.mogile_class == "avatar"
    assert module.urlpatterns[0].resolve("mogilefs/a.jpg")


def _static(module: Module, directory: Path) -> None:
    storage = module.StaticSFTPStorage(host="files.example.com")
    assert storage.url("a.css").startswith("/static/")
    assert module.ManifestSFTPStorage(host="files.example.com").manifest_strict


def _testing(module: Module, directory: Path) -> None:
    cases = [each for each in vars(module).values() if is_case(each, module)]
    tests = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases))
    result = unittest.TestResult()
    tests.run(result)
    assert result.testsRun >= 8
    assert [text for _, text in result.errors + result.failures] == []


def is_case(each: object, module: Module) -> bool:
    """Tell whether it is a test case that the module defines."""
    return (
        isinstance(each, type)
        and issubclass(each, unittest.TestCase)
        and each.__module__ == module.__name__
    )


AFTERWARDS: dict[str, Callable[[Module, Path], None]] = {
    "README.rst": _files_are_there,
    "docs/quickstart.rst": _quickstart,
    "docs/serving.rst": _serving,
    "docs/static.rst": _static,
    "docs/testing-projects.rst": _testing,
    "docs/backends/cloudfiles.rst": _cloudfiles,
    "docs/backends/gridfs.rst": _gridfs,
    "docs/backends/mogilefs.rst": _mogilefs,
    "docs/backends/s3.rst": _s3,
    "docs/backends/symlinkorcopy.rst": _symlinkorcopy,
}


# -- running


@contextmanager
def module_for(page: Path, directory: Path) -> Iterator[Module]:
    """A module that the page's code is run in, and the files that it says it stands in."""
    stem = re.sub(r"\W", "_", page.relative_to(ROOT).with_suffix("").as_posix())
    module = Module(f"tests.documented_{stem}")
    module.__file__ = str(directory / "project" / "settings.py")
    files = re.findall(r"^ *# (project/\w+)\.py$", page.read_text("utf-8"), re.MULTILINE)
    named = {file.replace("/", "."): module for file in files if file != "project/settings"}
    project = Module("project")
    project.__path__ = []
    with pytest.MonkeyPatch.context() as patch:
        for name, each in {"project": project, module.__name__: module, **named}.items():
            patch.setitem(sys.modules, name, each)
        yield module


def run(block: Block, module: Module) -> dict[str, Any]:
    """Run a block; return the settings that it shows."""
    tree = ast.parse(block.code)
    needed = [version for word, version in SINCE.items() if word in block.code]
    if not needed or max(needed) <= django.VERSION:
        exec(compile(tree, str(block), "exec"), vars(module))
    targets = [it.targets[0] for it in tree.body if isinstance(it, ast.Assign)]
    told = [it.id for it in targets if isinstance(it, ast.Name) and it.id.isupper()]
    return {name: vars(module)[name] for name in told}


def class_of(page: Path) -> type | None:
    """The class whose options the page shows."""
    return declared.classes().get(page.relative_to(DOCS).with_suffix("").as_posix())


def judge(told: Mapping[str, Any], page: Path, before: Mapping[str, Any] | None = None) -> None:
    """Use the settings: each exists, takes this value, and makes the storages that it names.

    ``before`` is what the page has set before: what is a part of a setting is added to that.
    """
    ours = {name: value for name, value in told.items() if name in declared.settings()}
    known = {*declared.settings(), *dir(global_settings), *HELPERS, *PARTS}
    assert set(told) <= known, f"no settings: {set(told) - known}"
    for option in (it for cls in declared.classes().values() for it in options_of(cls).values()):
        for name in set(option.settings) & set(ours):
            option.checked(ours[name], f"setting {name}")
    for name in set(told) & set(PARTS):
        shown = class_of(page)
        assert shown is not None, f"{page} is about no storage"
        with override_settings(**before or {}):
            PARTS[name](shown, told[name])
    in_force = {name: value for name, value in ours.items() if name not in FRAME - {"DATABASES"}}
    entries = dict(told.get("STORAGES", {}))
    if "DEFAULT_FILE_STORAGE" in told:
        entries["default"] = {"BACKEND": told["DEFAULT_FILE_STORAGE"]}
    memory = {"BACKEND": "storages.testing.MemoryStorage"}
    served = dict.fromkeys(told.get("STORAGES_SERVE", ()), memory)
    everything = {"default": memory, "staticfiles": memory, **served, **entries}
    with override_settings(**in_force, STORAGES=everything, ROOT_URLCONF=URLCONF):
        for entry in entries.values():
            import_string(entry["BACKEND"])(**entry.get("OPTIONS", {}))
        for message in messages():
            assert name_of(page) in WARNS.get(str(message.id), {}), message


def messages() -> list[CheckMessage]:
    """What this package's system checks say of the settings in force."""
    ours = [it for it in registry.get_checks() if it.__module__.startswith("storages.")]
    # It looks at what is installed, slowly, and no setting changes that.
    ours = [it for it in ours if getattr(it, "__name__", "") != "check_distributions"]
    return [message for check in ours for message in check(app_configs=None, databases=None)]


@pytest.mark.parametrize("page", PYTHON, ids=name_of)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")  # nothing connects to them
def test_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Block after block, in one module; functions are called, settings are used."""
    monkeypatch.setenv("GRID_CAP", "URI:DIR2:" + ":".join([26 * "a", 52 * "a"]))
    monkeypatch.chdir(tmp_path)
    MemoryStorage().clear()
    make, fixed = STORAGES.get(name_of(page), (lambda _: MemoryStorage(), {}))
    in_force = dict(fixed)
    with override_settings(**fixed):
        named = {"default": make(tmp_path), "photos": MemoryStorage(place="photos")}
    with module_for(page, tmp_path) as module, isolate_apps("tests"):
        for block in blocks(page, "python"):
            with aliases(**named), override_settings(ROOT_URLCONF=URLCONF, **in_force):
                told = run(block, module)
            judge(told, page, in_force)
            ours = {name for name in told if name in declared.settings()} - FRAME
            in_force |= {name: told[name] for name in ours} | fixed
        with aliases(**named), override_settings(ROOT_URLCONF=URLCONF, **in_force):
            if name_of(page) in AFTERWARDS:
                AFTERWARDS[name_of(page)](module, tmp_path)
    MemoryStorage().clear()


def test_what_is_done_afterwards_is_about_pages() -> None:
    """No function above is for a page that is gone."""
    assert set(AFTERWARDS) <= {name_of(page) for page in PYTHON}
    assert len(PYTHON) > 20


@pytest.mark.parametrize(
    "page", [page for page in PYTHON if name_of(page) not in {*AFTERWARDS, *UNCALLED}], ids=name_of
)
def test_no_function_is_left_uncalled(page: Path) -> None:
    """A function that nobody calls is not known to work."""
    for block in blocks(page, "python"):
        for node in ast.parse(block.code).body:
            assert not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)), str(block)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"AWS_S3_NOTHING": 1}, "no settings"),
        ({"AWS_QUERYSTRING_EXPIRE": "long"}, "AWS_QUERYSTRING_EXPIRE"),
        ({"OPTIONS": {"nothing": 1}}, "nothing"),
        ({"STORAGES": {"default": {"BACKEND": "storages.backends.s3.Nothing"}}}, "Nothing"),
    ],
)
def test_settings_that_cannot_be_used_are_noticed(told: dict[str, Any], error: str) -> None:
    """The test above can fail."""
    with pytest.raises((AssertionError, ImportError, ValueError), match=error):
        judge(told, DOCS / "backends" / "s3.rst")
