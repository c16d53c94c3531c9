"""The same requests to nginx and to ``storages.views.serve``, for the same file, side by side.

``python -m tests.serving.conformance`` writes docs/serving-conformance.rst; the test of the same
name fails when that page does not say what the servers answer.
"""

from __future__ import annotations

import email
import http.client
import os
import random
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import Message
from http.client import OK
from pathlib import Path
from typing import Literal

from tests.servers.gunicorn import Gunicorn
from tests.servers.nginx import Nginx
from tests.servers.process import HOST, find
from tests.servers.uvicorn import Uvicorn

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serving-conformance.rst"
SIZE = 10_000
CONTENT = random.Random(1).randbytes(SIZE)
MODIFIED = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT
EARLIER = "Mon, 13 Nov 2023 22:13:20 GMT"
LATER = "Wed, 15 Nov 2023 22:13:20 GMT"
OTHER = '"other"'
MANY = ",".join(f"{at}-{at}" for at in range(0, 400, 2))
NONE = "\N{EN DASH}"
TOLD = ("ETag", "Last-Modified", "Accept-Ranges", "Allow")
MOST_SHOWN = 60  # letters of a header
MOST_PARTS = 3


@dataclass(frozen=True)
class Case:
    """A request; ``{etag}``, ``{modified}`` in a header are what the server itself has told.

    ``reason``: why the answers differ, where they do.
    """

    title: str
    section: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    name: str = "film.bin"
    reason: str = ""


def ranged(value: str, section: str = "14.2", reason: str = "", **more: str) -> Case:
    """A request with a Range, and more headers whose names have an underscore for a hyphen."""
    headers = {"Range": value, **{name.replace("_", "-"): more[name] for name in more}}
    return Case(_shown(headers), section, headers, reason=reason)


def conditional(section: str, reason: str = "", **headers: str) -> Case:
    """A request with preconditions."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(_shown(named), section, named, reason=reason)


def _shown(headers: Mapping[str, str]) -> str:
    return "; ".join(
        f"{name}: {value if len(value) <= MOST_SHOWN else value[:12] + '… (200 ranges)'}"
        for name, value in headers.items()
    )


@dataclass(frozen=True)
class Answer:
    """What came back, so far as it is to be compared; ``tells`` are the headers it has."""

    status: int
    content_range: str
    body: str
    tells: frozenset[str]

    def __str__(self) -> str:
        shown = f"``{self.content_range}``" if self.content_range else ""
        return ", ".join(filter(None, [str(self.status), shown, self.body]))


class Asker:
    """Sends the cases to one server; ``path`` is where the files are there."""

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.path = path
        headers = self.ask("HEAD", "film.bin", {})[1]
        self.known = {"etag": headers["ETag"], "modified": headers["Last-Modified"]}

    def ask(self, method: str, name: str, headers: Mapping[str, str]) -> tuple[int, Message, bytes]:
        """Send a request as it stands; return the status, the headers, and the body."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.putrequest(method, self.path + name, skip_accept_encoding=True)
            for header, value in headers.items():
                connection.putheader(header, value)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def answer(self, case: Case) -> Answer:
        """Send a case."""
        headers = {name: value.format(**self.known) for name, value in case.headers.items()}
        status, told, body = self.ask(case.method, case.name, headers)
        if told["ETag"]:
            assert told["ETag"] == self.known["etag"] or case.name != "film.bin"
        if told["Content-Length"] and case.method != "HEAD":
            assert told["Content-Length"] == str(len(body))
        return Answer(
            status,
            told["Content-Range"] or "",
            _described(body, told) if OK <= status < OK + 100 else "",
            frozenset(name for name in TOLD if told[name]),
        )


def _boundary(headers: Message) -> bool:
    return (headers["Content-Type"] or "").startswith("multipart/byteranges")


def _described(body: bytes, headers: Message) -> str:
    """Which bytes of the file a body is, where it is not what Content-Range says."""
    if _boundary(headers):
        mark = b"--" + headers["Content-Type"].partition("boundary=")[2].strip('"').encode()
        _, *parts, end = body.split(mark)
        assert end.strip() == b"--"
        found = [_part(part) for part in parts]
        return f"{len(found)} parts" if len(found) > MOST_PARTS else "parts " + " and ".join(found)
    if not body:
        return f"no body of {headers['Content-Length']} bytes"
    if headers["Content-Range"]:
        return "" if body == _slice(headers["Content-Range"]) else "something else"
    return "the whole" if body == CONTENT else "something else"


