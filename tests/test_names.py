"""Names: what is refused, what is allowed, and how URLs are made of them."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from storages import names

ODD = [
    "a b",
    " a",
    "a ",
    "é/ü",
    "%46",
    "a+b&c=d",
    "a#b?c",
    "'\"",
    ".x",
    "-x",
    "~",
    "x" * 255,
    "a:b",
]
REFUSED = [
    "../x",
    "a/../b",
    "/a",
    "//a",
    "a//b",
    "a/",
    "a/./b",
    "./a",
    "..",
    ".",
    "a\\..\\b",
    "\\a",
]
REFUSED += ["a\0b", "a\nb", "a\rb", "a\x7fb", "a\x85b", "a\ud800b", f".storages-{16 * '0'}.tmp"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_kept_as_they_are(name: str) -> None:
    """Spaces, quotes, percent signs and such mean nothing and change nothing."""
    assert names.file_name(name) == name


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    """Traversal, absolute names, empty components, control characters, lone surrogates."""
    with pytest.raises(SuspiciousFileOperation):
        names.file_name(name)


def test_an_empty_name_is_no_files_name_but_the_root() -> None:
    """``""`` names the root directory, never a file."""
    with pytest.raises(SuspiciousFileOperation):
        names.file_name("")
    assert [names.directory_name(n) for n in ("", ".", "./")] == ["", "", ""]


def test_a_directory_may_end_in_one_slash() -> None:
    """``a/`` is the directory ``a``; ``a//`` is refused."""
    assert names.directory_name("a/") == "a"
    with pytest.raises(SuspiciousFileOperation):
        names.directory_name("a//")


def test_backslashes_become_slashes() -> None:
    """As Django does on saving, here for every method."""
    assert names.file_name("a\\b.txt") == "a/b.txt"


@pytest.mark.parametrize("name", [PurePosixPath("a/b"), mark_safe("a/b"), gettext_lazy("a/b")])
def test_paths_and_lazy_and_safe_texts_are_names(name: object) -> None:
    """The name that comes out is a plain str."""
    assert type(names.file_name(name)) is str
    assert names.file_name(name) == "a/b"


@pytest.mark.parametrize("name", [None, 1, b"a"])
def test_what_is_no_text_is_no_name(name: object) -> None:
    """None, numbers and bytes are a TypeError."""
    with pytest.raises(TypeError, match="must be a str or a path"):
        names.file_name(name)


@given(st.text(max_size=30))
def test_what_is_allowed_stays_inside_the_root(text: str) -> None:
    """Whatever the text: refused, or a relative path without a dot component."""
    try:
        name = names.file_name(text)
    except SuspiciousFileOperation:
        return
    assert name == text.replace("\\", "/")
    assert not name.startswith("/")
    assert not {"", ".", ".."} & set(name.split("/"))
    name.encode()


@pytest.mark.parametrize("base", ["https://h/m", "https://h/m/"])
@pytest.mark.parametrize(
    ("name", "end"),
    [("a b.txt", "a%20b.txt"), ("a:b", "a%3Ab"), ("x?y#z", "x%3Fy%23z"), ("d/", "d/"), ("", "")],
)
def test_urls_are_quoted_and_stay_below_the_base(base: str, name: str, end: str) -> None:
    """With or without a trailing slash of the base; a colon makes no scheme."""
    assert names.join_url(base, names.url_name(name)) == f"https://h/m/{end}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.css", "text/css"),
        ("a.csv.gz", "application/gzip"),
        ("a.tar.xz", "application/x-xz"),
        ("a", "application/octet-stream"),
        ("a.unheardof", "application/octet-stream"),
    ],
)
def test_content_types_are_guessed_from_the_last_suffix(name: str, kind: str) -> None:
    """A compressed file is an archive, not what it unpacks to."""
    assert names.content_type(name) == kind
