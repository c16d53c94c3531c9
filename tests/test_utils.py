"""The helpers that other packages import from storages.utils."""

from __future__ import annotations

import io
from pathlib import PurePosixPath

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.test import override_settings

from storages.utils import clean_name, is_seekable, safe_join, setting


def test_setting() -> None:
    """A setting's value comes from the settings in force, else it is the default."""
    assert setting("NO_SUCH_SETTING") is None
    assert setting("NO_SUCH_SETTING", 3) == 3
    with override_settings(NO_SUCH_SETTING=None):
        assert setting("NO_SUCH_SETTING", 3) is None


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a/b.txt", "a/b.txt"),
        ("a//./b.txt", "a/b.txt"),
        ("a/x/../b.txt", "a/b.txt"),
        ("a\\b\\c.txt", "a/b/c.txt"),
        ("a\\..\\c.txt", "c.txt"),
        ("a/b/", "a/b/"),
        ("a\\b\\", "a/b/"),
        ("", ""),
        (".", ""),
        ("./", ""),
        ("a/..", ""),
        ("/", "/"),
        ("../x", "../x"),
        (PurePosixPath("a/./b"), "a/b"),
    ],
)
def test_clean_name(name: str, clean: str) -> None:
    """A name becomes a normal POSIX path; its trailing slash stays; nothing is refused."""
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    ("base", "paths", "joined"),
    [
        ("", ["path/to/somewhere", "other", "path/to/somewhere"],
         "path/to/somewhere/other/path/to/somewhere"),
        ("", ["path/./somewhere/../other", "..", ".", "to/./somewhere"], "path/to/somewhere"),
        ("base_url/", ["path/to/somewhere"], "base_url/path/to/somewhere"),
        ("base", ["a.txt"], "base/a.txt"),
        ("/base/", ["a.txt"], "base/a.txt"),
        ("b/./c", ["a.txt"], "b/c/a.txt"),
        ("base", ["d/", "a.txt"], "base/d/a.txt"),
        ("base", ["d/"], "base/d/"),
        ("base", ["d", ""], "base/d/"),
        ("base", ["d", "."], "base/d/"),
        ("base", ["d/x", ".."], "base/d"),
        ("base", ["d//x"], "base/d/x"),
        ("base", ["..", "base", "a.txt"], "base/a.txt"),
        ("base", ["/base/a.txt"], "base/a.txt"),
        ("", ["/a.txt"], "a.txt"),
        ("", ["//a.txt"], "a.txt"),
        ("base", [], "base/"),
        ("base", [""], "base/"),
        ("base", ["."], "base/"),
        ("base", ["d", ".."], "base/"),
        ("", [], ""),
        ("", [""], ""),
        ("", ["."], ""),
        ("/", ["."], ""),
        ("base", ["a:b?c#d e.txt"], "base/a:b?c#d e.txt"),
        ("base", ["...", "..a"], "base/.../..a"),
        ("base", ["2017-05-19T14:45:37.123456"], "base/2017-05-19T14:45:37.123456"),
        ("bäse", ["ü.txt"], "bäse/ü.txt"),
    ],
)  # fmt: skip
def test_safe_join(base: str, paths: list[str], joined: str) -> None:
    """Paths are joined below the base, normalised, without a leading slash."""
    assert safe_join(base, *paths) == joined


@pytest.mark.parametrize(
    ("base", "paths"),
    [
        ("base", ["../../etc/passwd"]),
        ("base", [".."]),
        ("base", ["../base2/x"]),  # the same letters are not the same directory
        ("base", ["..", "other"]),
        ("base", ["a/../../x"]),
        ("base", ["/etc/passwd"]),
        ("base", ["a", "/etc/passwd"]),
        ("base", ["../../base/x"]),  # above the root there is nothing to come back from
        ("a/b", ["../c"]),
        ("", [".."]),
        ("", ["../x"]),
        ("", ["a/../../x"]),
        ("/", ["../x"]),
    ],
)
def test_safe_join_refuses_what_is_outside(base: str, paths: list[str]) -> None:
    """A result outside the base is a suspicious operation, and a ValueError as callers expect."""
    with pytest.raises(SuspiciousFileOperation, match="outside"):
        safe_join(base, *paths)
    with pytest.raises(ValueError, match="outside"):
        safe_join(base, *paths)


class _Pipe(io.RawIOBase):
    def readable(self) -> bool:
        return True


def test_is_seekable() -> None:
    """A file says whether it is seekable; one that does not say is taken to be."""
    assert is_seekable(io.BytesIO())
    assert is_seekable(object())
    with _Pipe() as pipe:
        assert not is_seekable(pipe)