def _slice(content_range: str) -> bytes:
    """The bytes that a Content-Range says."""
    found = re.fullmatch(rf"bytes (\d+)-(\d+)/{SIZE}", content_range)
    assert found, content_range
    return CONTENT[int(found[1]) : int(found[2]) + 1]


def _part(part: bytes) -> str:
    """Which bytes a part of several says that it is, if it is those."""
    head, _, content = part.removesuffix(b"\r\n").partition(b"\r\n\r\n")
    told = email.message_from_bytes(head.lstrip())["Content-Range"]
    assert content == _slice(told)
    return str(told).removeprefix("bytes ").partition("/")[0]


INVALID = (
    "What is no valid range may be refused or passed over (14.2). Passed over, the client gets the "
    "file."
)
TOO_BIG = (
    "A last byte beyond the end means the end (14.1.2). nginx takes a number that it cannot hold "
    "for no number."
)
ALONE = "{} is not looked at where {} is given ({}); nginx judges both."
CASES = [
    Case("GET", "9.3.1"),
    Case("HEAD", "9.3.2", method="HEAD"),
    # -- one range
    ranged("bytes=0-99"),
    ranged("bytes=0-0"),
    ranged("bytes=9900-"),
    ranged("bytes=-100"),
    ranged("bytes=0-"),
    ranged("bytes=0-9999"),
    ranged("bytes=9999-9999"),
    ranged("bytes=0-20000"),
    ranged("bytes=-20000"),
    ranged("bytes=0-99999999999999999999", reason=TOO_BIG),
    # -- none that can be satisfied
    ranged("bytes=-0"),
    ranged("bytes=10000-"),
    ranged("bytes=20000-30000"),
    ranged("bytes=99999999999999999999-"),
    # -- no ranges at all
    ranged("bytes=5-2", reason=INVALID),
    ranged("bytes=abc", reason=INVALID),
    ranged("bytes="),
    ranged("bytes=-", reason=INVALID),
    ranged("bytes=1-2-3", reason=INVALID),
    ranged("bytes 0-9"),
    ranged("items=0-5"),
    ranged("0-5"),
    ranged("BYTES=0-9"),
    ranged("bytes= 0-9"),
    ranged("bytes=0-9 ,", reason="Empty elements of a list are passed over (5.6.1.2)."),
    # -- several
    ranged("bytes=0-9,20-29"),
    ranged("bytes=0-9, 20-29"),
    ranged("bytes=20-29,0-9"),
    ranged("bytes=0-9,-10"),
    ranged(
        "bytes=0-9,5-14",
        reason="Parts that overlap, or touch, are sent as one (15.3.7.2).",
    ),
    ranged("bytes=0-9,20000-"),
    ranged("bytes=20000-,30000-"),
    ranged(
        f"bytes={MANY}",
        reason="More than 16 ranges are passed over (14.2, 17.15): each may cost a request to the "
        "store.",
    ),
    ranged("bytes=0-,0-,0-,0-"),
    # -- not for every method
    Case(
        "HEAD; Range: bytes=0-99",
        "14.2",
        {"Range": "bytes=0-99"},
        "HEAD",
        reason="Ranges are defined for GET alone (14.2).",
    ),
    # -- If-Range
    ranged("bytes=0-99", "13.1.5", If_Range="{etag}"),
    ranged("bytes=0-99", "13.1.5", If_Range="W/{etag}"),
    ranged("bytes=0-99", "13.1.5", If_Range=OTHER),
    ranged("bytes=0-99", "13.1.5", If_Range="{modified}"),
    ranged("bytes=0-99", "13.1.5", If_Range=EARLIER),
    ranged("bytes=0-99", "13.1.5", If_Range=LATER),
    ranged("bytes=0-99", "13.1.5", If_Range="rubbish"),
    ranged("bytes=9900-", "13.1.5", If_Range=OTHER),
    ranged("bytes=20000-", "13.1.5", If_Range=OTHER),
    ranged("bytes=99999999999999999999-", "13.1.5", If_Range=OTHER),
    # -- If-None-Match, If-Modified-Since
    conditional("13.1.2", If_None_Match="{etag}"),
    conditional("13.1.2", If_None_Match="W/{etag}"),
    conditional("13.1.2", If_None_Match=OTHER),
    conditional("13.1.2", If_None_Match=f"{OTHER}, {{etag}}"),
    conditional("13.1.2", If_None_Match="*"),
    conditional("13.1.3", If_Modified_Since="{modified}"),
    conditional(
        "13.1.3",
        "What was not changed after that time is not sent. nginx wants the very time, unless "
        "``if_modified_since before`` is set.",
        If_Modified_Since=LATER,
    ),
    conditional("13.1.3", If_Modified_Since=EARLIER),
    conditional("5.6.7", If_Modified_Since="Tuesday, 14-Nov-23 22:13:20 GMT"),
    conditional("5.6.7", If_Modified_Since="Tue Nov 14 22:13:20 2023"),
    conditional("13.1.3", If_Modified_Since="rubbish"),
    conditional(
        "13.1.3",
        ALONE.format("``If-Modified-Since``", "``If-None-Match``", "13.1.3"),
        If_None_Match="{etag}",
        If_Modified_Since=EARLIER,
    ),
    conditional("13.1.3", If_None_Match=OTHER, If_Modified_Since="{modified}"),
    Case("HEAD; If-None-Match: {etag}", "13.1.2", {"If-None-Match": "{etag}"}, "HEAD"),
    # -- If-Match, If-Unmodified-Since
    conditional("13.1.1", If_Match="{etag}"),
    conditional("13.1.1", If_Match="W/{etag}"),
    conditional("13.1.1", If_Match=OTHER),
    conditional("13.1.1", If_Match="*"),
    conditional("13.1.4", If_Unmodified_Since="{modified}"),
    conditional("13.1.4", If_Unmodified_Since=LATER),
    conditional("13.1.4", If_Unmodified_Since=EARLIER),
    conditional(
        "13.1.4",
        ALONE.format("``If-Unmodified-Since``", "``If-Match``", "13.1.4"),
        If_Match="{etag}",
        If_Unmodified_Since=EARLIER,
    ),
    # -- both kinds: the preconditions come first
    ranged("bytes=0-99", "13.2.2", If_None_Match="{etag}"),
    ranged("bytes=0-99", "13.2.2", If_None_Match=OTHER),
    ranged("bytes=0-99", "13.2.2", If_Match=OTHER),
    ranged("bytes=20000-", "13.2.2", If_None_Match="{etag}"),
    ranged("bytes=20000-", "13.2.2", If_Match=OTHER),
    # -- a file of no bytes
    Case("GET, of no bytes", "9.3.1", name="empty.bin"),
    Case(
        "Range: bytes=0-, of no bytes",
        "14.1.2",
        {"Range": "bytes=0-"},
        name="empty.bin",
        reason="There is no byte 0 (14.1.2); nginx passes over ranges of an empty file.",
    ),
    Case("Range: bytes=-5, of no bytes", "14.1.2", {"Range": "bytes=-5"}, name="empty.bin"),
    # -- no file, no such method
    Case("GET, no such file", "15.5.5", name="missing.bin"),
    Case("Range: bytes=0-9, no such file", "14.2", {"Range": "bytes=0-9"}, name="missing.bin"),
    Case(
        "GET, of a directory",
        "15.5.5",
        name="folder",
        reason="A directory is no file; nginx leads to its URL with a slash.",
    ),
    Case("GET ../secret.bin", "15.5.5", name="../secret.bin"),
    Case("GET %2e%2e/secret.bin", "15.5.5", name="%2e%2e/secret.bin"),
    Case("GET ..%2fsecret.bin", "15.5.5", name="..%2fsecret.bin"),
    Case("POST", "15.5.6", {"Content-Length": "0"}, method="POST"),
    Case("DELETE", "15.5.6", method="DELETE"),
]
Row = tuple[Case, Answer, Answer]


