"""What the serving view reads in requests and writes into headers, without any request."""

from __future__ import annotations

import itertools
import string
from datetime import datetime, timedelta, timezone
from email.message import Message
from urllib.parse import unquote

import pytest
from django.utils.http import http_date
from hypothesis import given
from hypothesis import strategies as st

from storages.readers import Stat
from storages.serving.conditions import Validators
from storages.serving.headers import (
    INLINE_TYPES,
    content_disposition,
    is_inline,
    media_type,
    policy,
)
from storages.serving.ranges import MOST, Span, Wanted, parse, resolve

NOW = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=timezone.utc)
THEN = http_date((NOW - timedelta(days=1)).timestamp())
LATER = http_date((NOW + timedelta(days=1)).timestamp())
SAME = http_date(NOW.timestamp())
FILE = Validators.of(Stat(size=10, modified=NOW, version="v1"))


def described(**fields: str) -> dict[str, str]:
    """Header fields as ``request.META`` has them."""
    return {f"HTTP_{name.upper()}": value for name, value in fields.items()}


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-4", [(0, 5)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-30", [(0, 10)]),
        ("bytes=9-30", [(9, 10)]),
        ("BYTES=0-0", [(0, 1)]),
        ("bytes= 1 - 2 ", [(1, 3)]),
        ("bytes=,0-1,,3-4,", [(0, 2), (3, 5)]),
        ("bytes=3-4,0-1", [(3, 5), (0, 2)]),
        ("bytes=8-,4-5,0-1,2-3", [(8, 10), (0, 6)]),
        ("bytes=0-1,2-3", [(0, 4)]),
        ("bytes=0-5,2-3", [(0, 6)]),
        ("bytes=0-1,20-30", [(0, 2)]),
        ("bytes=0000000000000000000000000000001-2", [(1, 3)]),
        ("bytes=1-99999999999999999999999999999999", [(1, 10)]),
        ("bytes=10-", []),
        ("bytes=99999999999999999999999999999999-", []),
        ("bytes=-0", []),
    ],
)
def test_ranges_of_ten_bytes(header: str, spans: list[tuple[int, int]]) -> None:
    """What a valid header asks of a file of ten bytes; [] is answered with 416."""
    wanted = parse(header)
    assert wanted is not None
    found = resolve(wanted, 10)
    assert found == [Span(*span) for span in spans]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=4-2",
        "bytes=1-2,4-2",
        "bytes=0--1",
        "bytes=+1-2",
        "bytes=\u0661-\u0662",
        "bytes=1_0-2_0",
        "items=0-4",
        "bytes:0-4",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(MOST + 1)),
    ],
)
def test_ranges_that_are_ignored(header: str | None) -> None:
    """What is not valid, not in bytes or too much gets the whole file."""
    assert parse(header) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=0-8,1-9", 10), ("bytes=-5", 0)])
def test_ranges_for_which_the_whole_is_sent(header: str, size: int) -> None:
    """Ranges that would be more than the file; and the end of an empty one."""
    wanted = parse(header)
    assert wanted is not None
    assert resolve(wanted, size) is None


