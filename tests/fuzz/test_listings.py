"""FTP: what servers print for LIST and MLSD, what they answer, and where they are."""

from __future__ import annotations

from hypothesis import strategies as st

from storages.backends.ftp import listing, location, replies
from tests.backends.test_ftp_listing import FACTS, IGNORED, LINES
from tests.fuzz.making import fuzz, mutated, ours

PIECES = ("/", "..", " -> ", "Jun  3 12:34 ", "type=", "size=", ";", "<DIR>", "1,234", "\t", "+")
#: Lines as servers print them, with something wrong.
LINE = mutated([*FACTS, *LINES, *IGNORED], PIECES)
REPLIES = (
    "550 Failed to open file.",
    "550 a.txt: No such file or directory",
    "553 Could not create file.",
    "530 Please login with USER and PASS.",
    "421 Too many connections (8) from this IP",
    "452-Insufficient\r\n452 disk space",
)


def test_lines_of_listings() -> None:
    """Names are never empty and never paths, sizes are numbers; or the error is ours."""

    def check(lines: list[str]) -> None:
        found = list(listing.mlsd(lines))
        found += ours(lambda: list(listing.listed(lines))) or []
        for item in found:
            assert item.name
            assert "/" not in item.name
            assert item.size is None or item.size >= 0
            assert item.printed is None or item.printed.tzinfo is None
            assert item.modified is None or item.modified.tzinfo is not None

    fuzz(
        st.lists(LINE, max_size=4),
        check,
        quick=300,
        known=[
            ["-rw-r--r-- 1 o g " + "9" * 5000 + " Jun  3 12:34 a"],
            ["size=" + "9" * 5000 + "; a"],
        ],
        share=0.6,
    )


def test_replies() -> None:
    """Whatever the words: an error that says them."""

    def check(drawn: tuple[int, str, str]) -> None:
        code, text, path = drawn
        reply = replies.Reply(code, text)
        replies.why(reply, path)
        assert str(replies.refusal(reply, path))

    fuzz(
        st.tuples(st.integers(100, 999), mutated(REPLIES), mutated(["a/b.txt", "/"])),
        check,
        share=0.2,
    )


def test_locations() -> None:
    """A location is understood, or refused with ValueError that does not show the password."""
    samples = ["ftp://user:pw@host:2121/path", "aftps://h", "ftpes://u:p%40ss@[::1]:990//a//b/"]

    def check(url: str) -> None:
        shown = location.without_password(url)
        try:
            found = location.parse(url)
        except ValueError:
            return
        assert 0 < found.port < 65536
        assert found.host
        assert location.parse(shown).host == found.host
        assert location.parse(shown).password == ""

    fuzz(mutated(samples, ("@", ":", "/", "[", "]", "%", "%00", "#", "?")), check, share=0.2)