def rows(nginx: Asker, wsgi: Asker, asgi: Asker) -> Iterator[Row]:
    """Send every case to all; the two of ours answer alike, and a difference has its reason."""
    for case in CASES:
        theirs, ours, other = (each.answer(case) for each in (nginx, wsgi, asgi))
        assert other == ours, f"{case.title}: {ours} over WSGI, {other} over ASGI"
        differ = str(ours) != str(theirs)
        assert bool(case.reason) == differ, f"{case.title}: {ours}, nginx: {theirs}"
        yield case, theirs, ours


HEAD = """\
Ranges and conditions, beside nginx
===================================

What {version} and ``storages.views.serve`` answer to the same requests for the same file of
{size:,} bytes. gunicorn (WSGI) and uvicorn (ASGI) answer alike. A test sends the requests to all
three, and fails when this page does not say what they answer; ``python -m
tests.serving.conformance`` writes it.

An answer is the status, then the header ``Content-Range`` of a body that is these very bytes of the
file (each was compared), or else what the body is. ``{{etag}}`` and ``{{modified}}`` stand for
what that server has told of the file; the sections are those of RFC 9110.

"""
HEADERS = """
Which headers they send
-----------------------

Of {told}, in all answers above:

"""
DIFFERENCES = """
Where they differ
-----------------

"""