@given(st.text(max_size=200))
def test_any_text_is_a_range_or_none(text: str) -> None:
    """No header makes the parser fail, and what it finds lies within the file."""
    for header in (text, f"bytes={text}"):
        wanted = parse(header)
        for size in (0, 1, 1000):
            for span in (resolve(wanted, size) if wanted else None) or []:
                assert 0 <= span.start < span.end <= size


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted),
        min_size=1,
        max_size=MOST,
    ),
    st.integers(0, 50),
)
def test_ranges_hold_what_was_asked_for(pairs: list[list[int]], size: int) -> None:
    """The parts are apart, and together what was asked for and exists; or all is sent."""
    wanted = parse("bytes=" + ",".join(f"{first}-{last}" for first, last in pairs))
    assert wanted == [Wanted(first, last) for first, last in pairs]
    spans = resolve(wanted, size)
    asked = {n for first, last in pairs for n in range(first, last + 1) if n < size}
    if spans is None:
        assert asked
        return
    assert {n for span in spans for n in range(span.start, span.end)} == asked
    assert all(before.end < after.start for before, after in itertools.pairwise(sorted(spans)))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"If_None_Match": '"v1"'}, 304),
        ({"If_None_Match": 'W/"v1"'}, 304),
        ({"If_None_Match": '"v0", "a,b" , "v1"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"v0"'}, None),
        ({"If_None_Match": "v1"}, None),
        ({"If_None_Match": '"v1" nonsense'}, None),
        ({"If_None_Match": '"v0"', "If_Modified_Since": LATER}, None),
        ({"If_Modified_Since": SAME}, 304),
        ({"If_Modified_Since": LATER}, 304),
        ({"If_Modified_Since": THEN}, None),
        ({"If_Modified_Since": "yesterday"}, None),
        ({"If_Modified_Since": "Friday, 02-Jan-26 03:04:05 GMT"}, 304),
        ({"If_Match": '"v1"'}, None),
        ({"If_Match": "*"}, None),
        ({"If_Match": 'W/"v1"'}, 412),
        ({"If_Match": '"v0"'}, 412),
        ({"If_Match": '"v1"', "If_Unmodified_Since": THEN}, None),
        ({"If_Match": '"v0"', "If_None_Match": '"v1"'}, 412),
        ({"If_Match": '"v1"', "If_None_Match": '"v1"'}, 304),
        ({"If_Unmodified_Since": THEN}, 412),
        ({"If_Unmodified_Since": SAME}, None),
        ({"If_Unmodified_Since": "tomorrow"}, None),
    ],
)
def test_conditions(headers: dict[str, str], status: int | None) -> None:
    """RFC 9110, section 13: which status a condition gets, and which counts first."""
    assert FILE.judge(described(**headers)) == status


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        (None, True),
        ('"v1"', True),
        ('"v0"', False),
        ('W/"v1"', False),
        ('"v0", "v1"', False),
        (SAME, True),
        (THEN, False),
        (LATER, False),
        ("nonsense", False),
    ],
)
def test_if_range(header: str | None, allowed: bool) -> None:
    """Parts are joined to parts of the very same version: compared strongly, or not joined."""
    assert FILE.allow_range(header) is allowed


def test_a_store_that_tells_nothing_has_no_validators() -> None:
    """Then no condition holds that could be wrong, and no part is joined."""
    bare = Validators.of(Stat(size=1))
    assert bare.headers == {}
    assert bare.judge(described(If_None_Match='""', If_Modified_Since=SAME)) is None
    assert bare.judge(described(If_Modified_Since=LATER)) is None
    assert bare.judge(described(If_Unmodified_Since=THEN)) is None
    assert bare.judge(described(If_Match='"v1"')) == 412
    assert bare.judge(described(If_Match="*")) is None
    assert not bare.allow_range(SAME)


@pytest.mark.parametrize("version", ['a"b', "a b", "ä", "a\nb", "\ud800x"[1:] + "\x7f"])
def test_a_version_of_odd_characters_is_hashed(version: str) -> None:
    """An ETag can stand in a header, and differs where versions do."""
    etag = Validators.of(Stat(size=1, version=version)).etag
    assert etag is not None
    assert len(etag) == 66
    assert etag.isascii()
    assert etag != Validators.of(Stat(size=1, version=version + "x")).etag


def test_a_long_list_of_nothing_is_read_quickly() -> None:
    """Commas cost no more than their number."""
    assert FILE.judge(described(If_None_Match="," * 100_000)) is None


def parameters(value: str) -> dict[str, str]:
    """The parameters of a header, as the standard library reads them."""
    message = Message()
    message["Content-Disposition"] = value
    found = message.get_params(header="content-disposition", unquote=True) or []
    return {name: str(text) for name, text in found[1:]}


