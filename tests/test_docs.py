"""The documentation's code works, and its pages keep their form."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import docutils.core
import pytest
from django.test import override_settings
from django.utils.module_loading import import_string

from storages.testing import MemoryStorage

ROOT = Path(__file__).resolve().parent.parent
TOP = [ROOT / "README.rst", ROOT / "CHANGELOG.rst", ROOT / "CONTRIBUTING.rst"]
DOCS = ROOT / "docs"
PAGES = [*TOP, *sorted(DOCS.glob("*.rst")), *sorted(DOCS.glob("backends/*.rst"))]
SHARED = {"index", "local"}  # about several backends
BACKEND_PAGES = [page for page in sorted(DOCS.glob("backends/*.rst")) if page.stem not in SHARED]
HEADINGS = [
    "Install",
    "Configure",
    "Guarantees",
    "Names",
    "Limits",
    "Performance",
    "Running a server to try it",
]
# Modules that only keep an old path: the page of the backend tells of them.
ALIASES = {"mogile", "mongodb", "mosso", "s3boto", "s3boto3", "sftpstorage"}
BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: python\n\n(?P<code>(?:(?P=indent) +.*\n|\n)+)", re.MULTILINE
)


def python_blocks(page: Path) -> list[str]:
    """The page's blocks of Python, dedented."""
    text = page.read_text(encoding="utf-8")
    return [textwrap.dedent(found["code"]) for found in BLOCK.finditer(text)]


def block_with(page: Path, text: str) -> str:
    """The one block of the page that has ``text`` in it."""
    (block,) = (block for block in python_blocks(page) if text in block)
    return block


def names(page: Path) -> str:
    """Name a page in a test's id."""
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def memory() -> Iterator[None]:
    """A project whose default storage is in memory, and empty."""
    MemoryStorage().clear()
    with override_settings(STORAGES={"default": {"BACKEND": "storages.testing.MemoryStorage"}}):
        yield
    MemoryStorage().clear()


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_python_blocks_are_python(page: Path) -> None:
    """Every block that says it is Python compiles."""
    for block in python_blocks(page):
        compile(block, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_python_blocks_are_found() -> None:
    """The test above looks at something."""
    assert sum(len(python_blocks(page)) for page in PAGES) > 10


@pytest.mark.parametrize("page", TOP, ids=names)
def test_top_level_pages_are_plain_restructuredtext(page: Path) -> None:
    """PyPI and GitHub render them: no Sphinx roles, no warnings."""
    warnings = StringIO()
    docutils.core.publish_string(
        page.read_text(encoding="utf-8"),
        writer="null",
        settings_overrides={"report_level": 1, "warning_stream": warnings},
    )
    assert warnings.getvalue() == ""


@pytest.mark.parametrize("page", [ROOT / "README.rst", ROOT / "docs/quickstart.rst"], ids=names)
def test_the_settings_shown_first_can_be_used(page: Path) -> None:
    """Each entry of their STORAGES names a class that takes these options."""
    namespace: dict[str, Any] = {"__file__": str(page)}
    exec(block_with(page, "STORAGES = {"), namespace)
    storages = namespace["STORAGES"]
    assert set(storages) == {"default", "photos", "staticfiles"}
    for entry in storages.values():
        import_string(entry["BACKEND"])(**entry["OPTIONS"])


@pytest.mark.parametrize("page", [ROOT / "README.rst", ROOT / "docs/quickstart.rst"], ids=names)
@pytest.mark.usefixtures("memory")
def test_the_methods_shown_first_work(page: Path) -> None:
    """The block that shows the API runs as it stands."""
    namespace: dict[str, object] = {}
    exec(block_with(page, "ContentFile"), namespace)
    assert namespace["name"] == "reports/may.csv"


@pytest.mark.parametrize("page", BACKEND_PAGES, ids=names)
def test_backend_pages_have_the_same_headings(page: Path) -> None:
    """A reader finds the same things at the same place for each backend."""
    found = re.findall(r"^(.+)\n-+$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert found == HEADINGS


@pytest.mark.parametrize("page", BACKEND_PAGES, ids=names)
def test_backend_pages_show_every_option(page: Path) -> None:
    """The table is made from the class of the page's backend."""
    (shown,) = re.findall(r"^\.\. storage-options:: (.+)$", page.read_text(), re.MULTILINE)
    assert shown.startswith(f"storages.backends.{page.stem}.")
    import_string(shown)


def test_every_backend_has_a_page() -> None:
    """A module in storages/backends is described, and listed in the README."""
    backends = {
        path.stem
        for path in (ROOT / "storages" / "backends").iterdir()
        if not path.name.startswith("_") and path.stem not in ALIASES
    }
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^``(\w+)``  ", readme, re.MULTILINE))
    assert backends == {page.stem for page in BACKEND_PAGES} == listed
