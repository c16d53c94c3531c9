"""Names that are made up by hypothesis.

They are made of what separates, ends, escapes or means something in a path, a line of a protocol,
a URL, a query, JSON or XML. In the quick pass they are the same each time; in the whole one they
differ (environment: STORAGES_FUZZ_SEED repeats a run, whose seed is printed).
"""

from __future__ import annotations

import os
import posixpath
import random
import sys
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import SuspiciousFileOperation
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from storages import names as judge

__all__ = ["PIECES", "made_up_names", "repeated", "some_alike"]

T = TypeVar("T")

#: What names are made of, beside any text: each means something to somebody.
PIECES = (
    *("a", "b", "A", "f.txt", "name", "0", "None", "null", "-", "_", "__", "K", "k"),
    *("/", "/", "/", "\\", "//", ".", "..", "...", "./", "../", "/.", "/..", "~", "~root", "-rf"),
    *(" ", "  ", "\t", "\n", "\r", "\r\n", "\0", "\x01", "\x1b[2J", "\x7f", "\x85", "\x9b"),
    *("\ud800", "\udcff", "\udfff", "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\U0001f642"),
    *("\u00a0", "\u2028", "\u2029", "\u200b", "\u200d", "\u202e", "\ufeff", "\u3000", "\u00ad"),
    *("é", "e\u0301", "\u0301", "Å", "\u212b", "\u212a", "ß", "\u1e9e", "\u0131", "\u017f", "ﬁ"),
    *("%", "%2e%2e", "%2F", "%5c", "%00", "%0a", "%25", "%c0%af", "%zz", "%u002e", "+", "%20"),
    *("'", '"', "`", "''", "';--", "' or '1'='1", "$(id)", "`id`", "$HOME", ";", "|", "&", "&&"),
    *("*", "?", "[a]", "[!a]", "{a,b}", "{0}", "{}", "$", "^", "(", ")", ".*", "\\d", "_%"),
    *("!", "@", "日本", "ملف"),
    *("?t=json", "?x=1&y=2", "#", "=", ":", "::", "http:", "//h/", "user:pw@h", ";type=i", ","),
    *("<x>", "</Key>", "]]>", "&amp;", "&#x2e;", "<!--", "{", "}", '{"a":1}', "[", "]"),
    *("QUIT", "\r\nDELE x", " -> b", "type=file; ", "Jun  3 12:34 x", "total 12", "k=a&b=c", "OK"),
    *("_all_docs", "_design", "_id", "$set", "URI:DIR2:", "@@named=", "NUL", "aux.txt", "x:y"),
    *(".hidden", "x.part", "x~", ".lock", ".gz", ".tar.gz", ".png", "%s", "%n", "{cid}", "\u0130"),
)  # fmt: skip
_LONG = (100, 200, 251, 252, 255, 256, 300)


def made_up_names() -> st.SearchStrategy[str]:
    """Names, and what is none."""
    piece = st.sampled_from(PIECES) | st.text(max_size=4)
    short = st.lists(piece, min_size=1, max_size=5).map("".join)
    # Legal parts in a legal order, or most would be refused for one letter.
    legal = "".join(PIECES).translate({ord(c): None for c in "/\\"})
    part = st.lists(
        st.sampled_from([p for p in PIECES if _is_legal(p)])
        | st.text(st.sampled_from([c for c in legal if _is_legal(c)]), max_size=3),
        min_size=1,
        max_size=4,
    ).map("".join)
    path = st.lists(part, min_size=1, max_size=4).map("/".join)
    long = st.builds(
        lambda letter, length, end: letter * (length // len(letter.encode())) + end,
        st.sampled_from(["n", "é", "日", "🙂", "%", "deep-and-deeper/"]),
        st.sampled_from(_LONG),
        st.sampled_from(["", ".txt", "/f"]),
    )
    return st.one_of(path, short, path, path, long)


def _is_legal(text: str) -> bool:
    try:
        return judge.file_name(f"a{text}a") == f"a{text}a" and "/" not in text
    except SuspiciousFileOperation:
        return False


def _alike(name: str) -> st.SearchStrategy[str]:
    """Names that something might take for ``name``."""
    return st.sampled_from(
        [
            name,
            name + " ",
            " " + name,
            name + ".",
            name + "/",
            name + "/x",
            name.upper(),
            name.swapcase(),
            name.casefold(),
            unicodedata.normalize("NFC", name),
            unicodedata.normalize("NFD", name),
            unicodedata.normalize("NFKC", name),
            name.replace(" ", "%20"),
            name.replace(" ", "+"),
            name.replace("%", "%25"),
            name.replace("/", "%2F"),
            name.replace("/", "\\"),
            name.replace("&", "&amp;"),
            name.replace("/", "_"),
            name + "\u200b",
            name + "\ufe0f",
            name[:-1] or "x",
            posixpath.dirname(name) or "y",
        ]
    )


def some_alike() -> st.SearchStrategy[list[str]]:
    """One to three names, of which some are alike."""
    return made_up_names().flatmap(
        lambda name: st.lists(_alike(name) | made_up_names(), max_size=2).map(lambda m: [name, *m])
    )


def repeated(strategy: st.SearchStrategy[T], check: Callable[[T], None], examples: int) -> None:
    """Call ``check`` with so many examples: the same ones each time unless they are many.

    The environment STORAGES_FUZZ_SEED chooses others, and says which; a failure of the whole pass
    prints what repeats it.
    """
    chosen = os.environ.get("STORAGES_FUZZ_SEED")
    whole = os.environ.get("STORAGES_STRESS", "quick") == "full"
    run = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=not (chosen or whole),
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(given(strategy)(check))
    if chosen or whole:
        number = int(chosen) if chosen else random.SystemRandom().getrandbits(32)
        sys.stdout.write(f"STORAGES_FUZZ_SEED={number} repeats this\n")
        run = seed(number)(run)
    run()
