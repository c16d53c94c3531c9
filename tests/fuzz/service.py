"""A service whose answers are right but for one, which is almost right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.core.files.base import ContentFile
from hypothesis import strategies as st

from tests.fuzz.making import json_text, mutated, ours
from tests.servers.http import Reply, Request, ScriptedServer

CONTENT = b"hello world\n"


@dataclass(frozen=True)
class Wrong:
    """Which answer is another one: its body, or one of its headers, or its status."""

    kind: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None

    def applied(self, reply: Reply) -> Reply:
        """Return the answer with that."""
        return replace(
            reply,
            status=reply.status if self.status is None else self.status,
            body=reply.body if self.body is None else self.body,
            headers={**reply.headers, **dict(self.headers)},
            # What comes behind it is not to be taken for the next one.
            close=True,
        )


#: Returns what kind of request it is.
KindOf = Callable[[Request], str]
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Length": ("12", "0"),
    "ETag": ('"abc"', 'W/"x"'),
    "Last-Modified": ("Sun, 06 Nov 1994 08:49:37 GMT",),
    "Content-Range": ("bytes 5-11/12", "bytes 0-4/*"),
    "Content-Type": ("application/octet-stream", "application/directory"),
}


def wrong_answers(
    right: Mapping[str, Reply],
    documents: Mapping[str, Any],
    headers: Mapping[str, tuple[str, ...]] = HEADERS,
) -> st.SearchStrategy[Wrong]:
    """Answers of which one is not what it should be; ``documents`` are the bodies in JSON."""

    def of(kind: str) -> st.SearchStrategy[Wrong]:
        line = st.sampled_from(sorted(headers)).flatmap(
            lambda name: mutated(headers[name]).map(lambda value: (name, _one_line(value)))
        )
        lines = st.lists(line, max_size=2).map(tuple)
        status = st.none() | st.sampled_from(
            [200, 201, 202, 204, 206, 301, 404, 409, 412, 416, 500]
        )
        body = (
            json_text(documents[kind])
            if kind in documents
            else mutated([right[kind].body.decode("latin-1")]).map(
                lambda text: text.encode("latin-1", "replace")
            )
        )
        only_body = st.builds(Wrong, st.just(kind), body)
        return only_body | st.builds(Wrong, st.just(kind), st.none() | body, lines, status)

    return st.sampled_from(sorted(right)).flatmap(of)


def _one_line(text: str) -> str:
    return (
        "".join(c for c in text if c not in "\r\n").encode("latin-1", "replace").decode("latin-1")
    )


class Service(ScriptedServer):
    """Answers what is right; ``wrong`` says where not."""

    def __init__(self, right: Mapping[str, Reply], kind_of: KindOf) -> None:
        super().__init__(handler=self._right)
        self.right = right
        self.kind_of = kind_of
        self.wrong: Wrong | None = None
        self.met = 0

    def _right(self, request: Request) -> Reply:
        kind = self.kind_of(request)
        reply = self.right[kind]
        if self.wrong is not None and self.wrong.kind == kind:
            self.met += 1
            return self.wrong.applied(reply)
        return reply

    @contextmanager
    def saying(self, wrong: Wrong) -> Iterator[None]:
        """Answer so while the block runs; forget what was asked before."""
        self.requests.clear()
        # Threads of connections that have ended.
        self._threads[:] = [thread for thread in self._threads if thread.is_alive()]
        self.wrong = wrong
        try:
            yield
        finally:
            self.wrong = None


def everything(storage: Any, name: str = "a", directory: str = "d") -> None:
    """Do a bit of everything: each succeeds, or fails with an error of ours."""

    def read(offset: int = 0) -> bytes:
        with storage.open(name) as file:
            if offset:
                file.seek(offset)
            return bytes(file.read())

    def listed() -> None:
        for entry in storage.scandir(directory):
            assert isinstance(entry.name, str)
            assert entry.name not in {"", ".", ".."}
            assert "/" not in entry.name
            assert entry.stat is None or is_told(entry.stat)

    def is_told(stat: Any) -> bool:
        assert type(stat.size) is int
        assert stat.size >= 0
        assert stat.version is None or isinstance(stat.version, str)
        assert stat.checksum is None or isinstance(stat.checksum, str)
        assert stat.content_type is None or isinstance(stat.content_type, str)
        return True

    acts: tuple[Callable[[], Any], ...] = (
        lambda: storage.listdir(""),
        listed,
        lambda: list(storage.walk("")),
        lambda: list(storage.scantree("")),
        lambda: storage.exists(name),
        lambda: storage.exists(directory),
        lambda: is_told(storage.stat(name)),
        lambda: storage.get_modified_time(name),
        lambda: storage.url(name),
        read,
        lambda: read(5),
        lambda: storage.save("new.txt", ContentFile(CONTENT)),
        lambda: storage.delete(name),
        lambda: storage.delete_many([name, "b"]),
        lambda: storage.copy(name, "copy.txt"),
        lambda: storage.move(name, "moved.txt", overwrite=True),
    )
    for act in acts:
        ours(act, NotImplementedError)
