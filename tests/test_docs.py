"""The documentation's pages keep their form, and what they point to is there."""

from __future__ import annotations

import importlib
import re
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import docutils.core
import docutils.writers.null
import pytest
from django.utils.module_loading import import_string

from storages import legacy
from tests.documentation import DOCS, ROOT, TOP, blocks, name_of

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


@pytest.mark.parametrize("page", TOP, ids=name_of)
def test_top_level_pages_are_plain_restructuredtext(page: Path) -> None:
    """PyPI and GitHub render them: no Sphinx roles, no warnings."""
    warnings = StringIO()
    docutils.core.publish_string(
        page.read_text(encoding="utf-8"),
        writer=docutils.writers.null.Writer(),  # by name, it is another argument in older ones
        settings_overrides={"report_level": 1, "warning_stream": warnings},
    )
    assert warnings.getvalue() == ""


def test_the_readme_can_be_read_in_a_minute() -> None:
    """The first screen has both commands; the use is short."""
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    first = text.split("\n")[:25]
    assert any("make demo" in line for line in first)
    assert any("make test" in line for line in first)
    lines = [
        line for block in blocks(ROOT / "README.rst", "python") for line in block.code.split("\n")
    ]
    assert len([line for line in lines if line.strip()]) <= 22


@pytest.mark.parametrize("page", BACKEND_PAGES, ids=name_of)
def test_backend_pages_have_the_same_headings(page: Path) -> None:
    """A reader finds the same things at the same place for each backend."""
    found = re.findall(r"^(.+)\n-+$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert found == HEADINGS


@pytest.mark.parametrize("page", BACKEND_PAGES, ids=name_of)
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


def test_the_table_of_backends_to_choose_from_has_every_backend() -> None:
    """None is forgotten where people choose."""
    text = (DOCS / "choosing.rst").read_text(encoding="utf-8")
    rows = set(re.findall(r"^   \* - :doc:`(\w+) <backends/\w+>`$", text, re.MULTILINE))
    assert rows == {page.stem for page in BACKEND_PAGES}


def test_the_old_paths_are_those_that_are_translated() -> None:
    """The page about 1.1.4 lists what the code knows."""
    text = (DOCS / "migrating.rst").read_text(encoding="utf-8")
    rows = re.findall(r"^``([\w.*]+)`` +``(storages\.backends\.[\w.*]+)``$", text, re.MULTILINE)
    assert {old: new for old, new in rows if not old.startswith("storages.")} == legacy.MOVED


def test_the_modules_of_1_1_4_are_there() -> None:
    """Each old module that the page lists gives what the new one has."""
    text = (DOCS / "migrating.rst").read_text(encoding="utf-8")
    rows = re.findall(
        r"^``(storages\.backends\.\w+)`` +``(storages\.backends\.\w+)``", text, re.MULTILINE
    )
    assert {old.rpartition(".")[2] for old, _ in rows} == ALIASES - {"s3boto3"}
    for old, new in rows:
        classes = [it for it in vars(importlib.import_module(old)).values() if isinstance(it, type)]
        assert any(base.__module__.startswith(new) for cls in classes for base in cls.__mro__), old


PROOF = re.compile(r"``((?:tests|storages/testing)/[\w/]+\.py)(?:::(\w+))?``")
PATH = re.compile(
    r"``((?:\.ci|benchmarks|docs|example|requirements|storages|tests|tools)/[\w./-]*\w/?)``"
)
SUBJECTS = [*TOP, *sorted(DOCS.glob("*.rst")), *sorted(DOCS.glob("backends/*.rst"))]
GENERATED = {"benchmarks/results", "docs/_build/html", "example/var"}


@pytest.mark.parametrize("page", SUBJECTS, ids=name_of)
def test_files_of_the_project_that_are_named_exist(page: Path) -> None:
    """Also the tests that a page calls its proof."""
    text = page.read_text(encoding="utf-8")
    for path in PATH.findall(text):
        assert (ROOT / path).exists() or path.rstrip("/") in GENERATED, path
    for path, test in PROOF.findall(text):
        if test:
            assert re.search(rf"^ *def {test}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), (
                test
            )


def test_every_claim_about_security_has_a_proof_or_a_setting() -> None:
    """Up to the part that tells what is not protected."""
    text = (DOCS / "security.rst").read_text(encoding="utf-8")
    claims = text.partition("What is not protected\n---")[0].split("\n* **")[1:]
    unproven = [claim for claim in claims if not re.search(r"(?:Tests|Settings?): ", claim)]
    assert len(claims) > 15
    # These two say what this package leaves to others.
    assert len(unproven) == 2
    assert len(PROOF.findall(text)) > 20


# -- links: what leads out of the documentation

LINK = re.compile(r"https?://[^\s`>\"')\]]+")
EXAMPLES = re.compile(
    r"https?://(?:[\w*:{}.-]+@)?(?:[\w-]+\.)*(?:example\.com|localhost|127\.0\.0\.1|minio|couchdb\.local)"
    r"(?::\d+)?(?:/|$)"
)


@pytest.mark.parametrize("page", SUBJECTS, ids=name_of)
def test_links_are_well_formed(page: Path) -> None:
    """What is no example is https, of a host that has a name, and ends in no punctuation."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        parts = urlsplit(link.rstrip(".,:;}"))
        assert parts.hostname, link
        if not EXAMPLES.match(f"{parts.scheme}://{parts.netloc}/"):
            assert parts.scheme == "https", link
            assert re.fullmatch(r"(?:[\w{}-]+\.)+[a-z]{2,}", parts.hostname), link


def test_links_are_found() -> None:
    """The test above looks at something."""
    found = [link for page in SUBJECTS for link in LINK.findall(page.read_text(encoding="utf-8"))]
    assert len(found) > 30


@pytest.mark.parametrize("page", SUBJECTS, ids=name_of)
def test_targets_of_the_makefile_that_are_named_exist(page: Path) -> None:
    """In the middle of a sentence, too."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"``make ([\w-]+)[^`]*``", page.read_text(encoding="utf-8")):
        assert re.search(rf"^(?:.* )?{target}(?: .*)?:", makefile, re.MULTILINE), target


def test_every_check_is_listed() -> None:
    """The list of what ``manage.py check`` can say has the ids that are in the code, in order."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "storages").rglob("*.py"))
    page = (DOCS / "troubleshooting.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^``(storages\.[EW]\d{3})``  ", page, re.MULTILINE)
    assert listed == sorted(set(re.findall(r"id=\"(storages\.[EW]\d{3})\"", code)))
