"""The documentation is built without a warning, and no link in it leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs._ext import declared
from storages.options import options_of
from tests.documentation import DOCS, ROOT


class Page(HTMLParser):
    """What a built page links to, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        """Read the page."""
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links and anchors."""
        told = dict(attrs)
        self.links += [link for link in (told.get("href"), told.get("src")) if link]
        self.anchors |= {anchor for anchor in (told.get("id"), told.get("name")) if anchor}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, as ``make docs`` builds it."""
    place = tmp_path_factory.mktemp("built")
    (command,) = [
        line.split() for line in (ROOT / "Makefile").read_text().split("\n") if "-m sphinx" in line
    ]
    given = command[2:]  # without the variable for Python, and -m
    assert given[0:1] == ["sphinx"], command
    assert given[-2:] == ["docs", "docs/_build/html"]
    done = subprocess.run(
        [sys.executable, "-m", *given[:-1], str(place)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""
    return place


def test_every_page_is_built(built: Path) -> None:
    """With warnings as errors: a reference that leads nowhere is one."""
    sources = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.rst")}
    sources = {path for path in sources if path.parts[0] not in {"_build", "examples"}}
    assert len(sources) > 35
    for source in sources:
        assert (built / source).with_suffix(".html").exists(), source


def test_no_link_leads_nowhere(built: Path) -> None:
    """Each leads to a page that is there, and to a place in it; files exist."""
    pages = {path: Page(path) for path in built.rglob("*.html")}
    followed = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue  # tests/test_docs.py judges these
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {link}"
            followed += 1
    assert followed > 1000


@pytest.mark.parametrize("page", [*declared.classes()])
def test_every_option_is_shown(built: Path, page: str) -> None:
    """With its settings; the list of settings has these, too."""
    html = (built / f"{page}.html").read_text(encoding="utf-8")
    everything = (built / "settings.html").read_text(encoding="utf-8")
    for option in options_of(declared.classes()[page]).values():
        for name in (option.name, *option.settings):
            assert f'<span class="pre">{name}</span>' in html, name
        for name in option.settings:
            assert f'<span class="pre">{name}</span>' in everything, name
