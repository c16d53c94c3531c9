"""Headers: of answers (ranges, lengths, ETags, dates), of requests (the serving view), and URLs."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from django.core.signing import Signer
from django.http import QueryDict
from hypothesis import strategies as st

from storages import signing
from storages.http import addresses, answers, reading
from storages.readers import Stat
from storages.serving import headers, ranges
from storages.serving.conditions import Validators
from tests.fuzz.making import fuzz, mutated, ours

RANGES = ("bytes 0-4/10", "bytes 5-9/10", "bytes 0-4/*", "bytes */10", "bytes 9-5/3")
DATES = (
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
)
ETAGS = ('"abc"', 'W/"abc"', '"a", "b"', "*", '"', "abc")
ASKED = ("bytes=0-4", "bytes=-5", "bytes=5-", "bytes=0-0,5-9, -1", "items=0-1", "bytes=4-0")
NOW = datetime(2024, 2, 29, 12, 34, 56, tzinfo=timezone.utc)


def answer(status: int, fields: dict[str, str]) -> answers.Answer:
    """An answer with these headers."""
    raw: Any = SimpleNamespace(_fp=None)
    response: Any = SimpleNamespace(status_code=status, reason="", headers=fields, raw=raw)
    return answers.Answer(response, "GET", {}, lambda error, _: error)


def test_headers_of_answers() -> None:
    """Where a part begins is never past what was asked for; or the error is ours."""

    def check(drawn: tuple[int, str, str, str, str, int]) -> None:
        status, extent, length, etag, date, offset = drawn
        fields = {"Content-Range": extent, "Content-Length": length, "ETag": etag}
        fields |= {"Last-Modified": date, "Retry-After": date}
        found = answer(status, fields)
        assert found.modified is None or found.modified.tzinfo is not None
        assert found.etag is None or found.etag
        pause = answers.retry_after(fields)
        assert pause is None or pause >= 0
        told = ours(lambda: reading.extent(found, offset, None))
        if told is not None:
            assert 0 <= told[0] <= min(offset, told[1])

    fuzz(
        st.tuples(
            st.sampled_from([200, 206, 416]),
            mutated(RANGES),
            mutated(["0", "10", "007"]),
            mutated(ETAGS),
            mutated([*DATES, "120"]),
            st.integers(0, 20),
        ),
        check,
        quick=300,
        known=[(200, "", "", "", f"Sun, {'9' * 30} Nov 1994 08:49:37 GMT", 0)],
        share=0.3,
    )


def test_words_of_errors() -> None:
    """What an error's body says is short, and one line."""

    def check(text: str) -> None:
        said = answers.words(text.encode(errors="replace"))
        assert len(said) <= 301
        assert "\n" not in said

    samples = ['{"reason": "no"}', "<html><title>x</title><p>no</p>", '{"error": {"a": 1}}', "[1]"]
    fuzz(
        mutated(samples, ("<script>", "</", "<", "{")),
        check,
        share=0.1,
        known=["[" * 100_000, "1" * 5000],
    )


def test_urls() -> None:
    """A server's address has a host; what is shown of a URL has no password in it."""
    samples = ["https://user:secret@h.example:80/a", "http://[::1]:8080/", "http://h?x#y"]

    def check(text: str) -> None:
        addresses.origin(text)
        addresses.without_credentials(text)
        try:
            address = addresses.web_address(text)
        except ValueError:
            return
        assert urlsplit(address).hostname
        bare, found = addresses.split_credentials(address)
        assert "@" not in urlsplit(bare).netloc
        assert found is None or len(found) == 2

    fuzz(mutated(samples, ("@", ":", "//", "[", "]", "%", "?")), check, share=0.1)


def test_headers_of_requests() -> None:
    """A range is within the file; a condition is met, or not, or passed over."""
    validators = Validators.of(Stat(10, modified=NOW, version="abc"))

    def check(drawn: tuple[str, str, str, int]) -> None:
        asked, etag, date, size = drawn
        wanted = ranges.parse(asked)
        spans = ranges.resolve(wanted, size) if wanted else None
        for span in spans or ():
            assert 0 <= span.start < span.end <= size
        assert sum(map(len, spans or ())) <= size
        meta = {
            "HTTP_IF_MATCH": etag,
            "HTTP_IF_NONE_MATCH": etag,
            "HTTP_IF_MODIFIED_SINCE": date,
            "HTTP_IF_UNMODIFIED_SINCE": date,
        }
        for left in range(4):
            some = dict(list(meta.items())[left:])
            assert validators.judge(some) in {None, 304, 412}
        assert validators.allow_range(etag) in {True, False}
        assert validators.allow_range(date) in {True, False}
        shown = headers.content_disposition("attachment", etag + date)
        assert "\r" not in shown
        assert "\n" not in shown
        shown.encode("latin-1")

    fuzz(
        st.tuples(
            mutated([*ASKED, "bytes=" + "0-0," * 20], (",", "-", "bytes=")),
            mutated(ETAGS, (",", '"', "W/")),
            mutated(DATES),
            st.integers(0, 20),
        ),
        check,
        quick=300,
        share=0.4,
    )


def test_signed_links() -> None:
    """No link that was changed is taken for one of ours."""
    made = signing.Link(9_999_999_999, "inline", "a.txt")
    signature = Signer(salt=signing._SALT).signature(made.signed("default", "a", "GET"))
    query = f"expires=9999999999&disposition=inline&filename=a.txt&signature={signature}"

    def check(text: str) -> None:
        given = QueryDict(text.encode(errors="replace").decode())
        try:
            found = signing.verify("default", "a", "GET", given.dict())
        except signing.BadLink:
            return
        assert found == made

    signing.verify("default", "a", "GET", QueryDict(query).dict())
    fuzz(mutated([query], ("&", "=", "%", "expires=", "signature=")), check, share=0.1)