def page(version: str, found: Iterable[Row]) -> str:
    """The page of the documentation."""
    answers = list(found)
    parts = [HEAD.format(version=version, size=SIZE)]
    parts += _table(
        ("Request", "Section", "nginx", "storages"),
        ((f"``{case.title}``", case.section, str(a), str(b)) for case, a, b in answers),
    )
    parts.append(DIFFERENCES)
    reasons: dict[str, list[str]] = {}
    for case, _, _ in answers:
        if case.reason:
            reasons.setdefault(case.reason, []).append(f"``{case.title}``")
    parts += [f"* {', '.join(titles)}: {reason}\n" for reason, titles in reasons.items()]
    parts.append(HEADERS.format(told=", ".join(f"``{name}``" for name in TOLD)))
    statuses = sorted({answer.status for _, *both in answers for answer in both})
    parts += _table(
        ("Status", "nginx", "storages"),
        ((str(status), *(_told(answers, at, status) for at in (1, 2))) for status in statuses),
    )
    return "".join(parts)


def _told(answers: list[Row], at: Literal[1, 2], status: int) -> str:
    """The headers of one server's answers with a status."""
    sets = {row[at].tells for row in answers if row[at].status == status}
    return "; or ".join(
        ", ".join(name for name in TOLD if name in names) or "none of them"
        for names in sorted(sets, key=sorted)
    )


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    yield ".. list-table::\n   :header-rows: 1\n\n"
    for row in (head, *body):
        for at, cell in enumerate(row):
            yield f"   {'*' if at == 0 else ' '} - {cell or NONE}\n"


def ask_all() -> str:
    """Start the servers over one directory, send every case to each; return the page."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        media = root / "media"
        (media / "folder").mkdir(parents=True)
        for file, content in (("film.bin", CONTENT), ("empty.bin", b""), ("../secret.bin", b"s")):
            (media / file).write_bytes(content)
            os.utime(media / file, (MODIFIED, MODIFIED))
        with ExitStack() as stack:
            nginx = stack.enter_context(Nginx(f"location /files/public/ {{ alias {media}/; }}"))
            wsgi = stack.enter_context(Gunicorn(SERVING_ROOT=name))
            asgi = stack.enter_context(Uvicorn(SERVING_ROOT=name))
            askers = [Asker(server.port, "/files/public/") for server in (nginx, wsgi, asgi)]
            return page(_version(), rows(*askers))


def _version() -> str:
    """Which nginx this is: 1.22 answers as 1.22.1 does."""
    done = subprocess.run(
        [find("nginx", package="nginx"), "-v"], capture_output=True, text=True, check=True
    )
    return re.sub(r"(?s).*nginx/(\d+\.\d+).*", r"nginx \1", done.stderr)


if __name__ == "__main__":
    PAGE.write_text(ask_all(), encoding="utf-8")