def saved_as(value: str) -> str:
    """The name under which a browser stores a file."""
    _, found, extended = value.partition("; filename*=UTF-8''")
    return unquote(extended) if found else value.partition('filename="')[2][:-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("a b;c.txt", 'attachment; filename="a b;c.txt"'),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("ä€.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A4%E2%82%AC.txt"),
        ("50%41.txt", "attachment; filename=\"50%41.txt\"; filename*=UTF-8''50%2541.txt"),
        ("a\r\nSet-Cookie: x=1", 'attachment; filename="a__Set-Cookie: x=1"'),
        ("../../etc/passwd", 'attachment; filename=".._.._etc_passwd"'),
        ("c:\\x.exe", 'attachment; filename="c:_x.exe"'),
        (" .txt. ", 'attachment; filename=".txt"'),
        ("..", 'attachment; filename="file"'),
        ("", 'attachment; filename="file"'),
        ("\u202egpj.exe", 'attachment; filename="gpj.exe"'),
    ],
)
def test_content_disposition(name: str, value: str) -> None:
    """RFC 6266 and 8187: quotes, line ends, other alphabets, paths, hidden suffixes."""
    assert content_disposition("attachment", name) == value


@given(st.text(max_size=100))
def test_any_name_makes_one_harmless_header(name: str) -> None:
    """It is ASCII on one line, has two parameters at most, and keeps the name of letters."""
    value = content_disposition("inline", name)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2
    assert value.startswith('inline; filename="')
    shown = saved_as(value)
    assert shown
    assert not set(shown) & set('/\\"\r\n\0') - {'"'}
    assert set(parameters(value)) <= {"filename", "filename*"}


@given(st.text(alphabet=string.ascii_letters + "äöüßéñ中文日本😀 '()!~,;%", min_size=1))
def test_a_name_comes_back(name: str) -> None:
    """What a browser stores is the name, less blanks at its ends."""
    shown = saved_as(content_disposition("attachment", f"x{name}x"))
    assert shown == f"x{name}x"


@pytest.mark.parametrize(
    "told",
    [None, "", "text", "text/html\r\nX: y", "text/html; charset=ä", "a b/c", "text/html, x", "/"],
)
def test_what_is_no_media_type_is_bytes(told: str | None) -> None:
    """Whatever a store tells cannot end the header, or make browsers guess."""
    assert media_type(told) == "application/octet-stream"


@pytest.mark.parametrize("told", ["text/html", "text/plain; charset=utf-8", "image/svg+xml"])
def test_media_types_stay(told: str) -> None:
    """With parameters."""
    assert media_type(told) == told


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("image/png;x,text/html", "image/png"),
        ("image/png;,text/html", "image/png"),
        ("image/png;a=b,text/html;charset=utf-8", "image/png"),
        ('image/png;a="b,text/html', "image/png"),
        ('image/png;a="b\\",text/html"', "image/png"),
        ("text/plain;", "text/plain"),
        ("text/plain; charset", "text/plain"),
        ("text/plain;charset=utf-8;", "text/plain"),
        ('text/plain ; a="b c";d=e', 'text/plain ; a="b c";d=e'),
    ],
)
def test_no_second_type_hides_in_a_parameter(told: str, kept: str) -> None:
    """Browsers take a header at its commas for several types, of which the last counts."""
    assert media_type(told) == kept


def test_what_is_shown_is_in_a_sandbox() -> None:
    """Nothing runs in it; sound and films keep the origin, without which they cannot be fetched."""
    for kind in ("text/plain", "image/png", "text/html", "application/pdf", "x-video/audio"):
        assert policy(kind).endswith("; sandbox")
    for kind in ("video/mp4", "Audio/OGG; codecs=opus"):
        assert policy(kind).endswith("; sandbox allow-same-origin")
    for kind in ("text/plain", "video/mp4"):
        assert policy(kind).startswith("default-src 'none'; ")
        assert "allow-scripts" not in policy(kind)
        assert "script-src" not in policy(kind)


def test_what_runs_is_not_shown() -> None:
    """Types of which browsers run something are not on the list; case and parameters are."""
    for kind in ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "text/css"):
        assert not is_inline(kind, INLINE_TYPES)
    for kind in ("application/pdf", "application/octet-stream", "text/javascript", ""):
        assert not is_inline(kind, INLINE_TYPES)
    assert is_inline("IMAGE/PNG", INLINE_TYPES)
    assert is_inline("text/plain; charset=utf-8", INLINE_TYPES)
    assert not is_inline("image/png,text/html", INLINE_TYPES)
